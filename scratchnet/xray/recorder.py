"""XRay, the record of a model in training, and the function `xray` that makes one."""

import math
import os
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.backend import Array, on_host
from scratchnet.layers import Layer, ReLU, Sequential
from scratchnet.layers.shapes import format_shape
from scratchnet.loss_base import with_mask
from scratchnet.losses import Loss
from scratchnet.pages.xray_page import write_xray_page
from scratchnet.parallel.group import same_memory
from scratchnet.training_checks import check_data, check_loss, check_model
from scratchnet.validation import unknown_name
from scratchnet.xray.measures import MEASURES, describe, first_array, merge, norm
from scratchnet.xray.observers import add_recorders, remove_recorders
from scratchnet.xray.verdicts import verdicts

SHARE = 0.08  # recording may take this share of the time that training takes without it
STEPS = 256  # recorded steps at most; above, every second one is dropped


def xray(model: Layer, x: Any = None, target: Any = None, loss: Loss | None = None) -> "XRay":
    """Context that records each layer of a model during training, or the record of one batch.

    The calling thread records; with ``workers`` in `fit` the numbers are those of its part of each
    batch, as if that were the batch.

    Steps are sampled, so that training takes at most 1.3 times as long: the next step is recorded
    when recording has taken less than 8 % of the time of training. A step is an update by an
    `Optimizer` of all trainable parameters of the model.

    Parameters
        model          built
        x, target      a batch; the model, its running averages and random numbers stay as they are
        loss           from `scratchnet.losses`; without it, the result is a context

    Raises ValueError in the context if the model is in another one already.

    >>> import numpy as np
    >>> from scratchnet.layers import Dense, Tanh
    >>> from scratchnet.losses import MeanSquaredError
    >>> from scratchnet.optimizers import SGD
    >>> from scratchnet.training import fit
    >>> x = np.linspace(-1, 1, 64, dtype="float32").reshape(-1, 1)
    >>> model = Sequential([Dense(4), Tanh(), Dense(1)])
    >>> model.build((1,), 0)
    (1,)
    >>> with xray(model) as seen:
    ...     history = fit(model, x, x, loss=MeanSquaredError(), optimizer=SGD(0.1), verbose=False)
    >>> seen.steps[0], sorted(seen.values["gradient"])
    (0, ['dense', 'dense_1', 'tanh'])
    """
    check_model(model)
    seen = XRay(model)
    if x is None and target is None and loss is None:
        return seen
    if x is None or target is None or loss is None:
        raise TypeError("xray expects a model, or a model, x, target and a loss")
    check_loss(loss)
    x, target = check_data(model, x, target)
    generators = {layer: layer.rng for layer in model.named_layers().values()}
    model.set_rng(0)
    try:
        with seen:
            y, cache = model.forward(x, train=True)
            loss = with_mask(loss, y, model.input_mask(cache))
            _, loss_cache = loss.forward(y, target)
            grads = model.weight_gradients(loss.backward(loss_cache), cache)
            seen.before_update(model.parameters, model.flatten(grads))
            seen.end_of_step(updated=False)
    finally:
        for layer, rng in generators.items():
            layer.rng = rng
    return seen


class XRay:
    """Recorded numbers of a model's layers; `xray` makes one.

    Attributes
        layers   {name: layer}, in the order of the model; models inside the model are left out
        steps    numbers of the recorded steps; the first step has the number 0
        shapes   {name: output shape of the layer, without the batch axis}
        values   {measure: {name: list with a number for each recorded step}}; NaN where a layer
                 has no such number. `MEASURES` describes the measures
        recording   True in a step that is recorded
        alive    {name: list with an array (M,) for each recorded step}: True for each unit of a
                 ReLU whose output is above 0 for at least one sample of the batch

    A unit of a layer is an index of the last axis of its output: a channel of a convolution, a
    feature of a recurrent layer. A layer that is used twice has the numbers of both uses together.

    >>> import numpy as np
    >>> from scratchnet.layers import Dense
    >>> from scratchnet.losses import MeanSquaredError
    >>> x = np.eye(4, dtype="float32")
    >>> model = Sequential([Dense(8), ReLU(), Dense(1)])
    >>> model.build((4,), 0)
    (1,)
    >>> seen = xray(model, x, x[:, :1], MeanSquaredError())
    >>> list(seen.layers), seen.shapes["relu"]
    (['dense', 'relu', 'dense_1'], (8,))
    """

    def __init__(self, model: Layer):
        self.model = model
        self.layers = {
            path or layer.name or layer.default_name(): layer
            for path, layer in model.named_layers().items()
            if not isinstance(layer, Sequential)
        }
        self.steps: list[int] = []
        self.shapes: dict[str, tuple] = {}
        self.values = {name: {layer: [] for layer in self.layers} for name in MEASURES}
        self.alive = {n: [] for n, layer in self.layers.items() if isinstance(layer, ReLU)}
        self._trained = [p for _, p in model.parameter_items(trainable_only=True)]
        self._size = sum(p.value.size for p in self._trained)
        self.recording, self._step, self._every = True, 0, 1
        self._caller = _this_thread()
        self._busy: set[Layer] = set()  # layers whose gradient is being computed
        self._clear()
        self._began = -1.0  # seconds of this thread's CPU time, as are the costs; -1: not yet
        self._cost, self._costs, self._spent, self._expected = 0.0, [], 0.0, 0.0

    def _clear(self):
        """Forget the records of the current step."""
        self._outputs: dict[Layer, list] = {}  # a dictionary for each call
        self._output_gradients: dict[Layer, list] = {}  # a norm for each call
        self._workers = 1
        self._gradients: dict[Layer, tuple] = {}  # (norm, parameters, their values before)

    # ------------------------------------------------------------------------------- recording

    def __enter__(self):
        add_recorders(self, self.layers.values())
        self._caller = _this_thread()
        return self

    def __exit__(self, *exception):
        remove_recorders(self, self.layers.values())

    def observe(self, layer: Layer, method: str, call: Any, arguments: tuple, options: dict) -> Any:
        """Call a method of a layer, and record its output y or its argument dy."""
        if _this_thread() != self._caller:
            return call(*arguments, **options)
        if method == "forward":
            result = call(*arguments, **options)
            if options.get("train", arguments[1] if len(arguments) > 1 else False):
                self._add(self._outputs, layer, describe, first_array(result[0]))
            return result
        if layer in self._busy:  # weight_gradients of the base class calls backward
            return call(*arguments, **options)
        self._add(self._output_gradients, layer, _norm_of_one, first_array(arguments[0]))
        self._busy.add(layer)
        try:
            return call(*arguments, **options)
        finally:
            self._busy.discard(layer)

    def _add(self, records, layer, make, array):
        began = time.thread_time()
        with np.errstate(all="ignore"):  # of a model that diverges
            records.setdefault(layer, []).append(make(layer, array))
        self._began = began if self._began < 0 else self._began
        self._cost += time.thread_time() - began

    def before_update(self, w: Array, g: Array, workers: int = 1) -> None:
        """Record the gradient g of all parameters w; an optimizer has not changed w yet.

        In a group, g is the gradient of this worker's part of the batch times its share, 1/workers.
        """
        if not (self.recording and self._trains(w)):
            return
        self._workers = workers
        began, start = time.thread_time(), self._trained[0].start
        self._began = began if self._began < 0 else self._began
        for layer in self.layers.values():
            own = [p for p in layer.params.values() if any(p is q for q in self._trained)]
            if own:
                parts = [g[p.start - start : p.start - start + p.value.size] for p in own]
                before = [p.value.copy() for p in own]
                self._gradients[layer] = workers * norm(parts), own, before
        self._cost += time.thread_time() - began

    def after_update(self, w: Array) -> None:
        """End the step, and decide whether the next one is recorded."""
        if not self._trains(w):
            return
        if self.recording:
            began = time.thread_time()
            self.end_of_step()
            if len(self.steps) > STEPS:
                self._drop_every_second_step()
            self._costs.append(self._cost + time.thread_time() - began)
            self._spent, self._cost = self._spent + self._costs[-1], 0.0
            self._expected = statistics.median(self._costs[-5:])
        self._step += 1
        training = time.thread_time() - self._began - self._spent
        affordable = self._spent + self._expected <= SHARE * training
        self.recording = affordable and self._step >= self.steps[-1] + self._every

    def _trains(self, w):
        """True if w is the vector of this model's parameters, and in the calling thread."""
        if not self._trained or w.size != self._size or _this_thread() != self._caller:
            return False
        vector = self._trained[0].vector
        if vector is None or vector is w or vector is w.base:
            return vector is not None
        return on_host(w) and same_memory(w, self._trained[0].value)  # shared with other workers

    def end_of_step(self, updated: bool = True) -> None:
        """Append the numbers of the current step to `values`."""
        self.steps.append(self._step)
        for name, layer in self.layers.items():
            numbers = dict.fromkeys(MEASURES, math.nan)
            if layer in self._outputs:
                merged = merge(self._outputs[layer])
                self.shapes[name] = merged["shape"]
                numbers |= {key: number for key, number in merged.items() if key in MEASURES}
                if name in self.alive:
                    self.alive[name].append(merged["alive"])
            if layer in self._output_gradients:
                squares = sum(length**2 for length in self._output_gradients[layer])
                numbers["dL/dy"] = self._workers * math.sqrt(squares)
            if layer in self._gradients:
                numbers["gradient"], own, before = self._gradients[layer]
                weight = norm(before)
                if updated and weight > 0:
                    change = [p.value - old for p, old in zip(own, before, strict=True)]
                    numbers["update"] = norm(change) / weight
            for measure, number in numbers.items():
                self.values[measure][name].append(number)
        self._clear()

    def _drop_every_second_step(self):
        self._every = max(2 * self._every, 2 * (self.steps[-1] - self.steps[-2]))
        lists = [self.steps, *self.alive.values()]
        for of_layers in self.values.values():
            lists += of_layers.values()
        for numbers in lists:
            del numbers[1::2]

    # --------------------------------------------------------------------------------- results

    def verdicts(self) -> list[str]:
        """Sentences about vanishing and exploding gradients, dead and saturated units, updates."""
        self._check()
        return verdicts(self)

    def table(self, step: int = -1) -> str:
        """Table of all layers at one recorded step, an index into `steps`; the last by default."""
        self._check()
        head = ("layer", "output", *MEASURES)
        rows = []
        for name in self.layers:
            numbers = [self.values[measure][name][step] for measure in MEASURES]
            cells = ["-" if math.isnan(number) else f"{number:.3g}" for number in numbers]
            rows.append((name, self._shape(name), *cells))
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if i < 2 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (head, *rows)
        ]
        lines.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
        return "\n".join([f"step {self.steps[step]}", *lines])

    def plot(self, measure: str = "gradient") -> Any:
        """Figure: heat map of a measure, a row for each layer and a column for each step."""
        self._check()
        if measure not in MEASURES:
            raise unknown_name("measure", measure, MEASURES)
        from scratchnet.plots import heat_map

        rows = {n: v for n, v in self.values[measure].items() if not all(map(math.isnan, v))}
        if not rows:
            raise ValueError(f"no layer of this model has the measure {measure!r}")
        log = measure in ("deviation", "dL/dy", "gradient", "update")
        return heat_map(rows, MEASURES[measure], "step", columns=self.steps, log=log)

    def page(self, path: str | Path) -> Path:
        """Write one HTML page: heat map layer by step, a slider, the numbers of each step."""
        self._check()
        return write_xray_page(path, self.record())

    def record(self) -> dict[str, Any]:
        """Contents of the page as plain lists, texts and numbers."""
        return {
            "model": self.model.name or self.model.default_name(),
            "layers": list(self.layers),
            "shapes": [self._shape(name) for name in self.layers],
            "steps": self.steps,
            "measures": MEASURES,
            "values": {m: list(by_layer.values()) for m, by_layer in self.values.items()},
            "verdicts": self.verdicts(),
        }

    def _shape(self, name):
        return format_shape(self.shapes[name]) if name in self.shapes else "-"

    def _check(self):
        if not self.steps:
            raise ValueError(
                "this xray has recorded no step: train the model with fit, or with an optimizer "
                "and model.parameters, inside of `with xray(model) as seen:`"
            )


def _this_thread():
    """Identity of process and thread: a forked worker is not the caller."""
    return os.getpid(), threading.get_ident()


def _norm_of_one(layer, dy):
    return norm([dy])
