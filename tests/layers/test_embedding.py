"""Embedding: integers through a model, the gradient of the used rows, masks, and refusals."""

import contextlib

import fake_cupy
import numpy as np
import pytest
from refusals import f32, model_of, refused

from scratchnet.backend import float64, to_device, to_numpy
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import GRU, LSTM, Dense, Embedding, Flatten, Sequential, TimeDistributed
from scratchnet.layers.plain import embedding_backward
from scratchnet.loss_base import MaskedLoss
from scratchnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.optimizers import SGD, Adam
from scratchnet.saving import load, save
from scratchnet.training import fit, predict, train_step

RNG = np.random.default_rng(0)
WORDS = RNG.integers(0, 7, (6, 5))


def built(*arguments, shape=(5,), **options):
    layer = Embedding(*arguments, **options)
    layer.build(shape, 0)
    return layer


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
def test_rows_of_the_table_and_their_gradient_on_each_device(shape, dtype, xp):
    x = to_device(RNG.integers(0, 7, (4, *shape)).astype(dtype), dtype)
    layer = built(7, 3, shape=shape)
    dy = to_device(RNG.standard_normal((4, *shape, 3)))
    waiting = fake_cupy.no_sync() if xp is fake_cupy.module else contextlib.nullcontext()
    with waiting:
        y, cache = layer.forward(x)
        dx, grads = layer.backward(dy, cache)
    assert dx is None and isinstance(grads["W"], xp.ndarray) and grads["W"].dtype == "float32"
    W, x, dy = to_numpy(layer.W), to_numpy(x), to_numpy(dy)
    np.testing.assert_array_equal(to_numpy(y), W[x])
    expected = embedding_backward(dy.reshape(-1, 3), x.ravel(), W)
    np.testing.assert_allclose(to_numpy(grads["W"]), expected, rtol=1e-5, atol=1e-6)


def test_only_the_rows_that_were_used_move():
    model = model_of([Embedding(7, 4), Flatten(), Dense(1)], (2,))
    before = model.layers[0].W.copy()
    x = np.array([[0, 3], [3, 3]])
    train_step(model, MeanSquaredError(), SGD(0.1), x, f32([[1], [2]]))
    moved = (model.layers[0].W != before).any(axis=1)
    assert moved.tolist() == [True, False, False, True, False, False, False]


def language_model(shape=(None,), **options):
    layers = [Embedding(7, 4, **options), LSTM(6, return_sequences=True), TimeDistributed(Dense(7))]
    return model_of(layers, shape)


def test_a_model_that_starts_with_integers_has_right_gradients():
    assert gradcheck(language_model(), WORDS).ok
    nested = model_of([Sequential([Embedding(7, 4)], name="words"), GRU(3)], (5,))
    report = gradcheck(nested, WORDS)
    assert report.ok and "words/embedding/W" in [row.name for row in report.rows]


def test_it_is_trained_saved_and_frozen(tmp_path):
    model, target = model_of([Embedding(7, 8), GRU(8), Dense(7)], (5,)), WORDS[:, -1]
    settings = dict(loss=SoftmaxCrossEntropy(), optimizer=Adam(0.05), verbose=False)
    history = fit(model, WORDS, target, epochs=60, **settings)
    assert history["loss"][-1] < 0.1
    save(model, tmp_path / "model.npz")
    other = model_of([Embedding(7, 8), GRU(8), Dense(7)], (None,), 1)
    load(other, tmp_path / "model.npz")
    np.testing.assert_array_equal(predict(model, WORDS), predict(other, WORDS))
    other.layers[0].trainable = False
    before = other.layers[0].W.copy()
    fit(other, WORDS, target, epochs=1, **settings | {"optimizer": Adam(0.05)})
    np.testing.assert_array_equal(other.layers[0].W, before)
    assert (other.layers[1].W != model.layers[1].W).any()


def test_an_index_that_fills_missing_steps_masks_them_up_to_the_loss():
    model, plain = language_model(mask_value=0), language_model()
    plain.parameters[...] = model.parameters
    x = RNG.integers(1, 7, (3, 6))
    x[:, 4:] = 0
    y, cache = model.forward(x)
    np.testing.assert_allclose(y[:, :4], plain(x[:, :4]), atol=1e-6)
    np.testing.assert_array_equal(model.input_mask(cache), x == 0)
    target = f32(RNG.standard_normal(y.shape))
    value, _, _ = train_step(model, MeanSquaredError(), SGD(0.1), x, target)
    expected = MaskedLoss(MeanSquaredError(), x == 0)(y, target)
    assert value == pytest.approx(float(expected), rel=1e-6)


def test_precision_is_that_of_the_table():
    with float64():
        layer = built(7, 3)
    y, cache = layer.forward(WORDS)
    assert y.dtype == np.float64 == layer.backward(y, cache)[1]["W"].dtype
    assert built(7, 3).astype("float64")(WORDS).dtype == np.float64


def test_the_contract_two_calls_of_backward_and_two_halves():
    layer, dy = built(7, 3), f32(RNG.standard_normal((6, 5, 3)))
    WORDS.flags.writeable = dy.flags.writeable = False
    _, cache = layer.forward(WORDS)
    dW = layer.backward(dy, cache)[1]["W"]
    np.testing.assert_array_equal(layer.backward(dy, cache)[1]["W"], dW)
    np.testing.assert_array_equal(layer.weight_gradients(dy, cache)["W"], dW)
    assert layer.input_gradient(dy, cache) is None
    halves = [layer.backward(dy[s], WORDS[s])[1]["W"] for s in (slice(0, 2), slice(2, 6))]
    np.testing.assert_allclose(sum(halves), dW, atol=1e-6)


REFUSED = {
    "out of range": (lambda: built(7, 3)(WORDS + 1), "from 0 to 6", "to 7", "input_dim"),
    "negative": (lambda: built(7, 3)(WORDS - 1), "from 0 to 6", "got -1"),
    "floats": (lambda: built(7, 3)(f32(WORDS)), "integer", r"astype\('int64'\)"),
    "length": (lambda: built(7, 3)(WORDS[:, :4]), r"\(N, 5\)", r"\(6, 4\)"),
    "not built": (lambda: Embedding(7, 3)(WORDS), "build"),
    "mask_value": (lambda: Embedding(7, 3, mask_value=7), "0 to 6", "7"),
    "mask_zero": (lambda: Embedding(7, 3, mask_zero=True), "mask_value=0"),
    "a later layer": (
        lambda: model_of([Dense(3), Embedding(7, 2)], (4,))(f32(WORDS[:, :4])),
        "int",
    ),
}


@pytest.mark.parametrize(("call", "words"), [(c, w) for c, *w in REFUSED.values()], ids=REFUSED)
def test_refused(call, words):
    refused(call, *words)
