"""The X-ray: its numbers beside loops by hand, shards, sampling, and layers left as they were."""

import copy
import math

import numpy as np
import pytest

from scratchnet.layers import (
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    ReLU,
    Sequential,
    Sigmoid,
    TimeDistributed,
)
from scratchnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.optimizers import SGD, Adam, ClipByGlobalNorm, Optimizer
from scratchnet.training import fit
from scratchnet.training_step import shards
from scratchnet.workers import Workers
from scratchnet.xray import XRay, observers, xray
from scratchnet.xray import recorder as module

X = np.random.default_rng(0).normal(size=(48, 6)).astype("float32")
T = (X[:, :1] * X[:, 1:2]).astype("float32")
LOSS = MeanSquaredError()


def small(*more):
    model = Sequential([Dense(5, name="first"), ReLU(name="relu"), *more, Dense(1, name="last")])
    model.build((6,), 0)
    return model


@pytest.fixture
def every_step(monkeypatch):
    monkeypatch.setattr(module, "SHARE", math.inf)


def norm(*arrays):
    return math.sqrt(sum(float((a.astype("float64") ** 2).sum()) for a in arrays))


def by_hand(model, x, t, rate):
    """One step of SGD, layer by layer: {layer: {measure: number}}."""
    first, relu, last = model.layers
    numbers = {name: {} for name in ("first", "relu", "last")}
    a, y = x @ first.W + first.b, None
    h = np.maximum(a, 0)
    y = h @ last.W + last.b
    for name, output in (("first", a), ("relu", h), ("last", y)):
        numbers[name] |= {"mean": output.mean(), "deviation": output.std()}
    numbers["relu"]["dead"] = np.mean([(h[:, j] == 0).all() for j in range(h.shape[1])])
    dy = 2 * (y - t) / y.size
    dW, db, dh = h.T @ dy, dy.sum(axis=0), dy @ last.W.T
    da = dh * (h > 0)
    dW1, db1 = x.T @ da, da.sum(axis=0)
    for name, gradient in (("first", da), ("relu", dh), ("last", dy)):
        numbers[name]["dL/dy"] = norm(gradient)
    for name, layer, grads in (("first", first, (dW1, db1)), ("last", last, (dW, db))):
        numbers[name]["gradient"] = norm(*grads)
        numbers[name]["update"] = rate * norm(*grads) / norm(layer.W, layer.b)
        layer.W, layer.b = layer.W - rate * grads[0], layer.b - rate * grads[1]
    return numbers


def test_the_numbers_of_each_step_equal_a_loop_by_hand(every_step):
    model, plain = small(), small()
    with xray(model) as seen:
        run = dict(loss=LOSS, optimizer=SGD(0.1), epochs=2, batch_size=24, shuffle=False)
        fit(model, X, T, **run, verbose=False)
    assert seen.steps == [0, 1, 2, 3]
    for step, s in enumerate([slice(0, 24), slice(24, 48)] * 2):
        for name, expected in by_hand(plain, X[s], T[s], 0.1).items():
            found = {m: seen.values[m][name][step] for m in expected}
            assert found == pytest.approx(expected, rel=1e-4), (step, name)
    assert math.isnan(seen.values["gradient"]["relu"][0])
    assert math.isnan(seen.values["saturated"]["relu"][0])
    assert seen.shapes == {"first": (5,), "relu": (5,), "last": (1,)}


def test_one_batch_equals_the_first_step_and_leaves_no_trace(every_step):
    model = small(Dropout(0.5))
    weights = model.parameters.copy()
    generators = [layer.rng for layer in model.named_layers().values()]
    seen = xray(model, X, T, LOSS)
    assert [layer.rng for layer in model.named_layers().values()] == generators
    assert np.array_equal(model.parameters, weights)
    assert "forward" not in vars(model.layers[0]) and Optimizer.step is observers._plain_step
    assert seen.steps == [0] and math.isnan(seen.values["update"]["first"][0])

    plain = small()
    expected = by_hand(plain, X, T, 0.1)["first"]
    found = xray(small(), X, T, LOSS).values
    del expected["update"]
    assert {m: found[m]["first"][0] for m in expected} == pytest.approx(expected, rel=1e-4)


def test_shares_of_saturated_outputs():
    model = Sequential([Dense(2, name="a"), Sigmoid(name="s")])
    model.build((1,), 0)
    model.layers[0].W = np.array([[1.0, 100.0]], "float32")
    x = np.array([[1.0], [2.0]], "float32")
    assert xray(model, x, np.zeros((2, 2), "float32"), LOSS).values["saturated"]["s"] == [0.5]


def conv_net():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(144, 28, 28, 1)).astype("float32")
    layers = [Conv2D(2, 3, name="conv"), ReLU(name="relu"), Flatten(), Dense(3, name="dense")]
    model = Sequential(layers)
    model.build((28, 28, 1), 0)
    return model, x, rng.integers(0, 3, 144)


def same_numbers(found, expected):
    for measure in ("mean", "deviation", "dead", "dL/dy", "gradient"):
        for layer in ("conv", "relu", "dense"):
            a, b = found.values[measure][layer], expected.values[measure][layer]
            assert a == pytest.approx(b, rel=1e-4, nan_ok=True), (measure, layer)


@pytest.mark.parametrize(
    "workers, rows", [(1, 144), (Workers(2, "threads"), 72), (Workers(2, "processes"), 72)]
)
def test_a_step_in_shards_or_on_workers_is_one_step_of_the_callers_part(every_step, workers, rows):
    model, x, t = conv_net()
    assert len(shards(model, SoftmaxCrossEntropy(), x[:rows])) > 1
    whole = xray(model, x[:rows], t[:rows], SoftmaxCrossEntropy())  # in one piece
    with xray(model) as seen:
        run = dict(loss=SoftmaxCrossEntropy(), optimizer=SGD(0.1), batch_size=144, shuffle=False)
        fit(model, x, t, **run, epochs=2, workers=workers, verbose=False)
    assert seen.steps == [0, 1]
    for values in seen.values.values():
        for of_layer in values.values():
            del of_layer[1:]
    same_numbers(seen, whole)


def test_the_update_is_that_of_all_workers(every_step):
    updates = []
    for workers in (1, Workers(2, "threads")):
        model, x, t = conv_net()
        with xray(model) as seen:
            run = dict(loss=SoftmaxCrossEntropy(), optimizer=SGD(0.1), batch_size=144)
            fit(model, x, t, **run, workers=workers, verbose=False)
        updates.append(seen.values["update"]["dense"])
    assert updates[0] == pytest.approx(updates[1], rel=1e-4)


def test_training_is_the_same_bits_with_an_xray():
    model, plain = small(), small()
    run = dict(loss=LOSS, epochs=3, batch_size=8, verbose=False)
    with xray(model):
        history = fit(model, X, T, optimizer=Adam(), **run)
    assert history["loss"] == fit(plain, X, T, optimizer=Adam(), **run)["loss"]
    assert np.array_equal(model.parameters, plain.parameters)


def test_the_gradient_is_the_one_before_clipping(every_step):
    model = small()
    with xray(model) as seen:
        fit(model, X, T, loss=LOSS, optimizer=SGD(1.0, clip=ClipByGlobalNorm(1e-3)), verbose=False)
    assert seen.values["gradient"]["last"][0] > 0.01 > seen.values["update"]["last"][0]


def test_frozen_layers_have_no_gradient(every_step):
    model = small()
    model.layers[0].trainable = False
    seen = xray(model, X, T, LOSS)
    assert math.isnan(seen.values["gradient"]["first"][0])
    assert seen.values["gradient"]["last"][0] > 0


def test_a_layer_inside_another_layer_is_recorded_too():
    model = Sequential([TimeDistributed(Dense(3, name="inner")), Flatten(), Dense(1)])
    model.build((4, 6), 0)
    x = np.ones((2, 4, 6), "float32")
    seen = xray(model, x, np.zeros((2, 1), "float32"), LOSS)
    assert "time_distributed/inner" in seen.layers
    assert seen.values["dL/dy"]["time_distributed"] == pytest.approx(
        seen.values["dL/dy"]["time_distributed/inner"]
    )


def test_layers_are_as_before_after_the_context_even_after_an_error():
    model = small()
    before = {layer: dict(vars(layer)) for layer in model.named_layers().values()}
    with pytest.raises(RuntimeError, match="stop"), xray(model):
        assert "forward" in vars(model.layers[0])
        raise RuntimeError("stop")
    assert {layer: dict(vars(layer)) for layer in model.named_layers().values()} == before
    assert Optimizer.step is observers._plain_step


def test_a_copy_made_inside_is_not_recorded(every_step):
    model = small()
    with xray(model) as seen:
        copied = copy.deepcopy(model)
        copied.layers[0].W += 1
        assert not np.array_equal(copied(X), model(X))
        fit(copied, X, T, loss=LOSS, optimizer=SGD(0.1), verbose=False)
    assert seen.steps == []


def test_two_models_are_recorded_side_by_side_and_one_not_twice(every_step):
    a, b = small(), small()
    with xray(a) as seen_a, xray(b) as seen_b:
        fit(a, X, T, loss=LOSS, optimizer=SGD(0.1), batch_size=24, verbose=False)
        with pytest.raises(ValueError, match="expects a model that no other xray records"):
            xray(a).__enter__()
        fit(a, X, T, loss=LOSS, optimizer=SGD(0.1), batch_size=48, verbose=False)
    assert (seen_a.steps, seen_b.steps) == ([0, 1, 2], [])


def test_sampling_keeps_recording_to_its_share_of_the_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "thread_time", lambda: now[0])
    model, seen = small(), None
    model.parameters  # noqa: B018 - the vector of the parameters

    def step(seconds, cost):
        now[0] += seconds
        if seen.recording:
            seen._cost += cost  # as if recording had taken so long
            now[0] += cost
        w = model.parameters
        seen.before_update(w, w)
        seen.after_update(w)

    seen = XRay(model)
    seen._began = 0.0
    for _ in range(1000):
        step(1.0, 3.0)
    assert len(seen.steps) == pytest.approx(1000 * module.SHARE / 3, abs=2)
    assert now[0] < 1000 * 1.3


def test_a_long_record_drops_every_second_step(every_step, monkeypatch):
    monkeypatch.setattr(module, "STEPS", 8)
    model = small()
    with xray(model) as seen:
        fit(model, X, T, loss=LOSS, optimizer=SGD(0.01), batch_size=1, verbose=False)
    assert len(seen.steps) <= 8 and seen.steps[0] == 0 and seen.steps[-1] >= 40
    assert len(set(np.diff(seen.steps))) == 1
    assert all(len(v) == len(seen.steps) for m in seen.values.values() for v in m.values())
    assert len(seen.alive["relu"]) == len(seen.steps)


def test_a_model_that_diverges_is_recorded_without_a_warning(every_step, tmp_path):
    model = small()
    model.layers[0].W = model.layers[0].W * np.float32(1e25)
    with np.errstate(all="ignore"):
        seen = xray(model, X, T, LOSS)
    assert "explodes" in seen.verdicts()[0]
    assert seen.page(tmp_path / "xray.html").exists()


def test_table_plot_and_page(tmp_path):
    seen = xray(small(), X, T, LOSS)
    lines = seen.table().splitlines()
    assert lines[0] == "step 0" and lines[3].split()[:3] == ["first", "(N,", "5)"]
    assert len({len(line.split()) for line in lines[3:]}) == 1
    axis = seen.plot("gradient").axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["first", "last"]
    with pytest.raises(ValueError, match="unknown measure 'gradients'"):
        seen.plot("gradients")
    with pytest.raises(ValueError, match="no layer of this model has the measure 'saturated'"):
        seen.plot("saturated")
    path = seen.page(tmp_path / "xray.html")
    assert path.stat().st_size < 50_000


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="has recorded no step: train the model with fit"):
        xray(small()).table()
    with pytest.raises(TypeError, match="a model, or a model, x, target and a loss"):
        xray(small(), X)
    with pytest.raises(TypeError, match="model"):
        xray("model")


def test_steps_on_every_device_are_recorded(xp, every_step):
    model = small()
    x, t = xp.asarray(X[:8]), xp.asarray(T[:8])
    with XRay(model) as seen:
        fit(model, x, t, loss=LOSS, optimizer=SGD(0.1), epochs=3, verbose=False)
    assert len(seen.steps) == 3
