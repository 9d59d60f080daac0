"""State of a run: settings that a resumed run must share, the copy of an epoch, noise of loops."""

import numpy as np
import pytest
from refusals import refused

from scratchnet.callbacks import Callback, Checkpoint
from scratchnet.layers import LSTM, Dense, Dropout, ReLU, Sequential
from scratchnet.losses import Huber, MeanAbsoluteError, MeanSquaredError
from scratchnet.metrics import accuracy
from scratchnet.models.gan import GAN
from scratchnet.models.vae import VAE
from scratchnet.optimizers import SGD, Adam, ClipByValue, RMSprop
from scratchnet.saving import FileError
from scratchnet.schedules import CosineDecay, ExponentialDecay, WarmUp
from scratchnet.training import evaluate, fit, train_step
from scratchnet.training_run import Guard, TrainingDiverged, described, fingerprint

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 5)).astype("float32")
Y = (X @ RNG.normal(size=(5, 1))).astype("float32")


def built(*layers, shape=(5,), seed=0):
    model = Sequential(layers)
    model.build(shape, seed)
    return model


def run(epochs, path, callbacks=(), loss=None, optimizer=None, x=X, **changes):
    """(parameters, optimizer) of a run that resumes from the file, if it exists."""
    model, optimizer = built(Dense(8), ReLU(), Dense(1)), optimizer or Adam(0.1)
    fit(
        model,
        x,
        Y,
        loss=loss or MeanSquaredError(),
        optimizer=optimizer,
        epochs=epochs,
        callbacks=[*callbacks, Checkpoint(path, resume=True)],
        verbose=False,
        **changes,
    )
    return model.parameters.copy(), optimizer


OTHER = {
    "learning rate": ({}, {"optimizer": Adam(0.5)}, "learning_rate=0.1, .* learning_rate=0.5"),
    "beta": ({}, {"optimizer": Adam(0.1, beta_1=0.5)}, "beta_1=0.9"),
    "clip": ({}, {"optimizer": Adam(0.1, clip=ClipByValue(1.0))}, "clip="),
    "rho": ({"optimizer": RMSprop(0.1)}, {"optimizer": RMSprop(0.1, rho=0.5)}, "rho=0.9"),
    "schedule": (
        {"optimizer": Adam(ExponentialDecay(0.1, 0.5, 9))},
        {"optimizer": Adam(ExponentialDecay(0.1, 0.9, 9))},
        "factor=0.5",
    ),
    "loss": ({}, {"loss": MeanAbsoluteError()}, "loss=MeanSquaredError"),
    "delta": ({"loss": Huber(1.0)}, {"loss": Huber(0.1)}, "delta=1.0"),
    "reduction": ({}, {"loss": MeanSquaredError("per_sample")}, "reduction="),
    "metric": ({}, {"metrics": {"accuracy": accuracy}}, "metrics="),
    "validation added": ({}, {"validation": (X, Y)}, "validation=None"),
    "validation left out": ({"validation": (X, Y)}, {}, "has validation=None"),
    "other validation": ({"validation": (X, Y)}, {"validation": (X, -Y)}, "validation="),
    "other data": ({}, {"x": 2 * X}, "data="),
}


@pytest.mark.parametrize("first, second, words", OTHER.values(), ids=OTHER.keys())
def test_a_run_with_other_options_is_not_resumed(first, second, words, tmp_path):
    run(2, tmp_path / "run.npz", **first)
    refused(lambda: run(4, tmp_path / "run.npz", **second), words, "resume=False", error=FileError)


class LowerRate(Callback):
    def on_epoch_end(self, run):
        if run.epoch == 2:
            run.optimizer.learning_rate = 0.001


def test_a_learning_rate_that_a_callback_lowered_is_that_of_the_resumed_run(tmp_path):
    whole, optimizer = run(6, tmp_path / "whole.npz", [LowerRate()])
    run(3, tmp_path / "parts.npz", [LowerRate()])
    parts, resumed = run(6, tmp_path / "parts.npz", [LowerRate()])
    assert resumed.learning_rate == optimizer.learning_rate == 0.001
    np.testing.assert_array_equal(parts, whole)


def test_a_resumed_run_with_a_schedule_ends_with_the_same_bits(tmp_path):
    def optimizer():
        return Adam(WarmUp(CosineDecay(0.1, steps=20), steps=5))

    whole, _ = run(4, tmp_path / "whole.npz", optimizer=optimizer())
    run(2, tmp_path / "parts.npz", optimizer=optimizer())
    np.testing.assert_array_equal(run(4, tmp_path / "parts.npz", optimizer=optimizer())[0], whole)


def test_a_schedule_that_is_a_function_is_the_same_in_each_process():
    rate = WarmUp(then=lambda t: 0.1, steps=2)
    assert "0x" not in described(rate)
    assert described(0.5) == "0.5"


def test_a_fingerprint_depends_on_shapes_and_values():
    x = np.arange(1000.0)
    assert fingerprint(x) == fingerprint(x.copy())
    assert len({fingerprint(x), fingerprint(x[:-1]), fingerprint(x + 1)}) == 3


# ----------------------------------------------------------------------- fits in a loop, one by one


def test_a_loop_of_fits_with_one_optimizer_is_one_fit():
    def parameters(parts):
        model, optimizer = built(Dropout(0.5), Dense(1)), SGD(0.1, momentum=0.9)
        for epochs in parts:
            options = {"loss": MeanSquaredError(), "optimizer": optimizer, "epochs": epochs}
            fit(model, X, Y, **options, verbose=False)
        return model.parameters

    np.testing.assert_array_equal(parameters([1, 1, 1]), parameters([3]))


def test_two_fits_of_a_gan_are_one_of_both_lengths():
    def parameters(parts):
        gan = GAN(built(Dense(5), shape=(2,)), built(Dense(1), seed=1))
        d, g = Adam(), Adam()
        for epochs in parts:
            gan.fit(X, optimizer_d=d, optimizer_g=g, epochs=epochs, verbose=False)
        return gan.generator.parameters

    np.testing.assert_array_equal(parameters([2, 2]), parameters([4]))


def test_two_fits_of_a_vae_are_one_of_both_lengths():
    def parameters(parts):
        vae = VAE(Sequential([Dense(4)]), Sequential([Dense(5)]))
        vae.build((5,), 0)
        optimizer = Adam(0.01)
        for epochs in parts:
            vae.fit((X > 0).astype("float32"), optimizer=optimizer, epochs=epochs, verbose=False)
        return vae.model.parameters

    np.testing.assert_array_equal(parameters([1, 2]), parameters([3]))


# ------------------------------------------------------------------------- the copy of an epoch


def test_a_guard_restores_parameters_and_optimizer_where_a_number_is_not_finite():
    model, optimizer = built(Dense(1)), Adam(0.1)
    guard = Guard([model], [optimizer])
    before = model.parameters.copy()
    train_step(model, MeanSquaredError(), optimizer, X, Y)
    with pytest.raises(TrainingDiverged, match="the loss became nan in epoch 3") as caught:
        guard.check({"loss": float("nan")}, 2, {"loss": [1.0, 0.5]})
    assert caught.value.history == {"loss": [1.0, 0.5]}
    assert optimizer.t == 0
    np.testing.assert_array_equal(model.parameters, before)


def test_a_guard_looks_at_the_arrays_too():
    model = built(Dense(1))
    guard = Guard([model], [SGD(0.1)])
    model.parameters[0] = np.nan
    with pytest.raises(TrainingDiverged, match="the parameters became infinite or NaN"):
        guard.check({"loss": 1.0}, 0, {})


def test_a_training_step_refuses_the_optimizer_of_another_model():
    optimizer, first, second = Adam(0.01), built(Dense(1)), built(Dense(1), seed=1)
    train_step(first, MeanSquaredError(), optimizer, X, Y)
    call = lambda: train_step(second, MeanSquaredError(), optimizer, X, Y)  # noqa: E731
    refused(call, "make a new optimizer")


def test_data_cannot_be_changed_by_a_layer_or_a_metric():
    class InPlace(ReLU):
        def forward(self, x, train=False):
            x += 1
            return super().forward(x, train)

    def clip(prediction, target):
        target[...] = 0
        return 0.0

    options = {"loss": MeanSquaredError(), "optimizer": SGD(0.1), "verbose": False}
    refused(lambda: fit(built(InPlace(), Dense(1)), X, Y, shuffle=False, **options), "changes x")
    refused(
        lambda: evaluate(built(Dense(1)), MeanSquaredError(), X, Y, {"clip": clip}),
        "metric 'clip' changes its arguments",
    )


def test_the_loss_of_an_epoch_with_a_mask_counts_real_steps():
    x = np.zeros((3, 4, 2), "float32")
    x[0], x[1, 0], x[2, :2] = 1, 1, 1  # 4, 1 and 2 real steps, one sample in each batch
    model = built(LSTM(3, return_sequences=True, mask_value=0.0), shape=(4, 2))
    target = RNG.normal(size=(3, 4, 3)).astype("float32")
    options = {"loss": MeanSquaredError(), "optimizer": SGD(1e-12), "batch_size": 1}
    history = fit(model, x, target, **options, verbose=False)
    assert history["loss"][0] == pytest.approx(
        evaluate(model, MeanSquaredError(), x, target)["loss"], rel=1e-5
    )
