"""Training step: shards and workers give the numbers of the whole batch."""

import numpy as np
import pytest
from cases import CASES, bits, built, example, over, read_only

from scratchnet.layers import (
    ActivityRegularization,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Layer,
    MaxPooling2D,
    ReLU,
    Sequential,
    UpSampling2D,
    WeightRegularization,
)
from scratchnet.losses import Loss, MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.optimizers import SGD, Adam
from scratchnet.training import fit, train_step
from scratchnet.training_step import joined, shards, step

IMAGE = (28, 28, 1)
X = np.random.default_rng(5).random((70, *IMAGE), dtype=np.float32)  # two shards of 35
HALVES = (slice(0, 3), slice(3, 6))
LOSS = MeanSquaredError()


def autoencoder(*between):
    layers = [Conv2D(3, 3, padding="same"), ReLU(), MaxPooling2D(), *between]
    layers += [UpSampling2D(), Conv2DTranspose(1, 3, padding="same")]
    return built(Sequential(layers), IMAGE)


# ------------------------------------------------------------------------------- the same numbers


def test_threads_give_the_step_of_a_single_worker_up_to_rounding():
    def trained(workers):
        model, optimizer = autoencoder(), Adam()
        for _ in range(3):
            results = train_step(model, LOSS, optimizer, X, X, workers)
        assert optimizer.t == 3
        return [model.parameters, *results]

    for one, many in zip(trained(1), trained(3), strict=True):
        np.testing.assert_allclose(many, one, rtol=1e-4, atol=1e-6)
    assert bits(trained(3)) == bits(trained(3))


def test_the_shards_of_a_batch_have_the_gradient_of_the_whole_batch():
    model = autoencoder()
    y, cache = model.forward(X, train=True)
    value, loss_cache = LOSS.forward(y, X)
    whole = model.flatten(model.weight_gradients(LOSS.backward(loss_cache), cache))
    before = model.parameters.copy()
    seen, penalty, prediction, weight = step(model, LOSS, SGD(1.0), X, X)
    # float32 sums in another order; the step is read off the parameters, so it rounds once more
    np.testing.assert_allclose(before - model.parameters, whole, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose([seen, penalty, weight], [value, 0, 70], rtol=1e-6)
    np.testing.assert_allclose(prediction, y, rtol=1e-5, atol=1e-6)


def may_be_cut(case):
    return not any(part.needs_whole_batch for part in case.make().named_layers().values())


@over({name: case for name, case in CASES.items() if may_be_cut(case)})
def test_two_halves_of_a_batch_give_the_gradients_of_the_whole(case):
    layer, x, dy = example(case, n=6, dtype="float64")
    has_penalty = case.holds(ActivityRegularization) or case.holds(WeightRegularization)
    if has_penalty:
        dy = read_only(dy * 0)  # the penalty's gradient is a mean over the batch, dy's a sum
    _, cache = layer.forward(x, train=True)
    dx, grads = layer.backward(dy, cache)
    halves = [layer.backward(dy[s], layer.forward(x[s], train=True)[1]) for s in HALVES]
    scale = 0.5 if has_penalty else 1.0
    np.testing.assert_allclose(np.concatenate([h[0] for h in halves]) * scale, dx, atol=1e-12)
    for name, gradient in grads.items():
        np.testing.assert_allclose(sum(h[1][name] for h in halves) * scale, gradient, atol=1e-12)


# ---------------------------------------------------------------------------------- what is cut


@pytest.mark.parametrize(
    ("n", "edges"),
    [(32, [0, 32]), (64, [0, 64]), (70, [0, 35, 70]), (128, [0, 42, 85, 128])],
)
def test_a_batch_is_cut_into_nearly_equal_shards(n, edges):
    x = np.zeros((n, *IMAGE), "float32")
    expected = [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]
    assert shards(autoencoder(), LOSS, x) == expected


def test_large_images_make_small_shards():
    model = built(Sequential([Conv2D(2, 3)]), (56, 56, 1))
    x = np.zeros((20, 56, 56, 1), "float32")
    assert shards(model, LOSS, x) == [slice(0, 10), slice(10, 20)]


@pytest.mark.parametrize(
    "layer",
    [
        BatchNormalization(),
        Dropout(0.5),
        GaussianNoise(0.1),
        ActivityRegularization(0.1, reduction="sum"),
    ],
    ids=repr,
)
def test_a_layer_that_needs_its_whole_batch_gets_it(layer):
    assert shards(autoencoder(layer), LOSS, X) == [slice(0, 70)]


def test_a_batch_with_an_average_activity_penalty_may_be_cut():
    assert len(shards(autoencoder(ActivityRegularization(0.1)), LOSS, X)) == 2


def test_a_model_in_shards_without_penalty_has_no_penalty_in_its_history():
    history = fit(autoencoder(), X, X, loss=LOSS, optimizer=SGD(0.1), batch_size=70, verbose=False)
    assert len(shards(autoencoder(), LOSS, X)) == 2
    assert set(history) == {"loss", "seconds"}


def test_a_model_without_convolutions_stays_whole():
    model = built(Sequential([Flatten(), Dense(3)]), IMAGE)
    assert shards(model, LOSS, X) == [slice(0, 70)]


def test_a_loss_of_unknown_kind_gets_the_whole_batch():
    class Sum:  # it may add up over the batch
        pass

    assert shards(autoencoder(), Sum(), X) == [slice(0, 70)]


def test_results_of_parts_are_weighted_by_their_samples():
    y = np.zeros((1, 2))
    value, penalty, prediction, weight = joined(
        [(1.0, 0.0, np.repeat(y, 2, axis=0), 2), (4.0, 3.0, y, 1)]
    )
    assert (value, penalty, prediction.shape, weight) == (2.0, 1.0, (3, 2), 3)


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "two"])
def test_an_invalid_number_of_workers_raises_an_error(workers):
    with pytest.raises((TypeError, ValueError), match="train_step expects workers"):
        train_step(autoencoder(), LOSS, SGD(), X, X, workers)


# ------------------------------------------------------- parts of a user, which declare nothing


class Drop(Layer):
    sizes = []  # of the batches that arrived

    def build(self, input_shape, rng):
        self.rng = rng
        return input_shape

    def forward(self, x, train=False):
        self.sizes.append(len(x))
        if not train:
            return x, None
        mask = (self.rng.uniform(like=x) > 0.5).astype(x.dtype)
        return x * mask, mask

    def backward(self, dy, mask):
        return dy * mask, {}


def test_noise_of_a_users_layer_is_repeatable_in_a_convolutional_model():
    rng = np.random.default_rng(0)
    x, t = rng.random((384, *IMAGE), dtype=np.float32), rng.integers(0, 2, 384)

    def run(workers):
        model = built(Sequential([Conv2D(2, 3, strides=2), Drop(), Flatten(), Dense(2)]), IMAGE)
        model.set_rng(7)
        train_step(model, SoftmaxCrossEntropy(), Adam(), x, t, workers)
        return model.parameters.copy()

    Drop.sizes.clear()
    first = run(1)
    for workers in (2, 2, 1):
        np.testing.assert_array_equal(run(workers), first)
    assert set(Drop.sizes) == {384}  # nothing is split before every part has declared it


class Summed(Loss):
    def forward(self, prediction, target):
        d = prediction - target
        return (d * d).sum(), d

    def backward(self, d):
        return 2 * d


def test_a_users_loss_sees_the_whole_batch_of_a_convolutional_model():
    rng = np.random.default_rng(0)
    x = rng.random((192, *IMAGE), dtype=np.float32)
    model = built(Sequential([Conv2D(1, 3, strides=2), Flatten(), Dense(1)]), IMAGE)
    t = rng.standard_normal((192, 1), dtype=np.float32)
    expected = ((model(x) - t) ** 2).sum()
    value, _, _ = train_step(model, Summed(), SGD(1e-9), x, t, workers=1)
    assert value == pytest.approx(expected, rel=1e-5)
