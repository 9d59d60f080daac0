"""Words of Keras and PyTorch: a sentence shows what replaces them."""

import inspect

import pytest
from refusals import model_of, refused, says

import scratchnet.layers
from scratchnet.callbacks import EarlyStopping
from scratchnet.hints import HINTS
from scratchnet.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dropout,
    LeakyReLU,
    MaxPooling2D,
    Sequential,
)
from scratchnet.losses import BinaryCrossEntropy
from scratchnet.optimizers import Adam

METHODS = {
    "add": (lambda m: m.add(Dense(2)), r"Sequential\(\["),
    "compile": (lambda m: m.compile(loss="mse"), r"fit\(|loss="),
    "fit": (lambda m: m.fit(), r"fit\(model|scratchnet.training"),
    "predict": (lambda m: m.predict(), r"predict\(model|scratchnet.training"),
    "evaluate": (lambda m: m.evaluate(), r"evaluate\(model|scratchnet.training"),
    "save": (lambda m: m.save("x.npz"), r"save\(model|scratchnet.saving"),
    "get_weights": (lambda m: m.get_weights(), "named_parameters"),
    "state_dict": (lambda m: m.state_dict(), "named_parameters"),
}


@pytest.mark.parametrize(("call", "words"), METHODS.values(), ids=METHODS)
def test_methods_of_keras_models_get_a_sentence(call, words):
    model = model_of([Dense(1)], (4,))
    refused(lambda: call(model), words, error=(TypeError, AttributeError))


CONSTRUCTORS = {
    "Dense activation": (lambda: Dense(64, activation="relu"), r"ReLU\(\)"),
    "Dense second argument": (lambda: Dense(64, "relu"), r"ReLU\(\)"),
    "Conv2D activation": (lambda: Conv2D(4, 3, activation="sigmoid"), r"Sigmoid\(\)"),
    "Conv2DTranspose activation": (lambda: Conv2DTranspose(4, 3, activation="relu"), r"ReLU\(\)"),
    "input_shape": (lambda: Dense(3, input_shape=(4,)), r"build\("),
    "LSTM dropout": (lambda: LSTM(4, dropout=0.2), r"Dropout\("),
    "LSTM stateful": (lambda: GRU(4, stateful=True), r"model\.run\(x, state\)"),
    "BatchNormalization axis": (lambda: BatchNormalization(axis=1), "last axis|channels last"),
    "data_format": (
        lambda: MaxPooling2D(2, data_format="channels_first"),
        "channels last|transpose",
    ),
    "alpha": (lambda: LeakyReLU(alpha=0.2), "negative_slope"),
    "Dropout seed": (lambda: Dropout(0.5, seed=1), r"fit\(|set_rng"),
    "lr": (lambda: Adam(lr=0.1), "learning_rate"),
    "clipnorm": (lambda: Adam(clipnorm=1.0), r"clip=ClipByGlobalNorm\(1.0\)"),
    "label_smoothing": (lambda: BinaryCrossEntropy(label_smoothing=0.1), "target"),
    "restore_best_weights": (lambda: EarlyStopping(restore_best_weights=True), r"\brestore_best\b"),
}


@pytest.mark.parametrize(("call", "words"), CONSTRUCTORS.values(), ids=CONSTRUCTORS)
def test_options_of_keras_layers_get_a_sentence(call, words):
    refused(call, words)


def test_users_layers_get_the_same_sentence():
    class Mine(Dense):
        pass

    refused(lambda: Mine(3, activation="relu"), "Mine", r"ReLU\(\)")


def test_layers_in_place_of_a_list_show_the_brackets():
    refused(lambda: Sequential(Dense(3), Dense(2)), r"Sequential\(\[|list of layers")
    refused(lambda: Sequential(), r"Sequential\(\[|list of layers")


def test_names_of_keras_that_are_not_here_say_so():
    with pytest.raises(ImportError) as caught:
        from scratchnet.layers import Conv1D  # noqa: F401
    says(str(caught.value), "Conv1D", "instead")
    assert getattr(scratchnet.layers, "colour", None) is None  # other names: as ever


def test_concatenate_shows_how_to_join():
    with pytest.raises(ImportError) as caught:
        from scratchnet.layers import Concatenate  # noqa: F401
    says(str(caught.value), "Concatenate", 'merge="concatenate"')


def test_an_unknown_option_is_a_type_error_with_the_choices():
    refused(lambda: Dense(3, colour="red"), "colour", "units, use_bias", error=TypeError)
    refused(lambda: Dense(3, unit=3), "did you mean 'units'", error=TypeError)
    refused(lambda: Dense(), "Dense", "'units'", error=TypeError)


def test_a_constructor_shows_its_own_signature():
    assert list(inspect.signature(Dense).parameters)[0] == "units"


def test_no_hint_is_given_for_an_argument_that_exists():
    for kind, word in HINTS:
        layer = getattr(scratchnet.layers, kind, None) if kind[0].isupper() else None
        if layer is not None and (kind, word) != ("Sequential", "layers"):
            assert word not in inspect.signature(layer).parameters
