"""WeightRegularization: the penalty of the weights, for every optimizer, without biases."""

import numpy as np
import pytest
from refusals import f32, model_of, refused

from scratchnet.gradcheck import gradcheck
from scratchnet.layers import (
    GRU,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    ReLU,
    Sequential,
    WeightRegularization,
)
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import SGD, Adagrad, Adam, AdamW, RMSprop
from scratchnet.training import fit, train_step

RNG = np.random.default_rng(0)
X = f32(RNG.standard_normal((8, 3)))
T = f32(RNG.standard_normal((8, 1)))


def layers():
    return [Dense(4), BatchNormalization(), ReLU(), Dense(1)]


def test_the_penalty_is_that_of_the_weights_alone():
    model = model_of([WeightRegularization(layers(), l1=0.1, l2=0.01)], (3,))
    weights = [W for path, W in model.named_parameters().items() if path.endswith("W")]
    assert len(weights) == 2
    expected = sum(0.1 * abs(W).sum() + 0.01 * (W * W).sum() for W in weights)
    _, penalty, _ = train_step(model, MeanSquaredError(), SGD(1e-9), X, T)
    assert penalty == pytest.approx(expected, rel=1e-6)


def test_sgd_shrinks_each_weight_by_one_factor():
    model = model_of([WeightRegularization(layers(), l2=0.5)], (3,))
    plain = model_of(layers(), (3,))
    before = [p.copy() for p in plain.named_parameters().values()]
    for each in (model, plain):
        train_step(each, MeanSquaredError(), SGD(0.1), X, T)
    parameters = zip(
        model.named_parameters().items(), plain.named_parameters().values(), before, strict=True
    )
    for (path, ours), without, start in parameters:
        decay = 2 * 0.1 * 0.5 * start if path.endswith("W") else 0
        np.testing.assert_allclose(ours, without - decay, atol=1e-6, err_msg=path)


@pytest.mark.parametrize("optimizer", [SGD(0.1), RMSprop(), Adagrad(), Adam(), AdamW()], ids=repr)
def test_the_gradient_of_every_optimizer_contains_the_penalty(optimizer):
    """Without another gradient, the penalty makes the weights smaller and leaves the biases."""
    model = model_of([WeightRegularization(Dense(1), l2=1.0)], (3,))
    W = model.layers[0].inner.W.copy()
    fit(model, X * 0, T * 0, loss=MeanSquaredError(), optimizer=optimizer, epochs=3, verbose=False)
    inner = model.layers[0].inner
    assert (abs(inner.W) < abs(W)).all() and not inner.b.any()


def test_frozen_layers_have_no_penalty():
    layer = WeightRegularization(layers(), l2=1.0)
    layer.build((3,), 0)
    layer.inner.layers[0].trainable = False
    y, cache = layer.forward(X, train=True)
    assert layer.penalty(cache) == pytest.approx((layer.inner.layers[3].W ** 2).sum())


def test_convolutions_in_shards_have_the_gradient_of_the_whole_batch():
    x, t = f32(RNG.standard_normal((64, 28, 28, 1))), f32(RNG.standard_normal((64, 1)))
    found = []
    for threads in (1, 2):
        parts = [WeightRegularization(Conv2D(2, 5, 4), l2=0.1), Flatten(), Dense(1)]
        model = model_of(parts, (28, 28, 1))
        found.append(train_step(model, MeanSquaredError(), SGD(0.1), x, t, workers=threads)[:2])
        found[-1] += (model.parameters.copy(),)
    model = model_of(
        [WeightRegularization(Conv2D(2, 5, 4), l2=0.1), Flatten(), Dense(1)], (28, 28, 1)
    )
    y, cache = model.forward(x, train=True)
    value, loss_cache = MeanSquaredError().forward(y, t)
    gradient = model.flatten(model.weight_gradients(MeanSquaredError().backward(loss_cache), cache))
    whole = model.parameters - f32(0.1) * gradient
    np.testing.assert_array_equal(found[0][2], found[1][2])
    np.testing.assert_allclose(found[0][2], whole, atol=1e-6)
    assert found[0][1] == pytest.approx(float(model.penalty(cache)), rel=1e-5)


def test_masks_states_and_sequences_pass():
    model = model_of(
        [WeightRegularization(GRU(3, return_sequences=True), l2=0.1), GRU(2)], (None, 3)
    )
    plain = model_of([GRU(3, return_sequences=True), GRU(2)], (None, 3))
    x = f32(RNG.standard_normal((2, 6, 3)))
    _, state = model.run(x[:, :4])
    np.testing.assert_allclose(model.run(x[:, 4:], state)[0], plain(x), atol=1e-6)
    assert gradcheck(model, x).ok


def test_what_is_refused():
    refused(lambda: WeightRegularization(Dense(1), l2=-1), "l2", error=ValueError)
    refused(lambda: WeightRegularization(Dense), "layer or a list of layers", error=TypeError)
    refused(lambda: Dense(3, kernel_regularizer="l2"), "WeightRegularization")
    inside = Sequential([WeightRegularization(Dense(1))])
    refused(lambda: inside(X), "not built")
