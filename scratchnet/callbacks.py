"""Callbacks: actions of `fit` at the end of each epoch, such as early stopping and checkpoints.

Your own callback is a subclass of `Callback` with any of its methods. Their argument `run`
(`scratchnet.training.Run`) has `model`, `optimizer`, `history`, `epoch` (done so far), `epochs` (to
do in all), `settings` and `stop`.
"""

import math
from pathlib import Path
from typing import Any

from scratchnet.backend import to_device
from scratchnet.hints import WithHints
from scratchnet.saving import FileError, architecture, load_arrays, model_arrays, read, write
from scratchnet.training_run import Run
from scratchnet.validation import check_float, check_positive_int, unknown_name

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "RaiseInterrupt"]


class Callback(WithHints):
    """Base class; its methods do nothing.

    >>> class PrintEpoch(Callback):
    ...     def on_epoch_end(self, run):
    ...         print(f"epoch {run.epoch} of {run.epochs}")
    """

    runs_last = False  # True for a callback that needs the result of the others

    def on_start(self, run: Run) -> None:
        """Called before the first epoch."""

    def on_epoch_end(self, run: Run) -> None:
        """Called after each epoch; run.history contains its numbers."""

    def on_end(self, run: Run) -> None:
        """Called after the last epoch."""

    def get_state(self) -> dict[str, Any]:
        """The {name: array or number} that a resumed run needs."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the state of `get_state`."""


class RaiseInterrupt(Callback):
    """Raise KeyboardInterrupt again at the end of a run that Ctrl-C has interrupted.

    For a caller whose result would look complete: an estimator, or a file of weights.

    >>> RaiseInterrupt().on_end(Run(None, {}, 1, {}, []))
    """

    def on_end(self, run: Run) -> None:
        if run.interrupted:
            raise KeyboardInterrupt


class EarlyStopping(Callback):
    """Stop when a number has not improved for `patience` epochs, and restore the best epoch.

    Parameters
        monitor        a key of the history, "val_loss" by default
        patience       number of epochs without improvement after which the run stops
        min_delta      smallest change that counts as an improvement
        mode           "min": smaller is better; "max": larger is better
        restore_best   True: at the end the model has the parameters of its best epoch

    >>> callbacks = [EarlyStopping(monitor="val_loss", patience=3)]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str = "min",
        restore_best: bool = True,
    ):
        if mode not in ("min", "max"):
            raise unknown_name("mode", mode, ["min", "max"])
        self.monitor, self.mode = monitor, mode
        self.patience = check_positive_int("EarlyStopping", "patience", patience)
        self.min_delta = check_float("EarlyStopping", "min_delta", min_delta, at_least=0)
        self.sign = 1 if mode == "min" else -1
        self.restore_best = restore_best

    def on_start(self, run):
        self.best, self.waited, self.best_epoch, self.best_arrays = math.inf, 0, 0, {}

    def on_epoch_end(self, run):
        if self.monitor not in run.history:
            raise unknown_name("number to monitor", self.monitor, run.history)
        score = self.sign * run.history[self.monitor][-1]
        if score < self.best - self.min_delta:
            self.best, self.waited, self.best_epoch = score, 0, run.epoch
            if self.restore_best:
                self.best_arrays = {n: a.copy() for n, a in model_arrays(run.model).items()}
        else:
            self.waited += 1
            run.stop = run.stop or self.waited >= self.patience

    def on_end(self, run):
        for name, array in model_arrays(run.model).items():
            if name in self.best_arrays:
                array[...] = self.best_arrays[name]

    def get_state(self):
        state = {"best": self.best, "waited": self.waited, "best_epoch": self.best_epoch}
        return state | {f"kept/{name}": a for name, a in self.best_arrays.items()}

    def set_state(self, state):
        self.best, self.waited = float(state["best"]), int(state["waited"])
        self.best_epoch = int(state["best_epoch"])
        self.best_arrays = {n: to_device(a, a.dtype) for n, a in _part(state, "kept/").items()}


class Checkpoint(Callback):
    """Write the state of the run to a file, after every so many epochs and after the last.

    With ``resume=True`` a run continues from the file, if it exists: run the same script again
    after a crash, and it ends with the same bits as a run without the crash. (Shuffling, dropout
    and noise are drawn anew in each epoch, from the seed and the epoch's number.)

    The file holds the last epoch, also of a run whose validation loss has risen again. For a file
    of the best epoch let EarlyStopping restore that epoch, then write it with save(model, path).

    Parameters
        path     of the .npz file
        every    number of epochs from one writing to the next
        resume   False: start from the beginning and overwrite the file

    Raises FileError when a run with other settings, or of another model, resumes from the file.

    >>> callbacks = [Checkpoint("run.npz", every=5, resume=True)]
    """

    runs_last = True

    def __init__(self, path: str | Path, every: int = 1, resume: bool = False):
        self.path, self.resume = Path(path), resume
        self.every = check_positive_int("Checkpoint", "every", every, " epoch")

    def on_start(self, run):
        if self.resume and self.path.exists():
            self._resume(run)

    def on_epoch_end(self, run):
        if run.epoch % self.every == 0 or run.epoch == run.epochs or run.stop:
            self._write(run)

    def _write(self, run):
        run.gather()
        if not run.is_first:
            return
        states = {name: optimizer.get_state() for name, optimizer in run.optimizers.items()}
        states |= {f"callbacks/{i}": c.get_state() for i, c in enumerate(run.callbacks)}
        arrays = model_arrays(run.model)
        arrays |= {f"{part}/{n}": v for part, state in states.items() for n, v in state.items()}
        info = {
            "kind": "checkpoint",
            **architecture(run.model),
            "epoch": run.epoch,
            "history": run.history,
            "stop": run.stop,
            "settings": run.settings,
        }
        write(self.path, info, arrays)

    def _resume(self, run):
        info, arrays = read(self.path, kinds=("checkpoint",))
        settings = info.get("settings", {})
        for name, value in run.settings.items():
            saved = settings.get(name, value)  # absent in files of version 0.1
            if saved != value:
                raise FileError(
                    f"{self.path} is a run with {name}={saved}, this one has {name}={value}: "
                    "use the same settings, or resume=False to start over"
                )
        load_arrays(run.model, info, arrays, self.path)
        for name, optimizer in run.optimizers.items():
            optimizer.set_state(_part(arrays, f"{name}/"))
        for i, callback in enumerate(run.callbacks):
            callback.set_state(_part(arrays, f"callbacks/{i}/"))
        run.epoch, run.history, run.stop = info["epoch"], info["history"], info["stop"]


def _part(arrays, prefix):
    """The entries whose names begin with the prefix, without it."""
    return {n[len(prefix) :]: a for n, a in arrays.items() if n.startswith(prefix)}
