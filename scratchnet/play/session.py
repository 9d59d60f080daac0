"""Session: the network in training, its settings and data, and the actions of the page."""

import contextlib
import dataclasses
import inspect
import math
import os
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.backend import RNG
from scratchnet.exercises.files import describe_error
from scratchnet.layers import Layer
from scratchnet.paths import expanded
from scratchnet.play.frames import EDGE, seen
from scratchnet.play.layer_file import read_layers
from scratchnet.play.network import (
    ACTIVATIONS,
    MAX_LAYERS,
    MAX_UNITS,
    OPTIMIZERS,
    OTHER_LAYERS,
    OUTPUTS,
    Network,
    Settings,
    checked,
    copy_weights,
    make_network,
    missing_part,
    starts_anew,
)
from scratchnet.play.points import MAX_CLASSES, SETS, Points, built_in, read_csv
from scratchnet.play.switches import SWITCHES, part, wrong_parts
from scratchnet.training import batches, train_step

CURVE = 400  # points of the loss curve
AWAY = 2.0  # seconds after which another window may take over the training


class Session:
    """State that all windows of the page share; every method may be called from any thread.

    Parameters
        data    CSV file of points; None: two moons
        layer   Python file with layers of the reader

    A file that cannot be used gives a message in the page; a missing one, FileNotFoundError.

    >>> session = Session()
    >>> numbers = session.frame("window", steps=20)
    >>> numbers["step"], len(numbers["layers"])
    (20, 3)
    """

    def __init__(self, data: str | os.PathLike | None = None, layer: Any = None):
        self.lock = threading.RLock()
        self.settings, self.seed = Settings(), 0
        self.faults: tuple[str, ...] = ()
        self.points, self.message, self.running = built_in("two moons"), "", False
        self.own: dict[str, type[Layer]] = {}
        self.layer_file: Path | None = None
        self.network: Network | None = None
        self.revision, self.driver, self.asked = 0, "", -math.inf
        self.problems: list[str] = []
        for path in filter(None, (data, layer)):
            if not expanded(path).is_file():
                raise FileNotFoundError(f"{path} is no file: pass the path of a file")
        if data is not None:
            with self._reported():
                self.points = read_csv(text_of(expanded(data)), Path(data).name)
        first_message = self.message
        if layer is not None:
            self.layer_file = expanded(layer).resolve()
            with self._reported():
                self.own = read_layers(self.layer_file)
        first_message = " ".join(filter(None, dict.fromkeys((first_message, self.message))))
        self._rebuild()
        self.message = first_message

    # ---------------------------------------------------------------------------------- actions

    def act(self, action: str, sent: dict[str, Any]) -> dict[str, Any]:
        """Do what the page asks for, and return the new `state`.

        Parameters
            action   one of ACTIONS
            sent     its options

        A request that cannot be fulfilled leaves the session as it is, and has a message.
        """
        with self.lock:
            self.message = ""
            with self._reported():
                ACTIONS[action](self, **sent)
            self.revision += 1
            return self.state()

    def run(self, on: bool) -> None:
        """Start or pause the training."""
        if on and not len(self.points.x):
            raise ValueError("there are no points: draw some, or choose a set")
        self.running = bool(on) and self.network is not None

    def one_step(self) -> None:
        """Do one training step."""
        self.running = False
        self._train(1)

    def restart(self, new_seed: bool = False) -> None:
        """Draw new weights; new_seed: other ones than before."""
        self.seed += bool(new_seed)
        self._rebuild()

    def change(self, settings: dict[str, Any]) -> None:
        """Use other settings; the training goes on unless the network is another one."""
        before, self.settings = self.settings, checked(settings, self.own)
        same = dataclasses.replace(before, rate=self.settings.rate, steps=self.settings.steps)
        if dataclasses.replace(same, batch=self.settings.batch) == self.settings and self.network:
            self.network.optimizer.learning_rate = self.settings.rate
            self.order = iter(())
            return
        rows = (before.layers, before.output) == (self.settings.layers, self.settings.output)
        n_classes = len(self.points.classes)
        self.faults = tuple(
            name for name in self.faults if not missing_part(name, self.settings, n_classes)
        )
        self._rebuild(keep=rows)

    def switch(self, faults: list[str]) -> None:
        """Switch on these faults of the zoo and no others."""
        wrong_parts(faults)
        for name in faults:
            needed = missing_part(name, self.settings, len(self.points.classes))
            if needed:
                raise ValueError(f"the fault {name} needs {needed} in the network")
        anew = starts_anew(self.faults, faults)
        self.faults = tuple(faults)
        self._rebuild(keep=not anew)

    def choose(self, name: str, noise: float = 0.05) -> None:
        """Use a built-in set of points."""
        if not 0 <= float(noise) <= 1:
            raise ValueError(f"the noise expects a number from 0 to 1; got {noise!r}")
        self._use(built_in(name, noise=float(noise)))

    def load(self, text: str, name: str = "file") -> None:
        """Use the points of a CSV text."""
        self._use(read_csv(text, name))

    def draw(self, x1: float, x2: float, label: str | None = None) -> None:
        """Add a point of a class; without a label, remove the nearest point."""
        if label is None:
            self._use(self.points.without(x1, x2))
        else:
            self._use(self.points.added(x1, x2, label))

    def clear(self) -> None:
        """Remove all points."""
        self._use(Points.empty())

    def reload(self) -> None:
        """Read the reader's file again; weights are kept where the shapes are the same."""
        if self.layer_file is None:
            raise ValueError("no layer file: start with scratchnet play --layer my_layer.py")
        own = read_layers(self.layer_file)
        gone = {row.kind for row in self.settings.layers} - set(own) - {"Dense", *OTHER_LAYERS}
        if gone:
            raise ValueError(f"{self.layer_file} has no layer {min(gone)} any more")
        self.own = own
        self._rebuild(keep=True)
        self.message = self.message or f"{self.layer_file.name} is loaded: {', '.join(own)}"

    def _use(self, points):
        other = len(points.classes) != len(self.points.classes) or not self.network
        self.points, self.order = points, iter(())
        self.running = self.running and len(points.x) > 0
        if other:
            n = len(points.classes)
            self.faults = tuple(f for f in self.faults if not missing_part(f, self.settings, n))
            self._rebuild()

    # --------------------------------------------------------------------------------- training

    @contextlib.contextmanager
    def _reported(self):
        """Context manager: an error, also of the reader's layer, becomes the message."""
        try:
            with np.errstate(all="ignore"):
                yield
        except Exception as problem:
            own = self.layer_file
            text = describe_error(problem, own) if own else str(problem)
            if own and text.startswith("line "):
                text = f"{own}, {text}"
            elif isinstance(problem, (ValueError, TypeError, ArithmeticError, OSError)):
                text = " ".join(str(problem).split())
            self.message, self.running = text or type(problem).__name__, False

    def _rebuild(self, keep=False):
        """Make the network of the settings; keep: with the weights of the present one."""
        old, self.network = self.network, None
        self.order = iter(())
        with self._reported():
            new = make_network(
                self.settings, len(self.points.classes), self.faults, self.own, self.seed
            )
            y, _ = new.model.forward(np.zeros((5, 2), "float32"))  # errors of an own layer
            if y.ndim != 2 or len(y) != 5:
                raise ValueError(f"5 samples expect outputs (5, units); got {y.shape}")
            kept = keep and old is not None and copy_weights(old, new)
            if kept and type(old.optimizer) is type(new.optimizer):
                if old.optimizer.slots == new.optimizer.slots:
                    state = old.optimizer.get_state() | {"learning_rate": self.settings.rate}
                    new.optimizer.set_state(state)
            self.network = new
            if not kept:
                self.step, self.curve, self.stride = 0, [], 1
        if self.network is None:
            self.step, self.curve, self.stride = 0, [], 1
        self.numbers = None

    def _train(self, steps):
        """Train for some steps, and add the mean of their losses to the curve."""
        network, n = self.network, len(self.points.x)
        if network is None or not n:
            return
        x, t, total = self.points.x, network.encoded(self.points.c), 0.0
        self.numbers = None
        with self._reported():
            for _ in range(steps):
                i = next(self.order, None)
                if i is None:
                    size = min(self.settings.batch, n)
                    self.order = batches(n, size, RNG(self.seed).fork(2, self.step))
                    i = next(self.order)
                value, _, _ = train_step(
                    network.model, network.loss, network.optimizer, x[i], t[i], 1
                )
                self.step += 1
                total += float(value)
            if not (math.isfinite(total) and np.isfinite(network.model.parameters).all()):
                raise ArithmeticError(
                    f"the loss or a weight became infinite or NaN before step {self.step}: lower "
                    "the learning rate, or switch the fault off, and start again"
                )
            self.curve.append((self.step, total / steps))
            if len(self.curve) > CURVE:
                del self.curve[1:-1:2]

    # ------------------------------------------------------------------------ what the page shows

    def frame(self, window: str, steps: int | None = None) -> dict[str, Any]:
        """Train if the training is on, and return the numbers of a frame.

        Only one window drives the training; the others see the same numbers.

        Parameters
            window   name of the window that asks
            steps    training steps, also while the training is paused; None: those of the settings

        The dictionary has step, loss, accuracy, curve, drives, running, revision,
        message, and the numbers of `frames.seen`.
        """
        with self.lock:
            now = time.monotonic()
            if window == self.driver or now - self.asked > AWAY:
                self.driver, self.asked = window, now
            drives = window == self.driver
            if drives and (self.running or steps):
                self._train(steps or self.settings.steps)
            if self.numbers is None:
                self.numbers = {"loss": None, "accuracy": None, "regions": None, "layers": []}
                if self.network is not None:
                    with self._reported():
                        self.numbers |= seen(self.network, self.points)
            return self.numbers | {
                "step": self.step,
                "curve": [(step, value) for step, value in self.curve if math.isfinite(value)],
                "drives": drives,
                "running": self.running,
                "revision": self.revision,
                "message": self.message,
            }

    def state(self) -> dict[str, Any]:
        """All that the page shows beside the numbers of a frame: settings, choices, points."""
        with self.lock:
            points, n_classes = self.points, len(self.points.classes)
            return {
                "settings": dataclasses.asdict(self.settings),
                "faults": list(self.faults),
                "running": self.running,
                "revision": self.revision,
                "message": self.message,
                "layer_file": self.layer_file and self.layer_file.name,
                "points": {
                    "x": points.x,
                    "c": points.c.tolist(),
                    "classes": points.classes,
                    "bounds": points.bounds,
                    "title": points.title,
                },
                "choices": {
                    "sets": list(SETS),
                    "kinds": ["Dense", *OTHER_LAYERS, *self.own],
                    "takes_units": ["Dense", *(n for n, k in self.own.items() if _has_units(k))],
                    "activations": list(ACTIVATIONS),
                    "optimizers": OPTIMIZERS,
                    "outputs": OUTPUTS,
                    "max_layers": MAX_LAYERS,
                    "max_units": MAX_UNITS,
                    "max_classes": MAX_CLASSES,
                    "edge": EDGE,
                },
                "switches": [
                    {
                        "name": name,
                        "title": fault.title,
                        "part": part(name),
                        "needs": missing_part(name, self.settings, n_classes),
                        "code": [textwrap.dedent(text) for text in fault.code],
                    }
                    for name, fault in SWITCHES.items()
                ],
            }


ACTIONS: dict[str, Callable[..., None]] = {
    "run": Session.run,
    "step": Session.one_step,
    "restart": Session.restart,
    "settings": Session.change,
    "faults": Session.switch,
    "choose": Session.choose,
    "load": Session.load,
    "draw": Session.draw,
    "clear": Session.clear,
    "reload": Session.reload,
}


def _has_units(kind):
    return "units" in inspect.signature(kind).parameters


def text_of(path: Path) -> str:
    """Text of a file in UTF-8; ValueError for another one."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise ValueError(f"{path} is not a text file in UTF-8: {problem.reason}") from problem
