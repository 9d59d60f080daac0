"""Faults of workers: each ends in one error, within two seconds, and leaves the last epoch."""

import gc
import os
import signal
import sys
import time

import numpy as np
import pytest
from leftovers import children, open_files, shared_mappings
from test_workers import MODELS, built, every_kind, trained

from scratchnet.callbacks import Callback
from scratchnet.layers import Dense, Layer, Sequential
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import SGD, Adam
from scratchnet.parallel import WorkerError, is_shared
from scratchnet.training import TrainingDiverged, fit
from scratchnet.workers import Workers


class Fails(Layer):
    """A layer that fails for one sample, which the last worker has."""

    splits_batch = True

    def forward(self, x, train=False):
        if train and (x == 99).any():
            raise ArithmeticError("the sample is 99")
        return x, None

    def backward(self, dy, cache):
        return dy, {}


@every_kind
def test_an_error_of_a_worker_has_its_traceback_and_leaves_the_last_epoch(kind):
    model = Sequential([Fails(), Dense(1)])
    model.build((1,), 0)
    x = np.zeros((32, 1), "float32")
    options = {"loss": MeanSquaredError(), "optimizer": SGD(0.1), "batch_size": 16}
    options |= {"shuffle": False, "verbose": False, "workers": Workers(2, kind)}
    fit(model, x, x + 1, **options)
    before = model.parameters.copy()
    x[31] = 99  # the last row of the second batch
    with pytest.raises(WorkerError, match="(?s)worker 1 .*the sample is 99"):
        fit(model, x, x + 1, **options)
    np.testing.assert_array_equal(model.parameters, before)
    x[31] = 0
    assert len(fit(model, x, x + 1, **options)["loss"]) == 1  # the next run works


class Dies(Fails):
    """A layer that kills the process of a worker for one sample."""

    def forward(self, x, train=False):
        if train and (x == 99).any():
            os.kill(os.getpid(), signal.SIGKILL)
        return x, None


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
def test_a_killed_worker_is_named_within_two_seconds_and_leaves_the_last_epoch():
    model = Sequential([Dies(), Dense(1)])
    model.build((1,), 0)
    before, x = model.parameters.copy(), np.zeros((32, 1), "float32")
    x[31] = 99
    options = {"loss": MeanSquaredError(), "optimizer": SGD(0.1), "batch_size": 16}
    began = time.perf_counter()
    with pytest.raises(WorkerError, match="worker 1 .* was killed by signal 9"):
        fit(model, x, x, **options, shuffle=False, workers=Workers(2, "processes"))
    assert time.perf_counter() - began < 2  # not a measurement: it would wait for ever
    np.testing.assert_array_equal(model.parameters, before)


def used():
    """Open files, child processes, and memory shared between processes."""
    return open_files(), children(), shared_mappings()


@needs_fork
def test_a_process_forked_later_trains_parameters_of_its_own():
    x, model = np.ones((16, 2), "float32"), built(Dense(1), shape=(2,))
    options = {"loss": MeanSquaredError(), "batch_size": 16, "verbose": False}
    optimizer = Adam(0.1)
    fit(model, x, x[:, :1], **options, optimizer=optimizer, workers=Workers(2, "processes"))
    assert not any(
        map(is_shared, [model.parameters, model.layers[0].W, *optimizer.vectors.values()])
    )


@needs_fork
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_is_left_after_many_fits():
    x = np.ones((16, 2), "float32")

    def run():
        model = built(Dense(1), shape=(2,))
        options = {"loss": MeanSquaredError(), "optimizer": Adam(), "batch_size": 16}
        fit(model, x, x[:, :1], **options, workers=Workers(2, "processes"), verbose=False)

    run()
    gc.collect()
    before = used()
    for _ in range(100):
        run()
    gc.collect()
    assert used() == before


@every_kind
def test_a_run_that_diverges_goes_back(kind):
    make, x = MODELS["convolutional"]
    with pytest.raises(TrainingDiverged, match="learning rate"), np.errstate(all="ignore"):
        trained(make, 1e20 * x, Workers(2, kind), optimizer=SGD(1e30))


@every_kind
def test_an_interrupt_returns_the_whole_epochs(kind):
    class Interrupt(Callback):
        def on_epoch_end(self, run):
            if run.epoch == 2:
                raise KeyboardInterrupt

    make, x = MODELS["dense"]
    _, history = trained(make, x, Workers(2, kind), epochs=5, callbacks=[Interrupt()])
    assert len(history["loss"]) == 2
