"""The training loop: its pieces, the results of a run, its reports, and the data it refuses."""

import re

import numpy as np
import pytest
from cases import bits
from killed_run import build, everything, unchanged

from scratchnet.backend import RNG, float64
from scratchnet.layers import (
    ActivityRegularization,
    BatchNormalization,
    Dense,
    Dropout,
    Sequential,
    Tanh,
)
from scratchnet.losses import BinaryCrossEntropy, MeanSquaredError
from scratchnet.optimizers import SGD, Adam, ClipByGlobalNorm, Optimizer
from scratchnet.training import TrainingDiverged, batches, evaluate, fit, predict, train_step

N = 10  # samples: two batches of 4 and one of 2
X = np.random.default_rng(1).normal(size=(N, 3)).astype("float32")
T = np.random.default_rng(2).normal(size=(N, 1)).astype("float32")
MSE = MeanSquaredError()
METRICS = {"error": lambda y, t: abs(y - t).mean()}


class Still(Optimizer):
    """Changes nothing, so that what is measured during an epoch can be measured after it too."""

    def update(self, w, g, rate):
        pass


def built(*layers, inputs=3):
    model = Sequential(layers)
    model.build((inputs,), 0)
    return model


def train(model, x=X, target=T, **changes):
    """`fit` with options that suit a small test, changed where a test is about them."""
    options = {"loss": MSE, "optimizer": SGD(0.1), "epochs": 2, "batch_size": 4, "verbose": False}
    return fit(model, x, target, **options | changes)


def orders(**options):
    """Which sample came when: one list of indices for each of two epochs."""
    seen = []
    index = np.arange(N, dtype="float32")[:, None]
    train(build(), X, index, metrics={"seen": lambda y, t: seen.extend(t[:, 0]) or 0.0}, **options)
    return seen[:N], seen[N:]


# -------------------------------------------------------------------------------------- the pieces


def test_batches_take_every_sample_once_and_end_with_a_short_one():
    drawn = list(batches(10, 4, RNG(0)))
    assert [len(i) for i in drawn] == [4, 4, 2]
    assert sorted(np.concatenate(drawn)) == list(range(10))


def test_a_training_step_is_the_chain_rule_written_out():
    with float64():
        model = built(Dense(4), Tanh(), Dense(1))
    x, t = X.astype("float64"), T.astype("float64")
    W1, b1, W2, b2 = (p.copy() for p in model.named_parameters().values())
    h = np.tanh(x @ W1 + b1)  # forward
    y = h @ W2 + b2
    dy = 2 * (y - t) / N  # backward
    da = dy @ W2.T * (1 - h**2)
    after = W1 - 0.1 * x.T @ da, b1 - 0.1 * da.sum(0), W2 - 0.1 * h.T @ dy, b2 - 0.1 * dy.sum(0)
    value, penalty, prediction = train_step(model, MSE, SGD(0.1), x, t)
    assert (value, penalty) == (pytest.approx(((y - t) ** 2).mean(), rel=1e-12), 0)
    np.testing.assert_allclose(prediction, y, rtol=1e-12)
    for parameter, expected in zip(model.named_parameters().values(), after, strict=True):
        np.testing.assert_allclose(parameter, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("batch_size", [3, 4, 9, 1000])
def test_an_evaluation_does_not_depend_on_the_batches(batch_size):
    model = built(Dense(4), ActivityRegularization(l1=0.1), BatchNormalization(), Dense(1))
    y, cache = model.forward(X)
    expected = {"loss": ((y - T) ** 2).mean(), "error": abs(y - T).mean()}
    expected["penalty"] = model.penalty(cache)
    numbers = evaluate(model, MSE, X, T, METRICS, batch_size=batch_size)
    assert numbers == pytest.approx(expected, rel=1e-6)  # sums of float32 in another order


@pytest.mark.parametrize("batch_size", [1, 4, 1000])
def test_predictions_come_in_the_order_of_the_samples(batch_size):
    model = build()
    predictions = predict(model, X, batch_size)
    np.testing.assert_allclose(predictions, model(X), rtol=1e-5, atol=1e-7)  # float32, other sums


# ------------------------------------------------------------------------------- what a run learns


def test_it_learns_exclusive_or():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    t = np.array([[0], [1], [1], [0]], "float32")
    model = built(Dense(8), Tanh(), Dense(1), inputs=2)
    loss = BinaryCrossEntropy(from_logits=True)
    history = train(model, x, t, loss=loss, optimizer=Adam(0.05), epochs=200)
    assert history["loss"][-1] < 0.05
    assert ((model(x) > 0) == t).all()


def test_linear_regression_ends_at_the_least_squares_solution():
    x, t = X.astype("float64"), T.astype("float64")
    with float64():
        model = built(Dense(1))
    train(model, x, t, optimizer=SGD(0.1, momentum=0.9), epochs=500, batch_size=N)
    solution = np.linalg.lstsq(np.c_[x, np.ones(N)], t, rcond=None)[0]
    np.testing.assert_allclose(model.parameters, solution[:, 0], rtol=1e-8)


def test_equal_seeds_give_equal_bits_and_other_seeds_others():
    runs = [build(), build(), build()]
    for model, seed in zip(runs, (3, 3, 4), strict=True):
        train(model, seed=seed)
    first, again, other = (bits(everything(model)) for model in runs)
    assert first == again != other


def test_each_epoch_has_its_own_order_and_a_seed_repeats_them():
    first, second = orders(seed=3)
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second
    assert orders(seed=3) == (first, second)
    assert orders(seed=4) != (first, second)


def test_without_shuffling_the_samples_come_in_the_given_order():
    assert orders(shuffle=False) == (list(range(N)), list(range(N)))


def test_running_averages_move_once_a_step_and_at_no_other_time():
    model = built(BatchNormalization(momentum=0.9), Dense(1))
    train(model, batch_size=N, epochs=3, shuffle=False, validation=(X + 100, T))
    predict(model, X + 100)
    average = model.named_state()["batch_normalization/moving_mean"]
    np.testing.assert_allclose(average, X.mean(axis=0) * (1 - 0.9**3), rtol=1e-5)


def test_dropout_is_active_in_training_only():
    model = built(Dropout(0.5), Dense(1))
    plain = ((model.layers[1](X) - T) ** 2).mean()
    history = train(model, optimizer=Still(1), validation=(X, T), epochs=3)
    assert history["val_loss"] == pytest.approx([plain] * 3, rel=1e-6)
    assert len({plain, *history["loss"]}) == 4  # each epoch draws other masks


def test_a_frozen_part_stays_while_the_rest_learns():
    model = built(encoder := Sequential([Dense(4), Tanh()]), head := Dense(1))
    encoder.trainable = False
    before = bits(everything(head))
    with unchanged(encoder):
        train(model)
    assert bits(everything(head)) != before


# ------------------------------------------------------------------------------ what a run reports


@pytest.mark.parametrize("regularized", [False, True])
def test_the_history_has_one_number_an_epoch_under_each_name(regularized):
    layers = [ActivityRegularization(l2=0.1)] if regularized else []
    history = train(built(*layers, Dense(1)), epochs=3, validation=(X, T), metrics=METRICS)
    measured = {"loss", "error"} | ({"penalty"} if regularized else set())
    assert set(history) == measured | {f"val_{name}" for name in measured} | {"seconds"}
    assert all(len(numbers) == 3 for numbers in history.values())


def test_the_numbers_of_an_epoch_are_averages_over_samples_not_over_batches():
    model = built(ActivityRegularization(l2=0.1), Dense(1))
    held_out = X[:7] + 1, T[:7]
    history = train(model, optimizer=Still(1), metrics=METRICS, validation=held_out)
    for name, number in evaluate(model, MSE, X, T, METRICS).items():
        assert history[name] == pytest.approx([number] * 2, rel=1e-6)
    for name, number in evaluate(model, MSE, *held_out, METRICS).items():
        assert history[f"val_{name}"] == [number] * 2


def test_a_penalty_is_part_of_what_is_minimised():
    model = built(Dense(2), ActivityRegularization(l2=10.0), Dense(1))
    penalties = train(model, optimizer=Adam(0.01), epochs=50)["penalty"]
    assert penalties[-1] < penalties[0] / 10


def test_a_redirected_run_prints_one_plain_line_an_epoch_and_no_bar(capsys):
    train(build(), verbose=True, validation=(X, T))
    out, err = capsys.readouterr()
    number = r"\d+\.\d{4}"
    lines = [rf"epoch {i}/2  loss {number}  val_loss {number}  \d+\.\d s\n" for i in (1, 2)]
    assert re.fullmatch("".join(lines), out)
    assert err == ""


@pytest.mark.parametrize("verbose", [True, False])
def test_a_terminal_shows_a_bar_too_unless_the_run_is_silent(verbose, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    train(build(), verbose=verbose)
    out, err = capsys.readouterr()
    assert out.count("\n") == (2 if verbose else 0)
    assert ("epoch 2/2:" in err) == bool(err) == verbose


# ------------------------------------------------------------------------------- what it refuses


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_ends_the_run_at_the_last_good_epoch(value):
    class Diverging(MeanSquaredError):
        added = iter([0] * 7 + [value] + [0] * 9)  # three steps an epoch: in the third epoch

        def forward(self, prediction, target):
            loss, cache = super().forward(prediction, target)
            return loss + next(self.added), cache

    model, other_model = build(), build()
    good = train(other_model, epochs=2)
    with pytest.raises(TrainingDiverged, match=rf"^the loss became {value} in epoch 3") as end:
        train(model, epochs=5, loss=Diverging())
    assert "the parameters of epoch 2 again. Lower the learning rate, or clip" in str(end.value)
    assert end.value.history["loss"] == good["loss"]
    assert bits(everything(model)) == bits(everything(other_model))


def test_a_learning_rate_far_too_high_raises_an_error_and_clipping_helps():
    model = built(Dense(1))
    overflow = np.errstate(all="ignore")
    with unchanged(model), overflow, pytest.raises(TrainingDiverged, match="in epoch 1;"):
        train(model, optimizer=SGD(1e4), batch_size=1)
    train(model, optimizer=SGD(1e4, clip=ClipByGlobalNorm(1e-5)), batch_size=1)


def spoiled(array, value):
    array = array.copy()
    array[3] = value
    return array


REFUSED = {
    "x with a NaN": ({"x": spoiled(X, np.nan)}, "x holds NaN or infinite values"),
    "x with an infinity": ({"x": spoiled(X, -np.inf)}, "x holds NaN or infinite values"),
    "x infinite": ({"x": np.full_like(X, np.inf)}, "x holds NaN or infinite values"),
    "x as a list": ({"x": X.tolist()}, "x.* array"),
    "x empty": ({"x": X[:0]}, "x is empty"),
    "x of other samples": ({"x": X[1:]}, "x has 9 samples, but target has 10"),
    "x in another precision": ({"x": X.astype("float64")}, "float64"),
    "target with a NaN": ({"target": spoiled(T, np.nan)}, "target holds NaN or infinite values"),
    "target with an infinity": ({"target": spoiled(T, np.inf)}, "target holds NaN or infinite"),
    "target empty": ({"target": T[:0]}, "target is empty"),
    "target of another shape": ({"target": T[:, 0]}, "one shape"),
    "target in another precision": ({"target": T.astype("float64")}, "target.*float64"),
    "validation with a NaN": ({"validation": (spoiled(X, np.nan), T)}, "validation.* NaN"),
    "validation with an infinity": ({"validation": (X, spoiled(T, np.inf))}, "validation.* inf"),
    "validation empty": ({"validation": (X[:0], T[:0])}, "validation.* is empty"),
    "validation of another shape": ({"validation": (X, T[:, 0])}, "one shape"),
    "validation of other samples": ({"validation": (X, T[1:])}, "validation.* 9"),
    "no epoch": ({"epochs": 0}, "expects epochs >= 1; got 0"),
}


@pytest.mark.parametrize("changes, sentence", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_trained_is_refused_before_the_model_changes(changes, sentence):
    model, optimizer = build(), SGD(0.1)
    with unchanged(model), pytest.raises((ValueError, TypeError), match=f"^.*{sentence}.*$"):
        train(model, optimizer=optimizer, **changes)
    assert optimizer.t == 0


@pytest.mark.parametrize(
    "use",
    [
        train,
        lambda model, **options: evaluate(model, MSE, X, T, **options),
        lambda model, **options: predict(model, X, **options),
    ],
    ids=["fit", "evaluate", "predict"],
)
def test_every_use_refuses_a_model_that_is_not_built_and_an_empty_batch(use):
    with pytest.raises(ValueError, match="Sequential is not built yet: call build"):
        use(Sequential([Dense(1)]))
    with pytest.raises(ValueError, match="expects batch_size >= 1; got 0"):
        use(build(), batch_size=0)


def test_numbers_that_are_large_but_finite_are_not_refused():
    model = built(Dense(1, kernel_initializer="zeros"))
    assert predict(model, spoiled(X, [3e38, -3e38, 0])).tolist() == [[0.0]] * N
