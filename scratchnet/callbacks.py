"""What `fit` does at the end of each epoch besides training: stop early, keep a checkpoint.

A callback of your own has any of the three methods of `Callback`. The `run` it gets has `model`,
`optimizer`, `history`, `epoch` (done so far), `epochs` (wanted), `settings` and `stop`.
"""

import math
from pathlib import Path

from scratchnet.backend import to_device
from scratchnet.saving import FileError, architecture, load_arrays, model_arrays, read, write
from scratchnet.validation import check_float, check_positive_int, unknown_name

__all__ = ["Callback", "Checkpoint", "EarlyStopping"]


class Callback:
    """Base class: does nothing."""

    runs_last = False  # True for what must see the other callbacks' work

    def on_start(self, run):
        """Before the first epoch."""

    def on_epoch_end(self, run):
        """After each epoch; run.history holds its numbers already."""

    def on_end(self, run):
        """After the last epoch."""

    def get_state(self):
        """{name: array or number} that a resumed run needs."""
        return {}

    def set_state(self, state):
        """Take back what `get_state` gave."""


class EarlyStopping(Callback):
    """Stop when a number has not improved for `patience` epochs; go back to the best epoch.

    Parameters
        monitor        a key of the history, "val_loss" by default
        patience       how many epochs without improvement are allowed
        min_delta      how much less (mode "max": more) counts as an improvement
        mode           "min": smaller is better; "max": larger is better
        restore_best   at the end give the model the parameters of its best epoch
    """

    def __init__(
        self, monitor="val_loss", patience=5, min_delta=0.0, mode="min", restore_best=True
    ):
        if mode not in ("min", "max"):
            raise unknown_name("mode", mode, ["min", "max"])
        self.monitor = monitor
        self.patience = check_positive_int("EarlyStopping", "patience", patience)
        self.min_delta = check_float("EarlyStopping", "min_delta", min_delta, at_least=0)
        self.sign = 1 if mode == "min" else -1
        self.restore_best = restore_best

    def on_start(self, run):
        self.best, self.waited, self.best_epoch, self.kept = math.inf, 0, 0, {}

    def on_epoch_end(self, run):
        if self.monitor not in run.history:
            raise unknown_name("number to monitor", self.monitor, run.history)
        score = self.sign * run.history[self.monitor][-1]
        if score < self.best - self.min_delta:
            self.best, self.waited, self.best_epoch = score, 0, run.epoch
            if self.restore_best:
                self.kept = {n: a.copy() for n, a in model_arrays(run.model).items()}
        else:
            self.waited += 1
            run.stop = run.stop or self.waited >= self.patience

    def on_end(self, run):
        for name, array in model_arrays(run.model).items():
            if name in self.kept:
                array[...] = self.kept[name]

    def get_state(self):
        state = {"best": self.best, "waited": self.waited, "best_epoch": self.best_epoch}
        return state | {f"kept/{name}": a for name, a in self.kept.items()}

    def set_state(self, state):
        self.best, self.waited = float(state["best"]), int(state["waited"])
        self.best_epoch = int(state["best_epoch"])
        self.kept = {n: to_device(a, a.dtype) for n, a in _part(state, "kept/").items()}


class Checkpoint(Callback):
    """Write the whole state of the run to one file, every so many epochs and at the end.

    With ``resume=True`` a run goes on from the file if there is one: run the same script again
    after a crash, and it ends with the same bits as if nothing had happened. (Shuffling, dropout
    and noise are drawn afresh each epoch from the seed and the epoch's number.)

    Parameters
        path     of the .npz file
        every    how many epochs lie between two writings
        resume   False: start from the beginning and overwrite
    """

    runs_last = True

    def __init__(self, path, every=1, resume=False):
        self.path, self.resume = Path(path), resume
        self.every = check_positive_int("Checkpoint", "every", every, " epoch")

    def on_start(self, run):
        if self.resume and self.path.exists():
            self._continue(run)

    def on_epoch_end(self, run):
        if run.epoch % self.every == 0 or run.epoch == run.epochs or run.stop:
            self._write(run)

    def _write(self, run):
        parts = {"optimizer": run.optimizer.get_state()}
        parts |= {f"callbacks/{i}": c.get_state() for i, c in enumerate(run.callbacks)}
        arrays = model_arrays(run.model)
        arrays |= {f"{part}/{n}": v for part, state in parts.items() for n, v in state.items()}
        info = {
            "kind": "checkpoint",
            **architecture(run.model),
            "epoch": run.epoch,
            "history": run.history,
            "stop": run.stop,
            "settings": run.settings,
        }
        write(self.path, info, arrays)

    def _continue(self, run):
        info, arrays = read(self.path, kinds=("checkpoint",))
        for name, now in run.settings.items():
            was = info["settings"].get(name)
            if was != now:
                raise FileError(
                    f"{self.path} is a run with {name}={was!r}, this one has {name}={now!r}: "
                    "use the same settings, or resume=False to start over"
                )
        load_arrays(run.model, info, arrays, self.path)
        run.optimizer.set_state(_part(arrays, "optimizer/"))
        for i, callback in enumerate(run.callbacks):
            callback.set_state(_part(arrays, f"callbacks/{i}/"))
        run.epoch, run.history, run.stop = info["epoch"], info["history"], info["stop"]


def _part(arrays, prefix):
    return {n[len(prefix) :]: a for n, a in arrays.items() if n.startswith(prefix)}
