"""Hints for arguments and names of Keras and PyTorch: what replaces each of them here.

A call with an unknown argument fails in any case. HINTS makes its message useful:

    >>> from scratchnet.layers import Dense
    >>> Dense(64, activation="relu")
    Traceback (most recent call last):
    TypeError: Dense has no argument 'activation': put ReLU(), Sigmoid() or Tanh() after the layer

The keys of HINTS are pairs (kind, word). The kind is the name of a class, whose subclasses have the
hint too, or one of "fit", "evaluate", "model" (attributes of a layer or model), "layers" (names in
`scratchnet.layers`), "initializer", "loss" and "optimizer" (names as text).
"""

import functools
import inspect
from collections.abc import Iterable

from scratchnet.validation import constructor_call, unknown_name

_ACTIVATION = "put ReLU(), Sigmoid() or Tanh() after the layer"
_VALIDATION = "pass validation=(x_val, target_val)"
_WEIGHT_DECAY = "use the optimizer AdamW, which has weight_decay"
_REGULARIZER = "put the layer into WeightRegularization(layer, l1=0.0, l2=0.01)"
_WEIGHTED = "pass weights to fit, or use WeightedLoss(loss, weights)"
_CLASS_WEIGHTS = "use SoftmaxCrossEntropy(class_weights=[...])"
_TRAINING = "use {word}(model, ...) of scratchnet.training"
_SAVING = "use save(model, path) and load(model, path) of scratchnet.saving"
_ARRAYS = "use model.named_parameters(), a dictionary {{path: array}}, or model.parameters"
_BEST = (
    "the file holds the last epoch; for the best one use EarlyStopping(restore_best=True) and "
    "save(model, path) after fit"
)

HINTS = {
    ("Layer", "activation"): _ACTIVATION,
    ("Layer", "input_shape"): "call build(input_shape, seed) of the model",
    ("Layer", "input_dim"): "call build(input_shape, seed) of the model",
    ("Layer", "in_features"): "call build(input_shape, seed) of the model",
    ("Layer", "in_channels"): "call build(input_shape, seed) of the model",
    ("Layer", "out_features"): "use units",
    ("Layer", "out_channels"): "use filters",
    ("Layer", "bias"): "use use_bias",
    ("Layer", "stride"): "use strides",
    ("Layer", "dilation"): "use dilation_rate",
    ("Layer", "data_format"): (
        "images are (N, H, W, C), channels last; from channels first: x.transpose(0, 2, 3, 1)"
    ),
    ("Layer", "kernel_regularizer"): _REGULARIZER,
    ("Layer", "bias_regularizer"): "biases have no penalty; for weights " + _REGULARIZER,
    ("Layer", "recurrent_regularizer"): _REGULARIZER,
    ("Layer", "embeddings_regularizer"): _REGULARIZER,
    ("Embedding", "mask_zero"): "use mask_value=0",
    ("Embedding", "padding_idx"): "use mask_value, which masks these steps in all layers",
    ("Embedding", "num_embeddings"): "use input_dim",
    ("Embedding", "embedding_dim"): "use output_dim",
    ("Bidirectional", "merge_mode"): 'use merge="concatenate" or merge="add"',
    ("Bidirectional", "backward_layer"): "the second direction is a copy of the layer",
    ("Layer", "activity_regularizer"): "put ActivityRegularization(l1, l2) after the layer",
    ("Layer", "bias_initializer"): "biases start at 0; for others write layer.b[...] after build",
    ("Layer", "trainable"): "set layer.trainable = False",
    ("Layer", "dtype"): "use model.astype('float64')",
    ("Layer", "seed"): "pass seed to fit(...), or call model.set_rng(seed)",
    ("Layer", "axis"): "the channels are the last axis",
    ("LeakyReLU", "alpha"): "use negative_slope",
    ("Dropout", "p"): "use rate",
    ("Recurrent", "dropout"): "put Dropout(rate) before the layer",
    ("Recurrent", "recurrent_dropout"): "put Dropout(rate) before the layer",
    ("Recurrent", "recurrent_activation"): "the activation of the gates is the sigmoid",
    ("Recurrent", "stateful"): (
        "pass the state on: y, state = model.run(x, state), and to train use truncated_bptt"
    ),
    ("Recurrent", "hidden_size"): "use units",
    ("Sequential", "layers"): "pass a list of layers, as in Sequential([Dense(8), ReLU()])",
    ("Loss", "label_smoothing"): "smooth the target: target * (1 - a) + a / K for K classes",
    ("Loss", "weight"): _CLASS_WEIGHTS,
    ("Loss", "class_weight"): _CLASS_WEIGHTS,
    ("Loss", "sample_weight"): _WEIGHTED,
    ("Loss", "pos_weight"): _WEIGHTED,
    ("Optimizer", "lr"): "use learning_rate",
    ("Optimizer", "betas"): "use beta_1 and beta_2",
    ("Optimizer", "eps"): "use epsilon",
    ("Optimizer", "decay"): "pass a schedule of scratchnet.schedules as learning_rate",
    ("Optimizer", "clipnorm"): "use clip=ClipByGlobalNorm(1.0)",
    ("Optimizer", "global_clipnorm"): "use clip=ClipByGlobalNorm(1.0)",
    ("Optimizer", "clipvalue"): "use clip=ClipByValue(1.0)",
    ("Optimizer", "weight_decay"): _WEIGHT_DECAY,
    ("EarlyStopping", "restore_best_weights"): "use restore_best",
    ("Checkpoint", "save_best_only"): _BEST,
    ("Checkpoint", "monitor"): _BEST,
    ("Checkpoint", "save_weights_only"): (
        "the file holds all that a run needs to resume; for the weights use save(model, path)"
    ),
    ("fit", "y"): "use target",
    ("fit", "validation_split"): _VALIDATION,
    ("fit", "validation_data"): _VALIDATION,
    ("fit", "learning_rate"): "pass it to the optimizer, optimizer=Adam(0.001)",
    ("fit", "class_weight"): _CLASS_WEIGHTS,
    ("fit", "sample_weight"): "use weights",
    ("fit", "threads"): "use workers",
    ("fit", "initial_epoch"): "use the callback Checkpoint(path, resume=True)",
    ("VAE.fit", "loss"): "the loss of a VAE follows from sigma, see VAE(encoder, decoder, sigma=)",
    ("VAE.fit", "y"): "use labels, for a VAE with classes",
    ("GAN.fit", "y"): "use labels, for a GAN with classes",
    ("GAN.fit", "on_epoch"): "use callbacks=[...], a Callback with a method on_epoch_end(run)",
    ("GAN.fit", "optimizer"): "use optimizer_d and optimizer_g",
    ("model", "add"): "pass all layers at once, Sequential([Dense(8), ReLU()])",
    ("model", "pop"): "make another model, Sequential(model.layers[:-1])",
    ("model", "compile"): "pass loss and optimizer to fit(model, x, target, loss=, optimizer=)",
    ("model", "fit"): _TRAINING,
    ("model", "predict"): _TRAINING,
    ("model", "evaluate"): _TRAINING,
    ("model", "train_on_batch"): "use train_step(model, ...) of scratchnet.training",
    ("model", "train"): "pass train=True to forward",
    ("model", "eval"): "pass train=False to forward, its default",
    ("model", "save"): _SAVING,
    ("model", "load"): _SAVING,
    ("model", "save_weights"): _SAVING,
    ("model", "load_weights"): _SAVING,
    ("model", "load_state_dict"): _SAVING,
    ("model", "state_dict"): _ARRAYS,
    ("model", "get_weights"): _ARRAYS,
    ("model", "set_weights"): _ARRAYS,
    ("model", "weights"): _ARRAYS,
    ("model", "count_params"): "use model.n_parameters",
    ("layers", "Concatenate"): 'use Skip(layers, merge="concatenate"), with shortcut=layers',
    ("layers", "Add"): "use Skip(layers), with shortcut=layers",
    ("layers", "Masking"): "use mask_value of the recurrent layer or of Embedding",
    ("layers", "Activation"): "use ReLU(), Sigmoid(), Tanh(), ...",
    ("layers", "Input"): "call build(input_shape, seed) of the model instead",
    ("layers", "InputLayer"): "call build(input_shape, seed) of the model instead",
    ("layers", "Linear"): "use Dense instead",
    ("layers", "Conv2d"): "use Conv2D instead",
    ("layers", "Conv1D"): "use Reshape and Conv2D instead, with a height of 1",
    ("initializer", "relu"): _ACTIVATION,
    ("initializer", "sigmoid"): _ACTIVATION,
    ("initializer", "tanh"): _ACTIVATION,
    ("initializer", "softmax"): "put Softmax() after the layer, unless the loss expects logits",
    ("loss", "mse"): "use MeanSquaredError()",
    ("loss", "mean_squared_error"): "use MeanSquaredError()",
    ("loss", "mae"): "use MeanAbsoluteError()",
    ("loss", "mean_absolute_error"): "use MeanAbsoluteError()",
    ("loss", "huber"): "use Huber()",
    ("loss", "binary_crossentropy"): "use BinaryCrossEntropy(from_logits=...)",
    ("loss", "categorical_crossentropy"): "use SoftmaxCrossEntropy(), which expects logits",
    ("loss", "sparse_categorical_crossentropy"): "use SoftmaxCrossEntropy(), which expects logits",
    ("loss", "crossentropy"): "use SoftmaxCrossEntropy(), which expects logits",
    ("optimizer", "adam"): "use Adam()",
    ("optimizer", "adamw"): "use AdamW()",
    ("optimizer", "sgd"): "use SGD()",
    ("optimizer", "rmsprop"): "use RMSprop()",
    ("optimizer", "adagrad"): "use Adagrad()",
}


def hint_for(kinds: Iterable[str], word: str) -> str:
    """Look up what replaces a word of another library: the hint of the first kind that has one.

    Returns "" if there is no hint.

    >>> hint_for(["LSTM", "Layer"], "activity_regularizer")
    'put ActivityRegularization(l1, l2) after the layer'
    """
    found = (HINTS[kind, word] for kind in kinds if (kind, word) in HINTS)
    return next(found, "").format(word=word)


def unknown_argument(
    owner: str, kinds: Iterable[str], word: str, choices: Iterable[str]
) -> TypeError:
    """Make the TypeError for an argument that a call does not have, with its hint or the choices.

    >>> print(unknown_argument("fit", ["fit"], "validation_split", ["x", "target"]))
    fit has no argument 'validation_split': pass validation=(x_val, target_val)
    >>> print(unknown_argument("fit", ["fit"], "targets", ["x", "target"]))
    fit has no argument 'targets': choose one of target, x (did you mean 'target'?)
    """
    hint = hint_for(kinds, word) or str(unknown_name("argument", word, choices)).split(": ", 1)[1]
    return TypeError(f"{owner} has no argument {word!r}: {hint}")


def with_hints(init):
    """Decorator for the ``__init__`` of a class: a wrong argument gets its hint.

    A subclass that has no ``__init__`` is named in the message by its own name.
    """
    signature = inspect.signature(init)
    _, *own = signature.parameters.values()  # without self
    takes_any = any(p.kind is p.VAR_KEYWORD for p in own)  # hands options on to its base class

    @functools.wraps(init)
    def checked_init(self, *args, **options):
        kind = type(self)
        kinds = [base.__name__ for base in kind.__mro__]
        for word in () if takes_any else options:
            if word not in signature.parameters:
                names = [p.name for p in own]
                raise unknown_argument(kind.__name__, kinds, word, names)
        try:
            signature.bind(self, *args, **options)
        except TypeError as problem:  # a missing argument, or too many
            hints = [hint_for(kinds, p.name) for p in own if repr(p.name) in str(problem)]
            raise TypeError(
                ": ".join([kind.__name__, str(problem), *filter(None, hints)])
            ) from None
        init(self, *args, **options)

    return checked_init


class WithHints:
    """Base of classes whose constructors, and those of their subclasses, give hints.

    >>> class Optimizer(WithHints):
    ...     def __init__(self, learning_rate):
    ...         self.learning_rate = learning_rate
    >>> Optimizer(lr=0.1)
    Traceback (most recent call last):
    TypeError: Optimizer has no argument 'lr': use learning_rate
    """

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "__init__" in cls.__dict__:
            cls.__init__ = with_hints(cls.__dict__["__init__"])

    def __repr__(self):
        return constructor_call(self)
