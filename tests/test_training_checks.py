"""What fit, evaluate, GAN and VAE refuse or survive, and metrics that are no means of batches."""

import numpy as np
import pytest
from refusals import f32, model_of, refused, says

from scratchnet.callbacks import Callback, Checkpoint, EarlyStopping, RaiseInterrupt
from scratchnet.layers import Dense, Dropout, Flatten, Sequential, Sigmoid, Softmax, TimeDistributed
from scratchnet.losses import BinaryCrossEntropy, Loss, MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.metrics import accuracy
from scratchnet.models.gan import GAN
from scratchnet.models.vae import VAE
from scratchnet.optimizers import SGD, Adam
from scratchnet.training import TrainingDiverged, evaluate, fit

RNG = np.random.default_rng(0)
X = f32(RNG.standard_normal((60, 4)))
Y = f32(X[:, :1])


def train(model=None, x=X, y=Y, **changes):
    settings = dict(loss=MeanSquaredError(), optimizer=SGD(0.01), verbose=False) | changes
    return fit(model or model_of([Dense(1)], (4,)), x, y, **settings)


WRONG_ARGUMENTS = {
    "metrics list": (dict(metrics=["accuracy"]), r'metrics=\{"accuracy": accuracy\}'),
    "metrics text": (dict(metrics={"accuracy": "accuracy"}), "accuracy", "function"),
    "loss text": (dict(loss="mse"), r"MeanSquaredError\(\)"),
    "loss class": (dict(loss=MeanSquaredError), r"MeanSquaredError\(\)"),
    "unknown loss": (dict(loss="hinge"), "hinge", "scratchnet.losses"),
    "optimizer text": (dict(optimizer="adam"), r"Adam\(\)"),
    "optimizer class": (dict(optimizer=SGD), r"SGD\(\)"),
    "validation share": (dict(validation=0.2), "validation", r"\(x, target\)"),
    "seed": (dict(seed=1.7), "seed", "whole number"),
    "callback": (dict(callbacks=EarlyStopping()), "callbacks", "list"),
    "callback class": (dict(callbacks=[EarlyStopping]), r"EarlyStopping\("),
    "callback function": (dict(callbacks=[print]), "Callback"),
    "metric loss": (dict(metrics={"loss": accuracy}), "loss", "name"),
    "metric val_x": (dict(metrics={"val_x": accuracy}), "val_x", "name"),
    "validation_split": (dict(validation_split=0.2), r"validation=\("),
    "learning_rate": (dict(learning_rate=0.1), r"optimizer=Adam\("),
    "shuffle": (dict(shuffle="batch"), "shuffle", "True or False"),
    "unknown": (dict(colour="red"), "colour"),
    "data list": (dict(x=X.tolist()), r"\blist\b"),
}


@pytest.mark.parametrize(
    ("changes", "words"), [(c, w) for c, *w in WRONG_ARGUMENTS.values()], ids=WRONG_ARGUMENTS
)
def test_a_wrong_argument_gets_a_sentence_and_changes_nothing(changes, words):
    model = model_of([Dense(1)], (4,))
    before = model.parameters.copy()
    refused(lambda: train(model, **changes), *words)
    np.testing.assert_array_equal(model.parameters, before)


def test_optimizers_and_callbacks_give_hints_for_keras_arguments():
    refused(lambda: Adam(lr=0.1), "learning_rate")
    refused(lambda: Adam(clipnorm=1.0), r"clip=ClipByGlobalNorm\(1.0\)")
    refused(lambda: EarlyStopping(restore_best_weights=True), r"\brestore_best\b")
    refused(lambda: Checkpoint("x.npz", save_weights_only=True), r"\bsave\(")


def test_fit_expects_a_model():
    settings = dict(loss=MeanSquaredError(), optimizer=Adam())
    refused(lambda: fit([Dense(1)], X, Y, **settings), r"Sequential\(")
    vae = VAE(Sequential([Dense(4)]), Sequential([Dense(4)]))
    refused(lambda: fit(vae, X, X, **settings), r"\.fit\(")
    refused(lambda: evaluate(model_of([Dense(1)], (4,)), "mse", X, Y), r"MeanSquaredError\(\)")


def test_one_optimizer_is_not_used_for_two_models():
    optimizer = Adam()
    first, second = (model_of([Dense(1)], (4,), seed) for seed in (0, 1))
    train(first, optimizer=optimizer)
    train(first, optimizer=optimizer)
    refused(lambda: train(second, optimizer=optimizer), "new optimizer", error=ValueError)


def test_targets_outside_the_domain_of_the_loss_are_refused_before_the_first_update():
    model = model_of([Dense(1), Sigmoid()], (4,))
    before = model.parameters.copy()
    target = f32(np.full((60, 1), 0.5))
    target[-1] = 2
    refused(lambda: train(model, y=target, loss=BinaryCrossEntropy()), r"\[0, 1\]", "2")
    np.testing.assert_array_equal(model.parameters, before)


@pytest.mark.parametrize(
    ("layer", "loss", "target"),
    [
        (Softmax(), SoftmaxCrossEntropy(), np.arange(60) % 3),
        (Sigmoid(), BinaryCrossEntropy(from_logits=True), f32(np.ones((60, 3)))),
    ],
)
def test_an_activation_before_a_loss_that_expects_logits_causes_a_warning(layer, loss, target):
    model = model_of([Sequential([Dense(3), layer])], (4,))
    with pytest.warns(UserWarning, match=f"{type(layer).__name__} before .* expects logits"):
        train(model, y=target, loss=loss)


@pytest.mark.parametrize(
    "layers",
    [
        [Sequential([Dense(4), Softmax()])],
        [Dense(4), Softmax(), Flatten()],
        [Dense(4), Sequential([Sequential([Softmax()]), Dropout(0.5)])],
    ],
    ids=["part", "before Flatten", "two parts"],
)
def test_an_activation_inside_a_part_is_found_by_fit_and_evaluate(layers):
    labels = np.arange(60) % 4
    for use in (lambda model: train(model, y=labels, loss=SoftmaxCrossEntropy()), evaluate_labels):
        with pytest.warns(UserWarning, match="Softmax before .* expects logits") as caught:
            use(model_of(layers, (4,)))
        assert len(caught) == 1


def evaluate_labels(model):
    evaluate(model, SoftmaxCrossEntropy(), X, np.arange(60) % 4)


def test_an_activation_at_each_step_is_found():
    model = model_of([TimeDistributed(Sequential([Dense(2), Sigmoid()]))], (4, 2))
    x = f32(np.ones((6, 4, 2)))
    with pytest.warns(UserWarning, match="Sigmoid before .* expects logits"):
        evaluate(model, BinaryCrossEntropy(from_logits=True), x, x)


def test_a_metric_is_computed_over_all_samples():
    def largest(prediction, target):
        return abs(target).max()

    history = train(metrics={"largest": largest}, batch_size=7, validation=(X, 2 * Y))
    assert history["largest"] == [pytest.approx(float(abs(Y).max()))]
    assert history["val_largest"] == [pytest.approx(2 * float(abs(Y).max()))]


def test_a_metric_that_is_nan_causes_a_warning_and_one_that_is_no_number_an_error():
    with pytest.warns(UserWarning, match="'odd' is NaN"):
        train(metrics={"odd": lambda y, t: float("nan")})
    refused(lambda: train(metrics={"odd": lambda y, t: y}), "odd", "one number", error=TypeError)


class Interrupt(Callback):
    def on_epoch_end(self, run):
        if run.epoch == 2:
            raise KeyboardInterrupt


def test_an_interrupted_run_returns_its_history_unless_a_callback_raises():
    history = train(epochs=5, callbacks=[Interrupt()])
    assert len(history["loss"]) == 2
    with pytest.raises(KeyboardInterrupt):
        train(epochs=5, callbacks=[Interrupt(), RaiseInterrupt()])


def test_an_epoch_that_is_interrupted_in_its_middle_leaves_no_trace():
    model, calls = model_of([Dense(1)], (4,)), []

    class Loss(MeanSquaredError):
        def forward(self, prediction, target):
            calls.append(1)
            if len(calls) == 4:  # in the second of two epochs of two batches
                raise KeyboardInterrupt
            return super().forward(prediction, target)

    history = train(model, loss=Loss(), epochs=2, batch_size=30)
    expected = model_of([Dense(1)], (4,))
    assert history["loss"] == train(expected, epochs=1, batch_size=30)["loss"]
    np.testing.assert_array_equal(model.parameters, expected.parameters)


def gan():
    return GAN(model_of([Dense(4)], (2,)), model_of([Dense(1)], (4,), 1))


def test_a_gan_refuses_what_fit_refuses():
    for x, words in ((X.tolist(), "list"), (X[:0], "empty"), (X * f32(np.inf), "infinite")):
        refused(lambda x=x: gan().fit(x, optimizer_d=SGD(0.1), optimizer_g=SGD(0.1)), words)
    refused(lambda: gan().fit(X, optimizer_d="adam", optimizer_g=Adam()), r"Adam\(\)")
    one = SGD(0.1)
    refused(lambda: gan().fit(X, optimizer_d=one, optimizer_g=one), "two optimizers")


def test_a_gan_that_diverges_goes_back():
    machine = gan()
    with pytest.raises(TrainingDiverged) as caught, np.errstate(all="ignore"):
        machine.fit(X, optimizer_d=SGD(1e30), optimizer_g=SGD(1e30), epochs=5)
    says(str(caught.value), "learning rate", "epoch")
    assert np.isfinite(machine.generator.parameters).all()


def test_an_interrupted_gan_returns_its_history():
    class Interrupt(Callback):
        def on_epoch_end(self, run):
            if run.epoch == 2:
                raise KeyboardInterrupt

    sides = dict(optimizer_d=SGD(0.1), optimizer_g=SGD(0.1))
    history = gan().fit(X, **sides, epochs=5, callbacks=[Interrupt()], verbose=False)
    assert len(history["generator"]) == 2


def test_weights_of_samples_are_copies_of_samples():
    w = np.arange(60) % 3
    repeated = np.repeat(np.arange(60), w)
    settings = dict(optimizer=SGD(0.1), epochs=3, batch_size=60, shuffle=False)
    model, expected = (model_of([Dense(1)], (4,)) for _ in range(2))
    history = train(model, weights=w, **settings)
    of_copies = train(expected, X[repeated], Y[repeated], **settings | {"optimizer": SGD(0.1)})
    np.testing.assert_allclose(model.parameters, expected.parameters, atol=1e-6)
    np.testing.assert_allclose(history["loss"], of_copies["loss"], rtol=1e-5)
    assert evaluate(model, MeanSquaredError(), X, Y, weights=w, batch_size=7)["loss"] == (
        pytest.approx(evaluate(model, MeanSquaredError(), X[repeated], Y[repeated])["loss"], 1e-5)
    )


def test_weights_are_shuffled_with_their_samples():
    """A sample of weight 0 has no effect, wherever it comes in an epoch."""
    w, y = np.ones(60), Y.copy()
    w[:30], y[:30] = 0, 1e6
    model = model_of([Dense(1)], (4,))
    history = train(model, y=y, weights=w, optimizer=SGD(0.1), epochs=30, batch_size=7)
    assert history["loss"][-1] < 1e-3


WRONG_WEIGHTS = {
    "negative": (-np.ones(60), "weights >= 0"),
    "number": (np.ones(59), "x has 60 samples, but .*weights has 59"),
    "list": ([1.0] * 60, "weights is a list"),
    "shape": (np.ones((60, 2)), r"\(60, 2\)|\(32, 2\)"),
}


@pytest.mark.parametrize(("weights", "words"), WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS)
def test_wrong_weights_are_refused_before_the_first_update(weights, words):
    model = model_of([Dense(1)], (4,))
    before = model.parameters.copy()
    refused(lambda: train(model, weights=weights), words)
    refused(lambda: evaluate(model, MeanSquaredError(), X, Y, weights=weights), words)
    np.testing.assert_array_equal(model.parameters, before)


def test_weights_of_keras_get_a_hint():
    refused(lambda: train(sample_weight=np.ones(60)), "use weights")
    refused(lambda: train(class_weight={0: 1}), r"SoftmaxCrossEntropy\(class_weights=")


@pytest.mark.parametrize("workers", [1, 2])
def test_weights_of_the_validation_set_are_those_of_evaluate(workers):
    w = np.arange(60) % 3
    model, options = model_of([Dense(1)], (4,)), dict(optimizer=SGD(1e-12), workers=workers)
    history = train(model, validation=(X, Y + f32(w[:, None]), w), **options)
    expected = evaluate(model, MeanSquaredError(), X, Y + f32(w[:, None]), weights=w)
    assert history["val_loss"][0] == pytest.approx(expected["loss"], rel=1e-6)
    without = evaluate(model, MeanSquaredError(), X, Y + f32(w[:, None]))
    assert abs(expected["loss"] - without["loss"]) > 0.1
    assert train(model, validation=(X, Y, None), **options)["val_loss"][0] == pytest.approx(
        evaluate(model, MeanSquaredError(), X, Y)["loss"], rel=1e-6
    )


def test_another_weighting_of_the_validation_set_is_another_run(tmp_path):
    def run(weights):
        model, checkpoint = model_of([Dense(1)], (4,)), Checkpoint(tmp_path / "a.npz", 1, True)
        validation = (X, Y, weights)
        return train(model, validation=validation, optimizer=SGD(0.1), callbacks=[checkpoint])

    run(np.ones(60))
    run(np.ones(60))
    refused(lambda: run(np.full(60, 2.0)), "validation=")


@pytest.mark.parametrize(("weights", "words"), WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS)
def test_wrong_weights_of_the_validation_set_are_refused_before_the_first_update(weights, words):
    model = model_of([Dense(1)], (4,))
    before = model.parameters.copy()
    refused(lambda: train(model, validation=(X, Y, weights)), words.replace("32", "1"))
    np.testing.assert_array_equal(model.parameters, before)


class Around(Loss):
    """A loss of a user that hands targets of its own to a loss of the library."""

    def __init__(self):
        super().__init__()
        self.inner = BinaryCrossEntropy(from_logits=True)

    def forward(self, prediction, target):
        return self.inner.forward(prediction, 255 * target)

    def backward(self, cache):
        return self.inner.backward(cache)


def test_a_loss_inside_the_loss_of_fit_checks_its_own_targets():
    x = np.full((8, 3), 0.5, "float32")
    model = Dense(3)
    model.build((3,), 0)
    with pytest.raises(ValueError, match=r"targets in \[0, 1\]; got 127.5"):
        fit(model, x, x, loss=Around(), optimizer=SGD(0.1), verbose=False)


def test_the_targets_of_fit_are_checked_once(monkeypatch):
    counts = []
    plain = BinaryCrossEntropy.check_target
    monkeypatch.setattr(
        BinaryCrossEntropy,
        "check_target",
        lambda self, target, shape: counts.append(len(target)) or plain(self, target, shape),
    )
    x = np.full((64, 3), 0.5, "float32")
    for layers, from_logits in (([Dense(3), Sigmoid()], False), ([Dense(3)], True)):
        model = Sequential(layers)
        model.build((3,), 0)
        loss = BinaryCrossEntropy(from_logits=from_logits)
        fit(model, x, x, loss=loss, optimizer=SGD(0.1), batch_size=16, epochs=2, verbose=False)
    assert counts == [64, 64]
