"""Training step: shards and workers give the numbers of the whole batch."""

import contextlib

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
    Sigmoid,
    UpSampling2D,
    WeightRegularization,
)
from scratchnet.losses import (
    BinaryCrossEntropy,
    Loss,
    MeanSquaredError,
    SoftmaxCrossEntropy,
    WeightedLoss,
)
from scratchnet.optimizers import SGD, Adam
from scratchnet.training import fit, train_step
from scratchnet.training_step import TrainingStep, joined, shards, sigmoid_before
from scratchnet.xray import xray

IMAGE = (28, 28, 1)
X = np.random.default_rng(5).random((70, *IMAGE), dtype=np.float32)  # three shards
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
    seen, penalty, prediction, weight = TrainingStep(model, LOSS, SGD(1.0))(X, X)
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
    [(32, [0, 32]), (42, [0, 42]), (64, [0, 32, 64]), (70, [0, 23, 46, 70])],
)
def test_a_batch_is_cut_into_nearly_equal_shards(n, edges):
    x = np.zeros((n, *IMAGE), "float32")
    expected = [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]
    assert shards(autoencoder(), LOSS, x) == expected


def test_large_images_make_small_shards_of_few_images_only_if_they_are_very_large():
    model = built(Sequential([Conv2D(2, 3)]), (None, None, 1))
    sides = 14, 35, 56, 64, 112, 160, 300
    cut = [len(shards(model, LOSS, np.zeros((60, n, n, 1), "float32"))) for n in sides]
    assert cut == [1, 3, 8, 8, 15, 30, 30]  # 60, 20, 8, 8, 4, 2 and 2 images


def test_large_images_of_a_model_of_many_parameters_make_shards_of_sixteen():
    def cut(units, side):
        model = built(Sequential([Conv2D(1, 3), Flatten(), Dense(units)]), (side, side, 1))
        return len(shards(model, LOSS, np.zeros((64, side, side, 1), "float32")))

    assert [cut(1, 100), cut(40, 100)] == [13, 4]  # 10,000 and 400,000 parameters
    assert [cut(1, 28), cut(400, 28)] == [2, 2]


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
    assert len(shards(autoencoder(ActivityRegularization(0.1)), LOSS, X)) == 3


def test_a_model_in_shards_without_penalty_has_no_penalty_in_its_history():
    history = fit(autoencoder(), X, X, loss=LOSS, optimizer=SGD(0.1), batch_size=70, verbose=False)
    assert len(shards(autoencoder(), LOSS, X)) == 3
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


MODELS = {  # each with something that a step finds only in some models
    "shards": (autoencoder, LOSS),
    "running averages": (lambda: autoencoder(BatchNormalization()), LOSS),
    "penalty": (lambda: autoencoder(ActivityRegularization(0.1)), LOSS),
    "weight penalty": (lambda: autoencoder(WeightRegularization(Conv2D(3, 1), l2=0.1)), LOSS),
    "sigmoid": (
        lambda: built(Sequential([Conv2D(1, 3, padding="same"), Sigmoid()]), IMAGE),
        BinaryCrossEntropy(),
    ),
    "dense": (lambda: built(Sequential([Flatten(), Dense(9), ReLU(), Dense(784)]), IMAGE), None),
}


@pytest.mark.parametrize("name", MODELS)
def test_steps_of_one_object_are_those_of_a_new_object_each(name):
    make, loss = MODELS[name]
    loss, target = loss or MeanSquaredError(), X if loss else X.reshape(70, -1)
    batches = [slice(0, 70), slice(0, 70), slice(10, 40), slice(0, 0), slice(0, 70)]
    weights = WeightedLoss(loss, np.linspace(0, 1, 30, dtype="float32"))

    def trained(one_object):
        model, optimizer = make(), Adam()
        step, results = TrainingStep(model, loss, optimizer), []
        for s in batches:
            if not one_object:
                step = TrainingStep(model, loss, optimizer)
            own = weights if s == slice(10, 40) else None
            results.append(step(X[s], target[s], 70, own))
        return model.parameters, [*model.named_state().values()], results

    assert bits(trained(one_object=True)) == bits(trained(one_object=False))


@pytest.mark.parametrize("name", ["penalty", "weight penalty", "running averages"])
def test_a_step_finds_penalties_and_running_averages(name):
    model = MODELS[name][0]()
    before = bits([*model.named_state().values()])
    _, penalty, _, _ = TrainingStep(model, LOSS, Adam())(X, X)
    assert (penalty > 0) == ("penalty" in name)
    assert (bits([*model.named_state().values()]) != before) == ("averages" in name)


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


# ------------------------------------------------------------- a sigmoid and its cross-entropy


def coder(last=Sigmoid, between=()):
    decoder = Sequential([Dense(8), ReLU(), *between, Dense(4), last()])
    return built(Sequential([Dense(3), ReLU(), decoder])).astype("float64")


def layer_by_layer(model, loss, x, target):
    """Loss, prediction and gradient of a step in which every layer and the loss are called."""
    y, cache = model.forward(x, train=True)
    value, loss_cache = loss.forward(y, target)
    return value, y, model.flatten(model.weight_gradients(loss.backward(loss_cache), cache))


@pytest.mark.parametrize("reduction", ["mean", "per_sample"])
@pytest.mark.parametrize("penalty", [0, 0.1])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_from_logits_is_that_of_the_layers(reduction, penalty, workers):
    model = coder(between=[ActivityRegularization(l2=penalty)] if penalty else ())
    loss = BinaryCrossEntropy(reduction=reduction)
    assert sigmoid_before(model, loss) is model.layers[-1].layers[-1]
    x = np.random.default_rng(0).random((10, 4))
    value, y, g = layer_by_layer(model, loss, x, x)
    before = model.parameters.copy()
    seen, _, prediction = train_step(model, loss, SGD(1.0), x, x, workers)
    np.testing.assert_allclose(before - model.parameters, g, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(seen, value, rtol=1e-12)
    np.testing.assert_allclose(prediction, y, rtol=1e-12)


def test_a_step_from_logits_is_right_where_a_probability_is_rounded_to_1():
    model = Sequential([Dense(1, use_bias=False), Sigmoid()])
    model.build((1,), 0)
    model.layers[0].W = np.array([[40.0]])
    x, target = np.ones((2, 1), "float32"), np.array([[0.0], [1.0]], "float32")
    assert layer_by_layer(model, BinaryCrossEntropy(), x, target)[2] == 0
    value, *_ = train_step(model, BinaryCrossEntropy(), SGD(1.0), x, target, 1)
    assert value == 20  # the mean of 40 and 0
    assert model.layers[0].W == 39.5  # the mean of p - t = 1 and 0


class OwnSigmoid(Sigmoid):
    pass


class OwnModel(Sequential):
    pass


class OwnLoss(BinaryCrossEntropy):
    pass


def test_other_layers_models_and_losses_are_called_as_they_are():
    model, loss = coder(), BinaryCrossEntropy()
    assert sigmoid_before(coder(OwnSigmoid), loss) is None
    assert sigmoid_before(OwnModel(model.layers), loss) is None
    assert sigmoid_before(Sequential([OwnModel(model.layers)]), loss) is None
    assert sigmoid_before(model, OwnLoss()) is None
    assert sigmoid_before(model, BinaryCrossEntropy(from_logits=True)) is None
    assert sigmoid_before(model, MeanSquaredError()) is None
    assert sigmoid_before(coder(ReLU), loss) is None
    assert sigmoid_before(Sequential([]), loss) is None


def test_a_model_without_its_last_layer_is_that_of_the_layers_before():
    model = coder()
    before = Sequential([*model.layers[:-1], *model.layers[-1].layers[:-1]])
    built(before)
    x = np.random.default_rng(0).random((10, 4))
    y, cache = model.forward(x, train=True, but_last=True)
    expected, expected_cache = before.forward(x, train=True)
    assert bits([y]) == bits([expected])
    assert bits([model.input_gradient(y, cache)]) == bits(
        [before.input_gradient(y, expected_cache)]
    )
    for part in (lambda *a: a[0].weight_gradients(*a[1:]), lambda *a: a[0].backward(*a[1:])[1]):
        found, wanted = part(model, y, cache), part(before, y, expected_cache)
        assert bits([*found.values()]) == bits([*wanted.values()])


@pytest.mark.parametrize("workers", [1, 2])
def test_an_xray_records_the_sigmoid_and_changes_no_bit(workers):
    x = np.random.default_rng(0).random((10, 4))

    def trained(record):
        model = coder()
        with xray(model) if record else contextlib.nullcontext() as seen:
            options = {"loss": BinaryCrossEntropy(), "optimizer": SGD(0.1), "batch_size": 10}
            fit(model, x, x, epochs=2, shuffle=False, verbose=False, workers=workers, **options)
        return bits([model.parameters]), seen

    (plain, _), (recorded, seen) = trained(False), trained(True)
    assert plain == recorded
    single = xray(coder(), x, x, BinaryCrossEntropy())  # every layer called, in one piece
    assert seen.values.keys() == single.values.keys()
    for measure, of_layer in single.values.items():
        assert of_layer.keys() == seen.values[measure].keys()
        for name, (number,) in of_layer.items():
            if measure != "update" and workers == 1:
                np.testing.assert_allclose(seen.values[measure][name][0], number, rtol=1e-9)
