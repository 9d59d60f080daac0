"""Callbacks: early stopping, checkpoints, and runs that go on as if nothing had happened."""

import os
import signal
import subprocess
import sys

import killed_run
import numpy as np
import pytest
from cases import bits
from killed_run import EPOCHS, STEPS, build, everything, kept_in, train, unchanged

from scratchnet.callbacks import Callback, Checkpoint, EarlyStopping
from scratchnet.optimizers import SGD
from scratchnet.saving import FileError, read, save

# ----------------------------------------------------------------------------------- early stopping


@pytest.mark.parametrize(
    "scores, options, epochs, best",
    [
        ([3, 2, 1, 0], {"patience": 1}, 4, 4),
        ([3, 2, 2.5, 0], {"patience": 1}, 3, 2),
        ([3, 2, 2.5, 2.4, 0], {"patience": 2}, 4, 2),
        ([3, 2, 2.5, 1, 1.5, 1.2, 0], {"patience": 2}, 6, 4),
        ([2, 2, 2, 0], {"patience": 2}, 3, 1),
        ([3, 2.8, 2.6, 0], {"patience": 2, "min_delta": 0.5}, 3, 1),
        ([3, 2.8, 2.4, 2, 1.95, 0], {"patience": 2, "min_delta": 0.5}, 5, 3),
        ([1, 2, 1.5, 9], {"patience": 1, "mode": "max"}, 3, 2),
        ([1, 1.2, 1.6, 1.9, 9], {"patience": 1, "min_delta": 0.5, "mode": "max"}, 2, 1),
        ([2, np.nan, np.nan, 0], {"patience": 2}, 3, 1),  # with a warning
    ],
)
@pytest.mark.parametrize("restore_best", [True, False])
@pytest.mark.filterwarnings("ignore:metric .score. is NaN")
def test_a_run_stops_when_patience_ends_and_goes_back_to_its_best_epoch(
    scores, options, epochs, best, restore_best
):
    dictated = iter(scores)  # one an epoch, because all samples are in one batch
    metrics = {"score": lambda prediction, target: next(dictated)}
    callback = EarlyStopping("score", restore_best=restore_best, **options)
    model, history = train(epochs=len(scores), batch_size=37, metrics=metrics, callbacks=[callback])
    assert len(history["loss"]) == epochs
    assert callback.best_epoch == best
    twin, _ = train(epochs=best if restore_best else epochs, batch_size=37)
    assert bits(everything(model)) == bits(everything(twin))


def test_a_callback_serves_a_second_run_as_if_it_were_new():
    callback, lengths = EarlyStopping("loss", patience=2, mode="max"), []
    for _ in range(2):
        _, history = train(callbacks=[callback])
        lengths.append(len(history["loss"]))
    assert lengths == [3, 3]


def test_a_number_that_nobody_measures_is_refused_with_those_that_exist():
    names = r"unknown number to monitor 'val_loss': choose one of loss, seconds"
    with pytest.raises(ValueError, match=names):
        train(callbacks=[EarlyStopping()])


@pytest.mark.parametrize(
    "callback, arguments, sentence",
    [
        (EarlyStopping, {"patience": 0}, "EarlyStopping expects patience >= 1; got 0"),
        (EarlyStopping, {"min_delta": -1}, "EarlyStopping expects min_delta >= 0; got -1"),
        (EarlyStopping, {"mode": "mix"}, "unknown mode 'mix': choose one of max, min"),
        (Checkpoint, {"path": "run.npz", "every": 0}, "Checkpoint expects every >= 1 epoch; got 0"),
    ],
)
def test_arguments_out_of_range_are_refused(callback, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        callback(**arguments)


# ------------------------------------------------------------------------------ one of one's own


@pytest.mark.parametrize(
    "method, epochs_seen",
    [("on_start", [0]), ("on_epoch_end", [1, 2, 3]), ("on_end", [3])],
)
def test_a_callback_of_ones_own_needs_one_method_only(method, epochs_seen):
    seen = []
    own = type("Own", (Callback,), {method: lambda self, run: seen.append(run.epoch)})
    train(epochs=3, callbacks=[own()])
    assert seen == epochs_seen


def test_a_callback_sees_the_numbers_so_far_and_may_stop_the_run():
    class Own(Callback):
        def on_epoch_end(self, run):
            assert len(run.history["loss"]) == run.epoch
            run.stop = run.epoch == 2

    _, history = train(callbacks=[Own()])
    assert len(history["loss"]) == 2


# --------------------------------------------------------------------------------- checkpoints


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


def contents(path):
    """All that a checkpoint holds, the clock apart, as bits."""
    info, arrays = read(path, kinds=("checkpoint",))
    del info["history"]["seconds"]
    return info, bits(arrays)


def epoch_in(path):
    return read(path, kinds=("checkpoint",))[0]["epoch"] if path.exists() else None


@pytest.mark.parametrize("every, epochs_kept", [(1, [1, 2, 3, 4, 5]), (2, [None, 2, 2, 4, 5])])
def test_a_checkpoint_is_written_every_so_many_epochs_and_at_the_end(every, epochs_kept, path):
    class Reader(Callback):
        runs_last = True

        def on_epoch_end(self, run):
            kept.append(epoch_in(path))

    kept = []
    train(epochs=5, callbacks=[Checkpoint(path, every), Reader()])
    assert kept == epochs_kept


def test_a_checkpoint_is_written_when_another_callback_stops_the_run(path):
    train(callbacks=[Checkpoint(path, every=5), EarlyStopping("loss", mode="max", patience=2)])
    assert epoch_in(path) == 3


@pytest.mark.parametrize("epochs", [1, 3, 5, 6])
def test_a_run_stopped_and_resumed_by_new_objects_ends_with_the_same_bits(epochs, path, tmp_path):
    whole, history = train(path)
    train(tmp_path / "parts.npz", epochs)
    parts, resumed = train(tmp_path / "parts.npz")
    assert bits(everything(parts)) == bits(everything(whole))
    assert contents(tmp_path / "parts.npz") == contents(path)
    assert resumed["loss"] == history["loss"]
    assert len(resumed["seconds"]) == EPOCHS


def test_patience_is_not_forgotten_in_a_resumed_run(path):
    train(epochs=3, callbacks=kept_in(path, patience=4))
    model, history = train(callbacks=kept_in(path, patience=4))
    assert len(history["loss"]) == 5
    again, history = train(callbacks=kept_in(path, patience=4))  # it has stopped, and stays stopped
    assert len(history["loss"]) == 5
    first_epoch, _ = train(epochs=1)
    assert bits(everything(model)) == bits(everything(again)) == bits(everything(first_epoch))


def start(path, step=0):
    """A process that trains, and waits in this step."""
    return subprocess.Popen(
        [sys.executable, killed_run.__file__, path, str(step)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a POSIX signal")
def test_a_process_killed_again_and_again_within_epochs_ends_with_the_same_bits(path, tmp_path):
    train(path)
    killed = tmp_path / "killed.npz"
    for step, epochs_done in ((3, None), (2 * STEPS + 3, 2), (STEPS + 2, 3)):
        with start(killed, step) as process:
            assert process.stdout.readline() == "waiting\n"
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert epoch_in(killed) == epochs_done
    with start(killed) as process:
        pass
    assert process.returncode == 0
    assert contents(killed) == contents(path)
    model, _ = train(killed)
    assert bits(everything(model)) == bits(everything(train(path)[0]))


def test_without_resume_a_run_starts_over(path):
    train(path)
    model, history = train(epochs=2, callbacks=[Checkpoint(path)])
    assert len(history["loss"]) == epoch_in(path) == 2
    assert bits(everything(model)) == bits(everything(train(epochs=2)[0]))


class Interrupted(BaseException):
    """What a Ctrl-C in the middle of a write looks like."""


def test_an_interrupted_write_leaves_the_old_checkpoint_whole_and_nothing_else(path, monkeypatch):
    def half_a_file(file, **arrays):
        file.write(b"PK half of it")
        raise Interrupted

    train(path, epochs=3)
    before = path.read_bytes()
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(np, "savez", half_a_file)
        train(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def refused(path, sentence, **changes):
    """Resuming raises this one sentence and changes neither the file nor the model."""
    file, model = path.read_bytes(), build()
    with unchanged(model), pytest.raises(FileError, match=f"^.*{sentence}.*$"):
        train(path, model=model, **changes)
    assert path.read_bytes() == file


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"batch_size": 4}, "batch_size=8, this one has batch_size=4"),
        ({"seed": 1}, "seed=0, this one has seed=1"),
        ({"samples": 36}, "samples=37, this one has samples=36"),
        ({"shuffle": False}, "shuffle=True, this one has shuffle=False"),
        ({"optimizer": SGD()}, "optimizer=Adam, this one has optimizer=SGD"),
    ],
)
def test_a_run_of_other_settings_is_not_resumed(changes, sentence, path):
    train(path, epochs=3)
    refused(path, sentence + ": use the same settings, or resume=False", **changes)


def test_a_run_with_other_callbacks_is_not_resumed(path):
    train(epochs=3, callbacks=[Checkpoint(path)])
    refused(path, "callback")


def test_a_run_with_an_optimizer_of_other_memory_is_not_resumed(path):
    train(path, epochs=3, optimizer=SGD())
    refused(path, "running vectors", optimizer=SGD(momentum=0.9))


def test_a_saved_model_is_not_a_checkpoint(path):
    save(build(), path)
    refused(path, "holds a 'model'; expected checkpoint")
