"""Messages for wrong arguments: which layer, what it expects, what arrived, what to do."""

import re

import numpy as np
import pytest
from cases import built

from scratchnet.layers import (
    ELU,
    GELU,
    ActivityRegularization,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Layer,
    LayerNormalization,
    LeakyReLU,
    ReLU,
    Reshape,
    Sequential,
    ShapeError,
    Softmax,
    Tanh,
)
from scratchnet.validation import constructor_options


def tells(action, error, sentence):
    """The action raises this error, and its message begins with the sentence."""
    with pytest.raises(error, match="^" + re.escape(sentence)) as caught:
        action()
    assert "\n" not in str(caught.value)


OPTIONS = [
    (lambda: Dense(0), "Dense expects units >= 1; got 0"),
    (lambda: Dense(-3), "Dense expects units >= 1; got -3"),
    (lambda: Dense(2.5), "Dense expects units >= 1; got 2.5: use a whole number"),
    (lambda: Dense("many"), "Dense expects units >= 1; got 'many': use a whole number"),
    (lambda: Dense(3, "glorot_unifrom"), "unknown initializer 'glorot_unifrom': choose one of"),
    (lambda: LeakyReLU(-0.1), "LeakyReLU expects negative_slope >= 0; got -0.1"),
    (lambda: LeakyReLU(float("nan")), "LeakyReLU expects negative_slope >= 0; got nan"),
    (lambda: ELU(0), "ELU expects alpha > 0; got 0"),
    (lambda: GELU("none"), "GELU expects approximate"),
    (lambda: Softmax(0), "Softmax expects an axis other than 0, the batch axis"),
    (lambda: Reshape((2, 0)), "Reshape expects sizes >= 1, at most one of them -1; got (2, 0)"),
    (lambda: Reshape((-1, -1)), "Reshape expects sizes >= 1, at most one of them -1; got (-1, -1)"),
    (lambda: Dropout(1), "Dropout expects 0 <= rate < 1; got 1"),
    (lambda: Dropout(-0.1), "Dropout expects 0 <= rate < 1; got -0.1"),
    (lambda: Dropout(50), "Dropout expects 0 <= rate < 1; got 50"),
    (lambda: GaussianNoise(-1), "GaussianNoise expects stddev >= 0; got -1"),
    (lambda: ActivityRegularization(-1), "ActivityRegularization expects l1 >= 0; got -1"),
    (lambda: ActivityRegularization(reduction="avg"), "unknown reduction 'avg': choose one of"),
    (lambda: BatchNormalization(1.1), "BatchNormalization expects 0 <= momentum <= 1; got 1.1"),
    (lambda: BatchNormalization(epsilon=0), "BatchNormalization expects epsilon > 0; got 0"),
    (lambda: LayerNormalization(-1e-3), "LayerNormalization expects epsilon > 0; got -0.001"),
]
NO_LAYERS = [
    (lambda: Sequential([Dense(3), "relu"]), "Sequential expects layers; got 'relu': str"),
    (lambda: Sequential([ReLU]), "Sequential expects layers; got <class"),
    (lambda: Sequential(Dense(3)), "Sequential expects"),
    (lambda: Reshape(5), "Reshape expects"),
]


@pytest.mark.parametrize(("make", "sentence"), OPTIONS, ids=[s for _, s in OPTIONS])
def test_a_bad_option(make, sentence):
    tells(make, ValueError, sentence)


@pytest.mark.parametrize(("make", "sentence"), NO_LAYERS, ids=[s for _, s in NO_LAYERS])
def test_something_else_than_what_a_layer_is_made_of(make, sentence):
    tells(make, TypeError, sentence)


def test_the_likeliest_name_is_offered():
    with pytest.raises(ValueError, match=r"choose one of .*orthogonal.* \(did you mean 'he_norm"):
        Dense(3, "he_norml")


def test_two_layers_of_one_name():
    layers = [Dense(3, name="code"), Tanh(name="code")]
    tells(lambda: Sequential(layers), ValueError, "two layers are named 'code': names must differ")


BUILDS = [
    (Dense(3), (5, 4, 2), "Dense expects (N, D); got (N, 5, 4, 2): put Flatten() before it"),
    (Dense(3, name="code"), (), "Dense 'code' expects (N, D); got (N)"),
    (Dense(3), 784, "Dense expects"),
    (Dense(3), (-1,), "Dense expects"),
    (BatchNormalization(), (), "BatchNormalization expects"),
    (Softmax(axis=3), (4,), "Softmax expects"),
    (Softmax(axis=-2), (4,), "Softmax expects"),
    (Reshape((7, 4)), (28, 28), "Reshape cannot make (N, 7, 4) of (N, 28, 28): a sample has 784"),
    (Reshape((-1, 5)), (28,), "Reshape cannot make (N, -1, 5) of (N, 28): a sample has 28 n"),
    (
        built(Dense(3), (4,)),
        (5,),
        "Dense was built for (N, 4) and cannot take (N, 5) as well: make a second layer",
    ),
    (
        Sequential([Flatten(), Dense(3), Dense(2, name="code"), Reshape((5,))]),
        (2, 2),
        "Reshape 'reshape' cannot make (N, 5) of (N, 2): a sample has 2 numbers",
    ),
]


@pytest.mark.parametrize(("layer", "shape", "sentence"), BUILDS, ids=[b[2] for b in BUILDS])
def test_a_shape_that_cannot_be_built(layer, shape, sentence):
    tells(lambda: layer.build(shape, 0), (ValueError, TypeError), sentence)


@pytest.mark.parametrize(
    "layer", [Dense(3), Flatten(), Dropout(0.5), BatchNormalization(), Sequential([ReLU()])]
)
def test_use_before_build(layer):
    kind = type(layer).__name__
    tells(
        lambda: layer(np.zeros((2, 3))),
        ShapeError,
        f"{kind} is not built yet: call build(input_shape, seed) first",
    )


def test_parameters_before_build():
    sentence = "this model has no trainable parameters: is everything frozen or unbuilt?"
    tells(lambda: Dense(3).parameters, ValueError, sentence)
    tells(lambda: Dense(3).W, AttributeError, "Dense has no attribute 'W'")


FLAT, IMAGES = built(Dense(3, name="code"), (4,)), built(BatchNormalization(), (28, 20, 3))
TO_CHANNELS_LAST = ": axes in another order? Use x.transpose(0, 2, 3, 1)"
SHAPES = [
    (FLAT, (2, 5), "Dense 'code' expects (N, 4); got (2, 5)"),
    (FLAT, (4, 2), "Dense 'code' expects (N, 4); got (4, 2)"),
    (FLAT, (2, 0), "Dense 'code' expects (N, 4); got (2, 0)"),
    (FLAT, (), "Dense 'code' expects (N, 4); got ()"),
    (FLAT, (4,), "Dense 'code' expects (N, 4); got (4,). A single sample? Add the batch axis: x["),
    (FLAT, (7, 2, 2), "Dense 'code' expects (N, 4); got (7, 2, 2). Flatten or reshape it: x.resh"),
    (IMAGES, (9, 3, 28, 20), f"expects (N, 28, 20, 3); got (9, 3, 28, 20){TO_CHANNELS_LAST}"),
    (IMAGES, (9, 28, 20, 1), "expects (N, 28, 20, 3); got (9, 28, 20, 1)"),
    (IMAGES, (9, 28, 20), "expects (N, 28, 20, 3); got (9, 28, 20)"),
    (IMAGES, (28, 20, 3), "expects (N, 28, 20, 3); got (28, 20, 3). A single sample?"),
    (IMAGES, (9, 1680), "expects (N, 28, 20, 3); got (9, 1680). Flatten or reshape it: x.reshape("),
]


@pytest.mark.parametrize(("layer", "shape", "sentence"), SHAPES, ids=[str(s[1]) for s in SHAPES])
def test_an_array_of_another_shape(layer, shape, sentence):
    with pytest.raises(ShapeError, match=re.escape(sentence)) as caught:
        layer(np.zeros(shape, "float32"))
    assert str(caught.value).startswith(type(layer).__name__)


def test_the_proposed_repairs_work():
    x = np.zeros((9, 3, 28, 20), "float32")
    assert IMAGES(x.transpose(0, 2, 3, 1)).shape == (9, 28, 20, 3)
    assert IMAGES(np.zeros((9, 1680), "float32").reshape(9, 28, 20, 3)).shape == (9, 28, 20, 3)
    assert FLAT(np.zeros((4,), "float32")[None]).shape == (1, 3)


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        ([[1.0, 2.0, 3.0, 4.0]], "expects an array; got list"),
        (np.zeros((2, 4), "uint8"), "got uint8: use x.astype('float32') / 255"),
        (np.zeros((2, 4), "int64"), "got int64: use x.astype('float32')"),
        (np.zeros((2, 4), "bool"), "got bool: use x.astype('float32')"),
        (np.zeros((2, 4), "complex64"), "got complex64: use x.astype('float32')"),
    ],
    ids=["list", "uint8", "int64", "bool", "complex64"],
)
@pytest.mark.parametrize(
    "layer", [FLAT, ReLU(), built(BatchNormalization(), (4,)), built(Sequential([ReLU()]), (4,))]
)
def test_an_array_of_another_kind(layer, x, sentence):
    with pytest.raises(TypeError, match=re.escape(sentence)) as caught:
        layer(x)
    names = type(layer).__name__, "ReLU"  # a model leaves the check of the dtype to its layers
    assert str(caught.value).startswith(names)


def test_an_array_of_another_precision():
    sentence = "Dense 'code' expects float32; got float64: use x.astype('float32')"
    tells(lambda: FLAT(np.zeros((2, 4))), TypeError, sentence)


@pytest.mark.parametrize("name", ["float64", np.float64, np.dtype("float64")], ids=repr)
def test_an_array_of_another_precision_than_the_model_was_cast_to(name):
    sentence = "Dense 'code' expects float64; got float32: use x.astype('float64')"
    tells(lambda: FLAT.astype(name)(np.zeros((2, 4), "float32")), TypeError, sentence)


@pytest.mark.parametrize("value", [np.zeros((4, 2)), np.zeros(3), [[1, 2]], 3.0], ids=str)
def test_a_weight_replaced_by_something_of_another_shape(value):
    def replace():
        FLAT.W = value

    tells(replace, ShapeError, "Dense 'code': W has shape (4, 3); got")


def test_a_layer_that_nobody_finished():
    tells(lambda: Layer().forward(None), NotImplementedError, "Layer has no forward")
    tells(lambda: Layer().backward(None, None), NotImplementedError, "Layer has no backward")


def test_sizes_may_be_numpy_integers():
    assert built(Dense(np.int64(3)), (np.int64(4),)).W.shape == (4, 3)


def test_the_options_of_a_constructor_include_those_that_it_hands_on():
    class Base:
        def __init__(self, units, *, name=None):
            pass

    class Own(Base):
        def __init__(self, units, rate=0.5, **options):
            super().__init__(units, **options)

    class Same(Own):
        pass

    assert constructor_options(Base) == ["units", "name"]
    assert constructor_options(Own) == constructor_options(Same) == ["units", "rate", "name"]
    assert constructor_options(Tanh) == ["name"]
