"""Device discipline: what the library computes on a GPU is what it computes on the host.

Runs on NumPy, on the strict stand-in for CuPy, and on CuPy where a GPU answers. Equal to NumPy's
numbers, on the device's arrays, and without ever waiting for the device inside a training step.
(The golden values of test_golden.py are compared on each device too.)
"""

import contextlib
import contextvars

import fake_cupy
import numpy as np
import pytest
from cases import CASES, over
from device_models import classifier, everything, numbers

from scratchnet import layers, losses, optimizers
from scratchnet.backend import RNG, parity, set_device, to_device, to_numpy, use_device, zeros
from scratchnet.callbacks import Checkpoint, EarlyStopping
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.gradcheck_cases import loss_cases
from scratchnet.layers import (
    Dense,
    Dropout,
    Sequential,
)
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.metrics import accuracy
from scratchnet.optimizers import SGD, Adagrad, Adam, AdamW, ClipByGlobalNorm, ClipByValue, RMSprop
from scratchnet.saving import load, save
from scratchnet.schedules import CosineDecay, WarmUp
from scratchnet.training import evaluate, fit, predict

OPTIMIZERS = [
    lambda: SGD(0.1),
    lambda: SGD(0.1, momentum=0.9, nesterov=True),
    lambda: RMSprop(clip=ClipByValue(0.5)),
    lambda: Adagrad(initial_accumulator_value=0.1),
    lambda: Adam(WarmUp(CosineDecay(0.01, 10), 2), clip=ClipByGlobalNorm(0.1)),
    lambda: AdamW(),
]


@pytest.fixture(autouse=True)
def same_noise():
    """Masks and noise are drawn on the host, so that devices can be compared."""
    with parity():
        yield


def no_waiting(xp):
    """Inside, whatever would wait for the device raises; only the stand-in can tell."""
    return fake_cupy.no_sync() if xp is fake_cupy.module else contextlib.nullcontext()


def on_the_host(compute):
    """What compute() gives with NumPy arrays."""
    with use_device("cpu"):
        return compute()


def assert_equal(ours, expected, xp, rtol=1e-5, atol=1e-6):
    """Equal trees of numbers; ours are arrays of xp. float32 rounding may differ on a GPU."""
    ours, expected = leaves(ours), leaves(expected)
    assert len(ours) == len(expected)
    for a, b in zip(ours, expected, strict=True):
        if xp is not np and hasattr(b, "dtype"):
            assert isinstance(a, xp.ndarray), f"left the device: {type(a)}"
        if hasattr(b, "dtype"):
            assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=rtol, atol=atol)


def leaves(tree):
    """Every number and array in nested tuples, lists and dictionaries."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in leaves(part)]
    return [] if tree is None else [tree]


# ------------------------------------------------------------------------- layers, losses, steps


@over(CASES)
@pytest.mark.parametrize("train", [True, False])
def test_a_layer_computes_on_the_device_what_it_computes_on_the_host(case, train, xp):
    def compute():
        layer = case.make()
        output_shape = layer.build(case.shape, 0)
        layer.set_rng(5)
        x, dy = to_device(numbers((4, *case.shape))), to_device(numbers((4, *output_shape), 4))
        with no_waiting(xp):
            y, cache = layer.forward(x, train)
            dx, grads = layer.backward(dy, cache)
            layer.update_running_stats(cache)
        return y, dx, grads, layer.named_parameters(), layer.named_state(), layer.penalty(cache)

    assert_equal(compute(), on_the_host(compute), xp)


def loss_id(case):
    options = ",".join(f"{k}={getattr(v, '__name__', v)}" for k, v in case.options.items())
    return f"{case.name}({options})"


@pytest.mark.parametrize("case", [*loss_cases()], ids=loss_id)
def test_a_loss_computes_on_the_device_what_it_computes_on_the_host(case, xp):
    def compute():
        loss = case.make()
        prediction, target = (to_device(np.asarray(a)) for a in case.arguments)
        with no_waiting(xp):
            value, cache = loss.forward(prediction, target)
            gradient = loss.backward(cache)
        return value, gradient

    assert_equal(compute(), on_the_host(compute), xp)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_an_optimizer_moves_on_the_device_as_on_the_host(make, xp):
    def compute():
        optimizer, w = make(), to_device(numbers(9))
        gradients = [to_device(numbers(9, seed)) for seed in range(3)]
        with no_waiting(xp):
            for g in gradients:
                optimizer.step(w, g)
        return w, optimizer.get_state()

    assert_equal(compute(), on_the_host(compute), xp)


def test_every_public_layer_loss_and_optimizer_is_here():
    bases = {"Layer", "Loss", "Optimizer", "ShapeError"}
    bases |= {"Embedding"}  # takes integers: tested on each device in test_embedding.py
    models = [case.make() for case in CASES.values()]
    made = {type(layer).__name__ for model in models for layer in model.named_layers().values()}
    made |= {case.name for case in loss_cases()}
    for optimizer in (make() for make in OPTIMIZERS):
        made |= {type(optimizer).__name__, type(optimizer.clip).__name__}
    public = {*layers.__all__, *losses.__all__, *optimizers.__all__} - bases
    assert public <= made, f"no device test: {public - made}"


# ------------------------------------------------------------------------------------ small models


def test_a_run_waits_for_the_device_once_an_epoch_and_not_once_a_batch():
    def waits(batch_size):
        with fake_cupy.installed(), use_device("gpu"):
            model, loss, target = classifier()
            model.build((9,), 0)
            x, target = to_device(numbers((5, 9))), to_device(target)
            fit(model, x, target, loss=loss, optimizer=Adam(), epochs=2, batch_size=batch_size,
                metrics={"accuracy": accuracy}, verbose=False)  # fmt: skip
            return fake_cupy.STATS.syncs

    assert waits(batch_size=1) == waits(batch_size=5)


# ----------------------------------------------------------------------- training, saving, data


def trained(path=None, epochs=4, resume=False):
    """A model with noise, dropout and statistics after a run with every callback."""
    model, loss, _ = everything()
    model.build((9,), 0)
    x = to_device(np.abs(numbers((20, 9))) % 1)
    callbacks = [EarlyStopping("val_loss", patience=9)]
    callbacks += [] if path is None else [Checkpoint(path, resume=resume)]
    history = fit(model, x, x, loss=loss, optimizer=Adam(0.01), epochs=epochs, batch_size=6,
                  validation=(x[:5], x[:5]), callbacks=callbacks, verbose=False)  # fmt: skip
    del history["seconds"]
    return model, history


def test_a_whole_run_gives_the_numbers_of_the_host(xp):
    model, history = trained()
    model_host, history_host = on_the_host(trained)
    assert_equal(model.named_parameters(), model_host.named_parameters(), xp, rtol=1e-4)
    assert_equal(model.named_state(), model_host.named_state(), xp, rtol=1e-4)
    assert_equal(history, history_host, xp, rtol=1e-4)


def test_a_run_is_resumed_on_the_device(xp, tmp_path):
    trained(tmp_path / "run.npz", epochs=2)
    model, history = trained(tmp_path / "run.npz", epochs=4, resume=True)
    whole, history_whole = trained()
    assert_equal(model.named_parameters(), whole.named_parameters(), xp, rtol=0, atol=0)
    assert history == history_whole


def test_a_model_saved_on_one_device_is_loaded_on_the_other(xp, tmp_path):
    model, _ = trained(epochs=1)
    save(model, tmp_path / "model.npz")
    other, copy_on_host = trained(epochs=2)[0], on_the_host(lambda: trained(epochs=2)[0])
    load(other, tmp_path / "model.npz")
    load(copy_on_host, tmp_path / "model.npz")
    assert_equal(other.parameters, model.parameters, xp, rtol=0, atol=0)
    assert_equal(copy_on_host.parameters, to_numpy(model.parameters), np, rtol=0, atol=0)


def test_prediction_and_evaluation_stay_on_the_device(xp):
    images = load_images("digits")
    x, t = to_device(images.x_test.reshape(-1, 64)), to_device(images.y_test)
    assert t.dtype == np.int64 and x.dtype == np.float32
    model = Sequential([Dense(10)])
    model.build((64,), 0)
    assert isinstance(predict(model, x, 100), xp.ndarray)
    numbers = evaluate(model, SoftmaxCrossEntropy(), x, t, {"accuracy": accuracy}, 100)
    assert all(isinstance(number, float) for number in numbers.values())


def test_host_and_device_arrays_do_not_mix(xp):
    if xp is np:
        pytest.skip("there is only the host")
    model = Sequential([Dense(3)])
    model.build((4,), 0)
    with pytest.raises(TypeError):
        model(numbers((2, 4)))


def test_a_copy_of_a_model_on_the_device_owns_its_arrays(xp):
    model, _ = trained(epochs=1)
    other = model.astype("float32")
    before = to_numpy(model.parameters).copy()
    other.parameters[...] = 0
    assert np.array_equal(to_numpy(model.parameters), before)
    assert not to_numpy(other.parameters).any()


def test_a_model_that_has_drawn_noise_on_the_device_can_be_copied(xp):
    model = Sequential([Dense(3), Dropout(0.5)])
    model.build((9,), 0)
    x, device = to_device(numbers((4, 9))), "cpu" if xp is np else "gpu"
    # without parity: the device's own generator, which CuPy does not let anybody copy
    contextvars.copy_context().run(
        lambda: (set_device(device, False), model.forward(x, train=True))
    )
    assert model.astype("float64")(x.astype("float64")).dtype == np.float64


def test_the_gradients_of_a_model_on_the_device_are_checked_on_a_copy_on_the_host(xp):
    model, loss, target = classifier()
    model.build((9,), 0)
    x = to_device(numbers((5, 9)))
    report = gradcheck(model, x, to_device(target), loss=loss)
    assert report.ok and isinstance(model.parameters, xp.ndarray)


def test_a_script_sets_device_and_parity_for_good():
    def script():
        set_device("gpu", parity=True)
        return zeros((2,)), RNG(3).uniform(zeros((4,)))

    with fake_cupy.installed() as module:
        on_device, drawn = contextvars.copy_context().run(script)
        assert isinstance(on_device, module.ndarray) and isinstance(drawn, module.ndarray)
        assert np.array_equal(to_numpy(drawn), RNG(3).uniform(np.zeros(4, "float32")))
