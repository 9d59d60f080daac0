"""BatchNormalization: frozen in training, and batches without samples."""

import numpy as np
import pytest
from refusals import f32, model_of, refused

from scratchnet.layers import BatchNormalization, Dense, Dropout, Sequential, TimeDistributed
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.training import evaluate, fit

RNG = np.random.default_rng(0)
X = f32(RNG.standard_normal((100, 5)))


def test_frozen_batch_normalization_uses_its_running_averages_in_training():
    bn = BatchNormalization()
    model = model_of([bn, Dense(1)], (2,))
    bn.state["moving_mean"][...], bn.state["moving_variance"][...] = [10, -3], [4, 9]
    bn.trainable = False
    x = f32(RNG.standard_normal((16, 2)))
    t = f32(x @ [[1.0], [2.0]])
    expected = (x - [10, -3]) / np.sqrt(np.array([4, 9]) + 1e-3)
    y, cache = bn.forward(x, train=True)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    dx, _ = bn.backward(np.ones_like(y), cache)  # mean and variance are constants
    np.testing.assert_allclose(dx, np.ones_like(y) / np.sqrt([4.001, 9.001]), rtol=1e-5)
    settings = dict(epochs=400, batch_size=16, verbose=False)
    loss = fit(model, x, t, loss=MeanSquaredError(), optimizer=Adam(0.05), **settings)["loss"][-1]
    assert evaluate(model, MeanSquaredError(), x, t)["loss"] == pytest.approx(loss, rel=0.05)


WRAPPERS = {
    "Sequential": (lambda layer: Sequential([layer]), (5,)),
    "two deep": (lambda layer: Sequential([Sequential([layer])]), (5,)),
    "TimeDistributed": (lambda layer: TimeDistributed(layer), (3, 5)),
}


@pytest.mark.parametrize(("wrap", "shape"), WRAPPERS.values(), ids=WRAPPERS)
def test_batch_normalization_is_frozen_with_the_part_it_stands_in(wrap, shape):
    bn = BatchNormalization()
    part = wrap(bn)
    model = model_of(
        [part, Sequential([Dense(1)]) if len(shape) == 1 else TimeDistributed(Dense(1))], shape
    )
    bn.state["moving_mean"][...] = 10
    part.trainable = False
    x = f32(RNG.standard_normal((20, *shape)))
    y, cache = part.forward(x, train=True)
    np.testing.assert_allclose(y, part(x), rtol=1e-5)
    model.update_running_stats(model.forward(x, train=True)[1])
    assert (bn.state["moving_mean"] == 10).all()
    part.trainable = True
    assert abs(part.forward(x, train=True)[0].mean()) < 1e-4  # thawed: the batch's own again


def test_dropout_in_a_frozen_part_still_drops():
    part = Sequential([Dropout(0.5)])
    model_of([part, Dense(1)], (5,))
    part.trainable = False  # as in Keras: frozen are the weights, not the noise
    assert (part.forward(X, train=True)[0] == 0).mean() == pytest.approx(0.5, abs=0.15)


def test_a_batch_without_samples_has_no_mean():
    model = model_of([BatchNormalization()], (3,))
    refused(lambda: model.forward(X[:0, :3], train=True), "BatchNormalization", "empty")
    assert model(X[:0, :3]).shape == (0, 3)
