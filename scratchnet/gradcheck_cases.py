"""Registry of gradient checks: every public layer and loss, with the options and shapes to check.

A new layer needs one entry in LAYERS, a new loss one in LOSSES:

    "Dense": (grid(units=[1, 3], use_bias=YES_NO), [(5,), (1,)]),

are the combinations of options, here four, and the input shapes without the batch axis. `scratchnet
gradcheck` checks each combination with each shape, with batches of 4 and 1 samples, in training and
at inference. The tests of the layer contract (tests/support/cases.py) take their examples from the
same entries. Tests fail for a public layer or loss without an entry, and for an option that has
only one value here.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from scratchnet import layers, losses
from scratchnet.backend import to_device
from scratchnet.gradcheck import Report, gradcheck


@dataclasses.dataclass
class Case:
    """One gradient check; `make()` returns the layer or loss, `arguments` are gradcheck's."""

    name: str
    options: dict[str, Any]
    make: Callable
    arguments: tuple
    train: bool = True

    def run(self) -> Report:
        """Check the gradients of this case."""
        return gradcheck(self.make(), *self.arguments, train=self.train)


def grid(**options: list) -> list[dict[str, Any]]:
    """Every combination of the options' values.

    >>> grid(units=[1, 2], use_bias=[True])
    [{'units': 1, 'use_bias': True}, {'units': 2, 'use_bias': True}]
    """
    return [
        dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())
    ]


def _stack():
    """A model of models that uses one layer twice and ends in a penalty."""
    shared = layers.Dense(4)
    inner = layers.Sequential([shared, layers.Tanh(), shared])
    return (layers.Dense(4), inner, layers.ActivityRegularization(l1=0.1), layers.Dense(2))


def _normalized():
    """A layer that keeps the shape of every input, with parameters."""
    return [layers.LayerNormalization(), layers.Tanh()]


def _convolution():
    return [layers.Conv2D(2, 3, padding="same"), layers.Tanh()]


def _twice():
    """A layer that is used twice, and one without weights, whose parameters have no penalty."""
    shared = layers.Dense(5)
    return [shared, layers.Tanh(), shared, layers.LayerNormalization()]


def _bidirectional_layers():
    """Inner layers of a Bidirectional: each kind, with and without steps and masked steps."""
    return [
        lambda: layers.LSTM(2, return_sequences=True),
        lambda: layers.GRU(3, mask_value=0.0, return_sequences=True),
        lambda: layers.SimpleRNN(2),
    ]


VECTOR, IMAGE = (5,), (3, 2, 4)  # (D,) and (H, W, C), all sizes different
ODD, GRAY = (5, 4, 2), (4, 6, 1)  # images that windows do not divide; images of one channel
PADDING, AT_EDGES = ["valid", "same", ((1, 0), (0, 2))], ((1, 0), (0, 1))
YES_NO = [True, False]
INNER = (  # options whose values are functions that make layers, losses or arrays
    *("layer", "layers", "inner", "shortcut"),
    *("loss", "weights", "masked"),
)
NORMALIZED: dict[str, list] = dict(epsilon=[1e-3, 0.1], center=YES_NO, scale=YES_NO)


def _sequence(t, *states, masked=()):
    """A maker of n sequences (n, t, 3), with zeros at masked steps, and of initial states."""

    def make(rng, n, units, **_):
        x = rng.standard_normal((n, t, 3))
        x[:, list(masked)] = 0
        x[0, -1] = 1  # the last step of one sequence is not masked
        start = tuple(rng.standard_normal((n, units)) for _ in states)
        return (x, *start) if states else x

    return make


def _recurrent(*states, **options):
    """The entry of a recurrent layer: each option, with and without states and masked steps."""
    outputs = grid(units=[2], return_sequences=YES_NO, return_state=YES_NO)
    every_step = dict(units=2, return_sequences=True, mask_value=0.0)
    initial = dict(kernel_initializer="orthogonal", recurrent_initializer="glorot_uniform")
    combinations = [
        *outputs,
        every_step | dict(units=3, go_backwards=True, return_state=True) | initial,
        *(every_step | {name: value} for name, values in options.items() for value in values),
    ]
    masked = _sequence(7, *states, masked=(0, 3, 6))
    return combinations, [(1, 3), _sequence(2, *states), (7, 3), masked]


def _indices(*shape):
    """A maker of n samples of class indices."""

    def make(rng, n, input_dim, **_):
        return rng.integers(input_dim, size=(n, *shape))

    return make


# name: (combinations of options, input shapes without the batch axis or functions that make x).
LAYERS: dict[str, tuple[list[dict[str, Any]], list]] = {
    "ActivityRegularization": (
        grid(l1=[0.3, 0.0], l2=[0.7, 0.0], reduction=["mean", "sum"]),
        [VECTOR, IMAGE],
    ),
    "AveragePooling2D": (
        grid(pool_size=[2, (3, 2)], strides=[None, (1, 2)], padding=["valid", "same", AT_EDGES]),
        [ODD, GRAY],
    ),
    "BatchNormalization": (grid(momentum=[0.99, 0.5], **NORMALIZED), [VECTOR, IMAGE]),
    "Bidirectional": (
        grid(layer=_bidirectional_layers(), merge=["add", "concatenate"]),
        [(1, 3), (6, 3)],
    ),
    "Conv2D": (
        grid(filters=[2, 4], kernel_size=[(3, 2)], strides=[1, (2, 3)], padding=PADDING)
        + grid(filters=[2], kernel_size=[2], padding=["same"], dilation_rate=[1, (1, 2)])
        + grid(filters=[2], kernel_size=[(1, 3)], groups=[2], strides=[1, 2], use_bias=YES_NO)
        + grid(filters=[3], kernel_size=[2], kernel_initializer=["he_normal"]),
        [ODD, (4, 5, 6)],
    ),
    "Conv2DTranspose": (
        grid(filters=[2, 4], kernel_size=[(3, 2)], strides=[1, (2, 3)], padding=PADDING)
        + grid(
            filters=[2],
            kernel_size=[3],
            strides=[2],
            padding=["valid", 1],
            output_padding=[0, (0, 1)],
            use_bias=YES_NO,
        )
        + grid(
            filters=[2],
            kernel_size=[(3, 2), (1, 4)],
            strides=[(2, 3)],
            padding=["same"],
            output_padding=[1, (0, 2)],
        )
        + grid(filters=[3], kernel_size=[2], kernel_initializer=["he_normal"]),
        [ODD, GRAY],
    ),
    "Cropping2D": (grid(cropping=[1, (1, 0), ((0, 1), (2, 0))]), [ODD, GRAY]),
    "Dense": (
        grid(units=[1, 3], use_bias=YES_NO, kernel_initializer=["glorot_uniform", "orthogonal"]),
        [VECTOR, (1,)],
    ),
    "Dropout": (grid(rate=[0.0, 0.3, 0.8]), [VECTOR, IMAGE]),
    "ELU": (grid(alpha=[1.0, 0.4]), [VECTOR, IMAGE]),
    "Embedding": (
        grid(
            input_dim=[1, 7],
            output_dim=[1, 3],
            embeddings_initializer=["glorot_uniform", "ones"],
            mask_value=[None, 0],
        ),
        [_indices(), _indices(5), _indices(2, 3)],
    ),
    "Flatten": (grid(), [VECTOR, IMAGE]),
    "GELU": (grid(approximate=YES_NO), [VECTOR, IMAGE]),
    "GRU": _recurrent(
        "h",
        **dict(use_bias=[False], activation=["relu"], recurrent_activation=["tanh"]),
        reset_after=[False],
    ),
    "GaussianNoise": (grid(stddev=[0.0, 0.5]), [VECTOR, IMAGE]),
    "GlobalAveragePooling2D": (grid(), [ODD, GRAY]),
    "GlobalMaxPooling2D": (grid(), [ODD, GRAY]),
    "GroupNormalization": (grid(groups=[1, 2, 4], **NORMALIZED), [(8,), IMAGE]),
    "LSTM": _recurrent(
        *("h", "c"),
        **dict(use_bias=[False], unit_forget_bias=[False]),
        **dict(activation=["relu"], recurrent_activation=["tanh"]),
    ),
    "LayerNormalization": (grid(**NORMALIZED), [VECTOR, IMAGE]),
    "LeakyReLU": (grid(negative_slope=[0.3, 0.0, 2.0]), [VECTOR, IMAGE]),
    "LogSoftmax": (grid(axis=[-1, 1]), [VECTOR, IMAGE]),
    "MaxPooling2D": (
        grid(pool_size=[2, (3, 2)], strides=[None, (1, 2)], padding=["valid", "same", AT_EDGES]),
        [ODD, GRAY],
    ),
    "ReLU": (grid(), [VECTOR, IMAGE]),
    "RepeatVector": (grid(n=[1, 3]), [VECTOR]),
    "Reshape": (grid(target_shape=[(4, 6), (-1, 2, 3), (24,)]), [IMAGE]),
    "SELU": (grid(), [VECTOR, IMAGE]),
    "Sampling": (grid(beta=[1.0, 0.3, 0.0]), [(6,), (3, 4)]),
    "Sequential": (grid(layers=[_stack, lambda: (layers.Dense(3), layers.Softmax())]), [VECTOR]),
    "Sigmoid": (grid(), [VECTOR, IMAGE]),
    "SimpleRNN": _recurrent("h", use_bias=[False], activation=["relu", "sigmoid", "linear"]),
    "Skip": (
        grid(inner=[_normalized], merge=["add", "concatenate"])
        + grid(inner=[_convolution], merge=["add", "concatenate"], shortcut=[_convolution]),
        [IMAGE, (3, 4, 2)],
    ),
    "Softmax": (grid(axis=[-1, 1]), [VECTOR, IMAGE]),
    "Softplus": (grid(), [VECTOR, IMAGE]),
    "Tanh": (grid(), [VECTOR, IMAGE]),
    "UnpoolingBlock": (
        grid(inner=[None, layers.Tanh], pool_size=[2, (1, 2)], strides=[None, (2, 3)]),
        [ODD, GRAY],
    ),
    "UpSampling2D": (grid(size=[2, (1, 3)], interpolation=["nearest", "bilinear"]), [ODD, GRAY]),
    "WeightRegularization": (
        grid(inner=[_twice], l1=[0.3, 0.0], l2=[0.7, 0.0]) + grid(inner=[_normalized], l2=[0.1]),
        [VECTOR],
    ),
    "ZeroPadding2D": (grid(padding=[1, (1, 0), ((0, 1), (2, 0))]), [ODD, GRAY]),
    "TimeDistributed": (grid(layer=[lambda: layers.Dense(2), layers.Tanh]), [(2, 5), (1, 3)]),
}


def layer_cases() -> Iterator[Case]:
    """Yield a Case for each layer, combination, input shape, batch size (4 and 1) and mode."""
    for name, (combinations, shapes) in LAYERS.items():
        for options, shape, n, train in itertools.product(
            combinations, shapes, (4, 1), (True, False)
        ):
            if callable(shape):
                x = shape(np.random.default_rng(n), n, **options)
            else:
                x = np.random.default_rng(len(shape) + n).standard_normal((n, *shape))
            yield Case(name, options, layer_maker(name, options), (x,), train)
        yield from _any_size_cases(name)


def _any_size_cases(name):
    """Yield a Case for each combination of options, of a layer that is built without sizes."""
    kind, (combinations, shapes) = getattr(layers, name), LAYERS[name]
    shape = next((s for s in reversed(shapes) if not callable(s) and len(s) > 1), ())
    if kind.fixed_axes is None or not kind.needs_build or not shape:
        return
    x = np.random.default_rng(1).standard_normal((2, *shape))
    sizes = (*[None] * (len(shape) - 1), shape[-1])
    for options in combinations:
        make = functools.partial(_built, layer_maker(name, options), sizes)
        yield Case(name, options | {"sizes": sizes}, make, (x,))


def _built(make, shape):
    layer = make()
    layer.build(shape, 0)
    return layer


def layer_maker(name: str, options: dict[str, Any]) -> Callable[[], layers.Layer]:
    """A function that makes the layer of this name and these options, with new inner layers.

    >>> layer_maker("TimeDistributed", {"layer": layers.Tanh})()
    TimeDistributed(layer=Tanh())
    """
    return _maker(getattr(layers, name), options)


def _maker(kind, options):
    def make():
        inner = {n: v() for n, v in options.items() if n in INNER and v is not None}
        return kind(**options | inner)

    return make


def _numbers(rng, shape, **_):
    return rng.standard_normal(shape), rng.standard_normal(shape)


def _binary(rng, shape, from_logits, **_):
    logits = 3 * rng.standard_normal(shape)
    target = rng.random(shape)  # between 0 and 1, as gray pixels
    return (logits if from_logits else 1 / (1 + np.exp(-logits))), target


def _classes(rng, shape, targets, class_weights=None, ignore_index=None, **_):
    *positions, k = shape if class_weights is None else (*shape[:-1], len(class_weights))
    index = rng.integers(k, size=positions)
    rows = {"index": index, "soft": rng.dirichlet(np.ones(k), size=positions)}
    rows["one-hot"] = np.eye(k)[index]
    if ignore_index is not None:
        index.flat[0] = ignore_index
    return 3 * rng.standard_normal((*positions, k)), rows[targets]


def _weighted(rng, shape, loss, **_):
    """Numbers, or logits and classes, of the steps that `_weights` and `_masked` have."""
    if loss is _classes_of_steps:
        return rng.standard_normal((4, 3, 5)), rng.integers(-1, 5, size=(4, 3))
    return rng.standard_normal((4, 3, 2)), rng.standard_normal((4, 3, 2))


def _classes_of_steps():
    return losses.SoftmaxCrossEntropy("mean", [0.2, 1.0, 3.0, 0.0, 1.0], ignore_index=-1)


def _numbers_of_samples():
    return losses.MeanSquaredError("per_sample")


def _weights_of_samples():
    return to_device(np.array([1.5, 0.0, 0.2, 7.0]))


def _weights_of_steps():
    return to_device(np.arange(12.0).reshape(4, 3))


def _masked_steps():
    return to_device(np.arange(12).reshape(4, 3) % 5 == 1, bool)


REDUCTION = ["mean", "per_sample"]
_CLASSES: list[dict[str, Any]] = [
    *grid(targets=["index", "one-hot", "soft"], reduction=REDUCTION),
    *grid(
        targets=["index"],
        reduction=REDUCTION,
        class_weights=[None, [0.5, 2.0, 0.0]],
        ignore_index=[-1, 255],
    ),
]
# name: (combinations of options, function that makes prediction and target)
LOSSES: dict[str, tuple[list[dict[str, Any]], Callable]] = {
    "BinaryCrossEntropy": (grid(from_logits=YES_NO, reduction=REDUCTION), _binary),
    "GaussianNLL": (grid(sigma=[1.0, 0.2], reduction=REDUCTION), _numbers),
    "Huber": (grid(delta=[1.0, 0.3], reduction=REDUCTION), _numbers),
    "KLToStandardNormal": (grid(), _numbers),
    "MeanAbsoluteError": (grid(reduction=REDUCTION), _numbers),
    "MeanSquaredError": (grid(reduction=REDUCTION), _numbers),
    "NegativeLogLikelihood": (_CLASSES, _classes),
    "SoftmaxCrossEntropy": (_CLASSES, _classes),
    "WeightedLoss": (
        grid(
            loss=[losses.Huber, _numbers_of_samples, _classes_of_steps],
            weights=[_weights_of_samples, _weights_of_steps],
            masked=[None, _masked_steps],
        ),
        _weighted,
    ),
}


def loss_cases() -> Iterator[Case]:
    """Yield a Case for each loss, combination of options (and kinds of targets) and shape."""
    for name, (combinations, data) in LOSSES.items():
        for options, shape in itertools.product(combinations, [(4, 3), (1, 5), (2, 3, 2)]):
            rng = np.random.default_rng(len(shape))
            arguments = {o: v for o, v in options.items() if o != "targets"}
            make = _maker(getattr(losses, name), arguments)
            yield Case(name, options, make, data(rng, shape, **options))


def all_cases() -> list[Case]:
    """All cases, those of layers first."""
    return [*layer_cases(), *loss_cases()]
