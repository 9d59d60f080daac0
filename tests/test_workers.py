"""Workers: results of any number and kind of them, errors, and models that are not split."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from scratchnet import factored_gradient
from scratchnet.callbacks import Callback, Checkpoint
from scratchnet.layers import (
    GRU,
    LSTM,
    ActivityRegularization,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Layer,
    ReLU,
    Sequential,
    TimeDistributed,
)
from scratchnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.metrics import accuracy
from scratchnet.models.gan import GAN
from scratchnet.models.vae import VAE
from scratchnet.optimizers import SGD, Adam, ClipByGlobalNorm
from scratchnet.parallel import Alone, run
from scratchnet.training import evaluate, fit, predict, train_step
from scratchnet.training_step import own_counter
from scratchnet.workers import (
    Workers,
    gather_rows,
    operations,
    rows_of,
    splits_batch,
    worker_count,
)

KINDS = ["threads"] + ["processes"] * hasattr(os, "fork")
every_kind = pytest.mark.parametrize("kind", KINDS)
SUPPORT = Path(__file__).parent / "support"
N = 50  # samples: batches of 16, 16, 16 and 2, fewer than some groups have workers
DATA = np.random.default_rng(0)
LABELS = DATA.integers(0, 3, N)


def dense():
    layers = [Dense(9), ReLU(), Dropout(0.3), GaussianNoise(0.1), ActivityRegularization(0.01)]
    return Sequential([*layers, Dense(3)]), (4,)


def convolutional():
    return Sequential([Conv2D(3, 3), ReLU(), Flatten(), Dropout(0.2), Dense(3)]), (7, 7, 1)


def recurrent():
    masked = LSTM(5, return_sequences=True, mask_value=0.0)
    each = TimeDistributed(Sequential([Dropout(0.2), Dense(4)]))
    return Sequential([masked, each, LSTM(3)]), (6, 2)


def data_for(shape):
    x = DATA.normal(size=(N, *shape)).astype("float32")
    if len(shape) == 2:  # sequences of several lengths
        x[np.arange(shape[0]) >= DATA.integers(1, shape[0] + 1, N)[:, None]] = 0
    return x


MODELS = {make.__name__: (make, data_for(make()[1])) for make in (dense, convolutional, recurrent)}


def trained(make, x, workers, epochs=2, callbacks=(), **changes):
    """(parameters, history without seconds) of a run with everything that may depend on workers."""
    model, shape = make()
    model.build(shape, 0)
    options = {
        "loss": SoftmaxCrossEntropy(),
        "optimizer": Adam(0.01, clip=ClipByGlobalNorm(0.5)),
        "batch_size": 16,
        "validation": (x[:21], LABELS[:21]),
        "metrics": {"accuracy": accuracy},
    }
    settings = options | {"epochs": epochs, "callbacks": callbacks, "workers": workers} | changes
    history = fit(model, x, LABELS, **settings, verbose=False)
    del history["seconds"]
    return model.parameters.copy(), history


def assert_equal_up_to_rounding(found, expected):
    # float32 sums in another order: 2e-7 a step, and Adam divides small gradients by small roots
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-3, atol=2e-5)
    assert found[1].keys() == expected[1].keys()
    for name, column in expected[1].items():
        np.testing.assert_allclose(found[1][name], column, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("make, x", MODELS.values(), ids=MODELS.keys())
@pytest.mark.parametrize("size", [2, 3, 4])
def test_workers_of_each_kind_train_as_a_single_one_does(make, x, size):
    one = trained(make, x, 1)
    several = [trained(make, x, Workers(size, kind)) for kind in KINDS]
    for found in several:
        assert_equal_up_to_rounding(found, one)
    for parameters, history in several[1:]:  # the kind of group changes no bit
        np.testing.assert_array_equal(parameters, several[0][0])
        assert history == several[0][1]


def test_a_run_is_resumed_with_another_number_of_workers(tmp_path):
    make, x = MODELS["dense"]

    def checkpoint(name):
        return [Checkpoint(tmp_path / name, resume=True)]

    whole = trained(make, x, 1, epochs=4, callbacks=checkpoint("whole.npz"))
    trained(make, x, Workers(2, KINDS[-1]), epochs=2, callbacks=checkpoint("parts.npz"))
    parts = trained(make, x, 3, epochs=4, callbacks=checkpoint("parts.npz"))
    assert_equal_up_to_rounding(parts, whole)


def test_callbacks_change_the_rate_and_what_is_trained():
    class Change(Callback):
        def on_epoch_end(self, run):
            run.optimizer.learning_rate = 0.001
            run.stop = run.epoch == 3

    make, x = MODELS["dense"]
    one = trained(make, x, 1, epochs=9, callbacks=[Change()])
    assert len(one[1]["loss"]) == 3
    for kind in KINDS:
        several = trained(make, x, Workers(2, kind), epochs=9, callbacks=[Change()])
        assert_equal_up_to_rounding(several, one)


@every_kind
def test_a_gan_and_a_vae_train_as_with_a_single_worker(kind):
    x = (data_for((6,)) > 0).astype("float32")

    def gan(workers):
        g, d = Sequential([Dense(5), ReLU(), Dense(6)]), Sequential([Dropout(0.3), Dense(1)])
        g.build((2,), 0), d.build((6,), 1)
        model, options = GAN(g, d, ema_decay=0.9), {"optimizer_d": Adam(), "optimizer_g": Adam()}
        settings = {"epochs": 2, "batch_size": 16, "verbose": False}
        history = model.fit(x, **options, **settings, workers=workers)
        del history["seconds"]
        return np.concatenate([model.sample(5, 0).ravel(), g.parameters, d.parameters]), history

    def vae(workers):
        model = VAE(Sequential([Dense(4)]), Sequential([Dense(6)]))
        model.build((6,), 0)
        options = {"optimizer": Adam(0.01), "batch_size": 16, "verbose": False}
        history = model.fit(x, validation=x[:20], **options, workers=workers)
        del history["seconds"]
        return model.model.parameters, history

    for train in (gan, vae):
        assert_equal_up_to_rounding(train(Workers(3, kind)), train(1))


@every_kind
def test_predictions_and_evaluations_of_several_workers(kind):
    make, x = MODELS["recurrent"]
    model, shape = make()
    model.build(shape, 0)
    several = Workers(3, kind)
    # a product of other rows may round in another way, and so do sigmoid and tanh with Numba, whose
    # loops are not used for few rows; 1e-8 is an eps of the largest results, which are near 0.1
    found, expected = predict(model, x, workers=several), predict(model, x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)
    arguments = (model, SoftmaxCrossEntropy(), x, LABELS, {"accuracy": accuracy})
    found, expected = evaluate(*arguments, workers=several), evaluate(*arguments)
    assert found == pytest.approx(expected, rel=1e-5)


@every_kind
def test_a_group_of_ones_own_trains_models_of_its_own(kind):
    make, x = MODELS["dense"]

    def work(group):  # every worker makes the same call, as under mpiexec
        parameters, history = trained(make, x, group)
        total = group.all_reduce(parameters[:500].astype(float)) / group.size
        np.testing.assert_allclose(total, parameters[:500], rtol=1e-6)
        return parameters, history

    if kind == "threads":  # one warning filter and one standard output for all threads
        assert_equal_up_to_rounding(run(work, 2, kind, capacity=1000), trained(make, x, 1))
    else:
        assert_equal_up_to_rounding(run(work, 2, kind, capacity=1000), trained(make, x, 1))


# ------------------------------------------------------------------------- how many, and for what


def built(*layers, shape=(4,)):
    model = Sequential(layers)
    model.build(shape, 0)
    return model


class Own(Layer):
    """A layer that declares nothing."""

    def forward(self, x, train=False):
        return x, None


@pytest.mark.parametrize("layer", [BatchNormalization(), Own()], ids=["statistics", "user"])
def test_a_layer_that_may_need_its_whole_batch_is_trained_by_one_worker(layer):
    model = built(Dense(3), layer)
    assert not splits_batch(model)
    assert splits_batch(model, inference=True) == isinstance(layer, BatchNormalization)


def test_small_models_have_one_worker_and_large_ones_several(monkeypatch):
    monkeypatch.setattr("scratchnet.workers.cores", lambda: 8)
    assert worker_count([built(Dense(8), Dense(1))], 32) == 1
    large = built(Dense(784), Dense(784), shape=(784,))
    assert worker_count([large], 256) == 8
    assert worker_count([large], 20) == 2  # at least 8 samples for each


def test_operations_of_a_model_count_its_places():
    lstm = built(LSTM(3), shape=(10, 2))
    assert operations(lstm) == 6 * 10 * (2 * 12 + 3 * 12 + 12)


def test_rows_cover_the_batch():
    group = Alone()
    for group.size in (1, 2, 3, 7):
        rows = [rows_of(group, 5, rank) for rank in range(group.size)]
        assert np.concatenate([np.arange(5)[s] for s in rows]).tolist() == [0, 1, 2, 3, 4]


def test_rows_are_gathered_in_the_order_of_the_batches():
    sizes = [5, 5, 2]

    def work(group):
        starts, mine = np.cumsum([0, *sizes[:-1]]), []
        for start, n in zip(starts, sizes, strict=True):
            mine.extend((start + np.arange(n))[rows_of(group, n)])
        return gather_rows(group, np.array(mine, float), sizes).tolist()

    assert run(work, 3, "threads") == list(range(12))


# ------------------------------------------------------------------ data in files, and mpiexec


def script(name, *arguments, command=()):
    """Standard output of a script of tests/support, run in a process of its own."""
    path = os.pathsep.join([*sys.path, str(Path(__file__).parent)])
    done = subprocess.run(
        [*command, sys.executable, SUPPORT / name, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is one of Linux")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_memory_map_larger_than_the_memory_is_trained_on_batch_by_batch(workers, tmp_path):
    x = np.memmap(tmp_path / "x", "float32", "w+", shape=(30_000, 2500))  # a sparse file
    x[:, 0] = 1
    x.flush()
    del x
    numbers, refused = script("train_memory_map.py", tmp_path / "x", workers).splitlines()
    first, after, mean = map(float, numbers.split())
    assert 1 > first > after
    # 30 updates of rate 1e-3: w and b grow by 2e-3 (1 - y) each, so 1 - y shrinks by 0.996
    assert mean == pytest.approx(1 - 0.996**30, rel=1e-4)
    assert refused == "the data do not fit into the memory"


@every_kind
def test_nan_in_a_memory_map_is_found_in_its_batch(kind, tmp_path):
    x = np.memmap(tmp_path / "x", "float32", "w+", shape=(64, 3))
    x[...], x[63] = 1, np.nan
    model = built(Dense(1), shape=(3,))
    before = model.parameters.copy()
    options = {"loss": MeanSquaredError(), "optimizer": SGD(0.1), "batch_size": 16}
    with pytest.raises(ValueError, match="holds NaN or infinite values"):
        fit(model, x, np.ones((64, 1), "float32"), **options, workers=Workers(2, kind))
    np.testing.assert_array_equal(model.parameters, before)


def mpi_fit(size, folder):
    """Run the script under mpiexec, which writes the results of each rank into the folder."""
    pytest.importorskip("mpi4py", reason="mpi4py is not installed: pip install '.[mpi]'")
    mpiexec = shutil.which("mpiexec", path=os.path.dirname(sys.executable)) or "mpiexec"
    script("mpi_fit.py", folder, command=[mpiexec, "-n", str(size)])


@pytest.mark.parametrize("size", [2, 4])
def test_mpiexec_trains_as_threads_do(size, tmp_path):
    mpi_fit(size, tmp_path)
    for name, (make, x) in MODELS.items():
        parameters, history = trained(make, x, Workers(size, "threads"))
        for rank in range(size):
            with np.load(tmp_path / f"{rank}.npz") as found:
                np.testing.assert_array_equal(found[name], parameters)
                np.testing.assert_array_equal(found[f"{name} loss"], history["val_loss"])
                np.testing.assert_array_equal(found["resumed"], found["dense"])


@pytest.mark.parametrize("size", [2, 4])
def test_mpiexec_exchanges_factors_as_threads_do(size, tmp_path, monkeypatch):
    import test_factored_gradient as test  # which imports this module

    mpi_fit(size, tmp_path)
    monkeypatch.setattr(factored_gradient, "LARGE", 0)
    monkeypatch.setattr(factored_gradient, "LEAST", 0)
    parameters, _ = test.trained(test.penalized, Workers(size, "threads"))
    for rank in range(size):
        with np.load(tmp_path / f"{rank}.npz") as found:
            np.testing.assert_array_equal(found["factors"], parameters)


def test_workers_copy_the_optimizer_before_rank_0_counts_an_update():
    optimizer, counts = Adam(), {}

    def work(group):
        if group.rank == 1:
            time.sleep(0.05)
        own = own_counter(optimizer, group)
        counts[group.rank] = own.t
        own.t += 1

    run(work, 2, "threads")
    assert counts == {0: 0, 1: 0}


@every_kind
def test_fit_goes_on_after_steps_by_hand_in_a_group(kind):
    make, x = MODELS["dense"]
    t = np.eye(3, dtype="float32")[LABELS]

    def trained_by(workers):
        model, shape = Sequential([Dense(9), ReLU(), Dense(3)]), (4,)
        model.build(shape, 0)
        options = {"loss": MeanSquaredError(), "optimizer": Adam(0.01)}
        mine = slice(None) if workers == 1 else rows_of(workers, 48)
        for _ in range(3):
            arguments = options["loss"], options["optimizer"], x[:48][mine], t[:48][mine]
            train_step(model, *arguments, workers=workers)
        fit(model, x, t, **options, batch_size=16, workers=workers, verbose=False)
        return model.parameters.copy()

    found = run(trained_by, 2, kind, capacity=1000)
    np.testing.assert_allclose(found, trained_by(1), rtol=1e-3, atol=2e-5)


@every_kind
def test_gradients_after_masked_steps_have_the_dtype_of_the_parameters(kind):
    _, x = MODELS["recurrent"]

    def trained_by(workers):
        model = built(GRU(4, mask_value=0.0), Dense(3), shape=(6, 2))
        options = {"loss": SoftmaxCrossEntropy(), "optimizer": Adam(), "verbose": False}
        fit(model, x, LABELS, **options, workers=workers)
        return model.parameters.copy()

    np.testing.assert_allclose(trained_by(Workers(2, kind)), trained_by(1), rtol=1e-3, atol=2e-5)
