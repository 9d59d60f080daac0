"""The frame around build and forward: hints for shapes, kinds of input, precision of the output."""

import numpy as np
import pytest
import scipy.sparse
from refusals import f32, model_of, refused, says

from scratchnet.layers import (
    GELU,
    LSTM,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    Dropout,
    Flatten,
    GlobalMaxPooling2D,
    Layer,
    MaxPooling2D,
    RepeatVector,
    Sequential,
    Skip,
    TimeDistributed,
    UpSampling2D,
    ZeroPadding2D,
)
from scratchnet.layers.shapes import ShapeError
from scratchnet.losses import MeanSquaredError

RNG = np.random.default_rng(0)
X = f32(RNG.standard_normal((4, 5)))
COPY = r"parameters\[\.\.\.\]"  # other.parameters[...] = model.parameters


def test_another_length_shows_how_to_copy_the_weights():
    model = model_of([LSTM(3)], (4, 5))
    refused(lambda: model(f32(np.zeros((1, 1, 5)))), r"\(N, 4, 5\)", r"\(1, 5\)", COPY)


def test_by_hand_the_state_is_carried_over_exactly():
    whole, step = model_of([LSTM(3)], (6, 2)), LSTM(3, return_state=True)
    step.build((2, 2), 0)
    step.parameters[...] = whole.parameters
    x = f32(RNG.standard_normal((4, 6, 2)))
    state = [f32(np.zeros((4, 3)))] * 2
    for t in (0, 2, 4):
        y, *state = step((x[:, t : t + 2], *state))
    np.testing.assert_allclose(y, whole(x), atol=1e-7)


def test_a_larger_picture_shows_how_to_copy_the_weights():
    model = model_of([Conv2D(2, 3)], (8, 8, 1))
    refused(lambda: model(f32(np.zeros((1, 10, 10, 1)))), r"\(10, 10, 1\)", COPY)
    larger = model_of([Conv2D(2, 3)], (10, 10, 1), 1)
    larger.parameters[...] = model.parameters  # as the sentence says
    x = f32(RNG.random((1, 10, 10, 1)))
    np.testing.assert_allclose(larger(x)[:, :6, :6], model(x[:, :8, :8]), atol=1e-6)


NEED_SIZES = {
    "Dense": ([Dense(3)], (None,), COPY),
    "Dense on steps": ([LSTM(3, return_sequences=True), Dense(3)], (None, 5), "TimeDistributed"),
    "Flatten": ([Conv2D(2, 3), Flatten()], (None, None, 1), "GlobalAveragePooling2D"),
    "features": ([LSTM(3)], (4, None), "last axis"),
    "channels": ([Conv2D(2, 3)], (4, 4, None), "last axis"),
    "inside": ([Sequential([Skip([Conv2D(2, 3), Flatten()])])], (None, 5, 1), "numbers"),
}


@pytest.mark.parametrize(("layers", "shape", "words"), NEED_SIZES.values(), ids=NEED_SIZES)
def test_a_layer_that_must_know_a_size_refuses_none(layers, shape, words):
    refused(lambda: Sequential(layers).build(shape, 0), "None", words, error=ValueError)


def test_sequences_of_any_length():
    layers = lambda: [LSTM(3, return_sequences=True), TimeDistributed(Dense(2))]  # noqa: E731
    model, fixed = model_of(layers(), (None, 5)), model_of(layers(), (7, 5))
    assert model.output_shape == (None, 2)
    np.testing.assert_array_equal(model.parameters, fixed.parameters)
    x = f32(RNG.standard_normal((4, 7, 5)))
    np.testing.assert_array_equal(model(x), fixed(x))
    np.testing.assert_array_equal(model(x[:, :3]), fixed(x)[:, :3])
    refused(lambda: model(x[..., :4]), r"\(N, None, 5\)", r"\(4, 7, 4\)")
    assert "(N, None, 2)" in model.summary()


def test_images_of_any_size():
    def layers():
        down = [Conv2D(3, 3, padding="same"), MaxPooling2D(), BatchNormalization(), Dropout(0.5)]
        up = [UpSampling2D(), Conv2DTranspose(2, 3, 2, "same"), ZeroPadding2D(1), Cropping2D(1)]
        return [Skip(down + up[:1], "concatenate"), *up[1:], GlobalMaxPooling2D(), Dense(2)]

    model = model_of(layers(), (None, None, 1))
    for size in ((4, 6), (6, 8)):
        fixed, x = model_of(layers(), (*size, 1)), f32(RNG.standard_normal((2, *size, 1)))
        np.testing.assert_array_equal(model(x), fixed(x))
        found = []
        for each in (model, fixed):
            each.set_rng(0)
            y, cache = each.forward(x, train=True)
            found.append(each.flatten(each.weight_gradients(np.ones_like(y), cache)))
        np.testing.assert_array_equal(*found)


def test_an_image_that_is_too_small_is_refused_when_it_comes():
    model = model_of([Conv2D(2, 5), Cropping2D(1)], (None, None, 1))
    assert model.output_shape == (None, None, 2)
    refused(lambda: model(f32(np.zeros((1, 4, 9, 1)))), "does not fit", r"\(4, 9\)")
    refused(lambda: model(f32(np.zeros((1, 6, 9, 1)))), "leaves at least a pixel", r"\(2, 5\)")


def test_an_upsampling_that_does_not_restore_an_odd_size_is_named():
    model = model_of([Skip([MaxPooling2D(), UpSampling2D()])], (None, None, 1))
    assert model(f32(np.zeros((1, 4, 6, 1)))).shape == (1, 4, 6, 1)
    refused(lambda: model(f32(np.zeros((1, 5, 6, 1)))), r"\(N, 5, 6, 1\)", r"\(N, 4, 6, 1\)")


def test_a_layer_for_any_size_may_be_part_of_a_model_for_one():
    shared = Conv2D(2, 3)
    model_of([shared], (None, None, 1))
    model = model_of([shared], (5, 5, 1))
    assert model(f32(np.zeros((1, 5, 5, 1)))).shape == (1, 3, 3, 2)


def test_dense_on_a_sequence_shows_time_distributed():
    model = Sequential([LSTM(8, return_sequences=True), Dense(5)])
    said = refused(lambda: model.build((20, 5), 0), "TimeDistributed")
    assert "Flatten() before it?" not in said


HINTS = {
    "two LSTM": (lambda: Sequential([LSTM(3), LSTM(2)]).build((8, 1), 0), "return_sequences=True"),
    "repeat a sequence": (
        lambda: Sequential([LSTM(8, return_sequences=True), RepeatVector(3)]).build((8, 8), 0),
        "return_sequences=False|without return_sequences",
    ),
    "gray images": (lambda: Sequential([Conv2D(3, 3)]).build((8, 8), 0), r"\(8, 8, 1\)|Reshape"),
    "Conv2D after Flatten": (
        lambda: Sequential([Dense(64), Conv2D(3, 3)]).build((64,), 0),
        r"Reshape\(",
    ),
    "Dense on images": (lambda: Sequential([Dense(3)]).build((8, 8, 1), 0), r"Flatten\(\)"),
    "LSTM on vectors": (
        lambda: Sequential([LSTM(3)]).build((8,), 0),
        r"RepeatVector|Reshape|\(T, D\)",
    ),
}


@pytest.mark.parametrize(("call", "words"), HINTS.values(), ids=HINTS)
def test_a_hint_knows_what_came(call, words):
    said = refused(call, words)
    if "RepeatVector" in said and "(N, 8, 8)" in said:
        assert "Flatten" not in said


def test_a_state_beside_the_output_is_named():
    model = Sequential([LSTM(8, return_state=True), Dense(3)])
    with pytest.raises((TypeError, ValueError)) as caught:
        model.build((8, 8), 0)
        model(f32(np.zeros((1, 8, 8))))
    says(str(caught.value), "return_state|tuple")


class DoublePrecisionWeights(Layer):
    def build(self, input_shape, rng):
        self.add("W", rng.host.standard_normal((input_shape[0], 2)))  # float64, NumPy's default
        return (2,)

    def forward(self, x, train=False):
        return x @ self.W, x

    def backward(self, dy, x):
        return dy @ self.W.T, {"W": x.T @ dy}


def test_add_takes_a_parameter_in_the_precision_of_the_model():
    model = model_of([DoublePrecisionWeights(), Dense(1)], (5,))
    assert model.parameters.dtype == np.float32
    assert model(f32(X)).dtype == np.float32


class Widens(Layer):
    def forward(self, x, train=False):
        return x * np.ones(x.shape[1:]), None  # float32 times float64

    def backward(self, dy, cache):
        return dy, {}


@pytest.mark.parametrize("after", [[], [Dense(1)]])
def test_a_layer_that_returns_float64_is_named_and_not_the_next_part(after):
    model, x = model_of([Widens(), *after], (5,)), f32(X)
    refused(
        lambda: MeanSquaredError()(model(x), model(x)[:, :1] * 0), "Widens", "float64", "return"
    )


def same_or_refused(call, expected, word):
    """call() gives the right value, or refuses with a sentence that names the cause."""
    try:
        found = call()
    except TypeError as problem:
        assert word in str(problem).lower(), problem
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_layer_called_alone_takes_no_matrix_for_an_array():
    x = np.matrix(f32(RNG.random((3, 3))))
    layer = GELU()
    same_or_refused(lambda: np.asarray(layer(x)), layer(np.asarray(x)), "matrix")


def test_sparse_rows_are_refused_with_the_way_to_go():
    model = model_of([Dense(2)], (5,))
    refused(lambda: model(scipy.sparse.csr_matrix(X)), "sparse", "toarray", error=TypeError)


def test_a_check_of_the_shape_by_a_subclass_is_called():
    class Positive(Dense):
        def check_shape(self, x):
            super().check_shape(x)
            if x.min() < 0:
                raise ShapeError("negative")

    layer = Positive(2)
    layer.build((3,), 0)
    layer(np.ones((4, 3), "float32"))
    with pytest.raises(ShapeError, match="negative"):
        layer(-np.ones((4, 3), "float32"))
