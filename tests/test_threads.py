"""Threads: a batch in shards gives the numbers of the whole batch, on any number of threads."""

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
)
from scratchnet.losses import Loss, MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.optimizers import SGD, Adam
from scratchnet.threads import on_threads, shards, weighted_mean
from scratchnet.training import evaluate, fit, predict, train_step

IMAGE = (28, 28, 1)
X = np.random.default_rng(5).random((70, *IMAGE), dtype=np.float32)  # two shards of 35
HALVES = (slice(0, 3), slice(3, 6))
LOSS = MeanSquaredError()


def autoencoder(*between):
    layers = [Conv2D(3, 3, padding="same"), ReLU(), MaxPooling2D(), *between]
    layers += [UpSampling2D(), Conv2DTranspose(1, 3, padding="same")]
    return built(Sequential(layers), IMAGE)


def trained(threads, steps=3):
    model, optimizer = autoencoder(), Adam()
    seen = [train_step(model, LOSS, optimizer, X, X, threads) for _ in range(steps)]
    return bits([model.parameters, *seen])


# ------------------------------------------------------------------------------- the same numbers


def test_one_thread_and_many_give_the_same_bits():
    assert trained(1) == trained(2) == trained(5)


def test_a_whole_fit_gives_the_same_bits_on_any_number_of_threads():
    def run(threads):
        model = autoencoder()
        settings = dict(loss=LOSS, optimizer=Adam(), epochs=2, batch_size=50, validation=(X, X))
        history = fit(model, X, X, **settings, threads=threads, verbose=False)
        del history["seconds"]
        return bits(model.parameters), history

    assert run(1) == run(3)


def test_the_shards_of_a_batch_have_the_gradient_of_the_whole_batch():
    model = autoencoder()
    y, cache = model.forward(X, train=True)
    value, loss_cache = LOSS.forward(y, X)
    whole = model.flatten(model.weight_gradients(LOSS.backward(loss_cache), cache))
    before = model.parameters.copy()
    seen, penalty, prediction = train_step(model, LOSS, SGD(1.0), X, X, threads=2)
    # float32 sums in another order; the step is read off the parameters, so it rounds once more
    np.testing.assert_allclose(before - model.parameters, whole, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose([seen, penalty], [value, 0], rtol=1e-6)
    np.testing.assert_allclose(prediction, y, rtol=1e-5, atol=1e-6)


def test_evaluation_and_prediction_do_not_depend_on_threads():
    model = autoencoder()

    def look(threads):
        y = predict(model, X, batch_size=20, threads=threads)
        return bits(y), evaluate(model, LOSS, X, X, batch_size=20, threads=threads)

    assert look(1) == look(3)


def may_be_cut(case):
    return not any(part.needs_whole_batch for part in case.make().named_layers().values())


@over({name: case for name, case in CASES.items() if may_be_cut(case)})
def test_two_halves_of_a_batch_give_the_gradients_of_the_whole(case):
    layer, x, dy = example(case, n=6, dtype="float64")
    if case.holds(ActivityRegularization):
        dy = read_only(dy * 0)  # the penalty's gradient is a mean over the batch, dy's a sum
    _, cache = layer.forward(x, train=True)
    dx, grads = layer.backward(dy, cache)
    halves = [layer.backward(dy[s], layer.forward(x[s], train=True)[1]) for s in HALVES]
    scale = 0.5 if case.holds(ActivityRegularization) else 1.0
    np.testing.assert_allclose(np.concatenate([h[0] for h in halves]) * scale, dx, atol=1e-12)
    for name, gradient in grads.items():
        np.testing.assert_allclose(sum(h[1][name] for h in halves) * scale, gradient, atol=1e-12)


# ---------------------------------------------------------------------------------- what is cut


@pytest.mark.parametrize(
    ("n", "edges"),
    [(32, [0, 32]), (33, [0, 16, 33]), (70, [0, 35, 70]), (128, [0, 32, 64, 96, 128])],
)
def test_a_batch_is_cut_into_an_even_number_of_nearly_equal_shards(n, edges):
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


# -------------------------------------------------------------------------------------- running


def test_an_error_on_a_thread_reaches_the_caller():
    def fails(part):
        raise KeyError(part)

    with pytest.raises(KeyError, match="2"):
        on_threads(fails, [2, 3], threads=2)


def test_numpys_error_state_holds_on_the_threads_too():
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        on_threads(lambda part: 1 / np.zeros(part), [1, 2], threads=2)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True])
def test_an_invalid_number_of_threads_raises_an_error(threads):
    with pytest.raises(ValueError, match="expects threads >= 1; got"):
        on_threads(len, [X, X], threads)


def test_a_mean_weighs_its_parts_by_their_sizes():
    assert weighted_mean([1.0, 4.0], [slice(0, 2), slice(2, 3)]) == pytest.approx(2.0)


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

    def run(threads):
        model = built(Sequential([Conv2D(2, 3, strides=2), Drop(), Flatten(), Dense(2)]), IMAGE)
        model.set_rng(7)
        train_step(model, SoftmaxCrossEntropy(), Adam(), x, t, threads)
        return model.parameters.copy()

    Drop.sizes.clear()
    first = run(1)
    for threads in (2, 2, 1):
        np.testing.assert_array_equal(run(threads), first)
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
    value, _, _ = train_step(model, Summed(), SGD(1e-9), x, t, threads=1)
    assert value == pytest.approx(expected, rel=1e-5)
