"""Optimizer, the base class of the optimizers: a step on one worker or on the workers of a group.

The vectors are cut into chunks for speed: a rule reads and writes several vectors a dozen times,
and chunks that fit the processor's cache come from main memory once instead. A rule may have a form
as a loop over the parameters, for `scratchnet.compiled`. The loop reads and writes each vector once
and also adds the gradients of the workers, so it needs no chunks.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from scratchnet.backend import Array, on_host, to_device, xp_of
from scratchnet.clipping import Clip
from scratchnet.compiled import compiled, flush_loop
from scratchnet.hints import WithHints
from scratchnet.parallel.group import CHUNK, Alone, Group, in_chunks, sum_in_order
from scratchnet.schedules import Schedule, rate_at
from scratchnet.validation import check_float

Rate: TypeAlias = float | Schedule
Exchange: TypeAlias = Callable[[Array, int], Iterable[tuple[slice, list[Array]]]]

FLUSH_EVERY = 16  # updates
MOST_PARTS = 8  # gradients that a compiled loop adds; the sum of more is computed before
ALONE = Alone()


def flush_subnormals(v: Array) -> None:
    """Set entries that are about to become subnormal to zero, in place.

    A processor computes up to a hundred times more slowly with subnormal numbers, in float32 those
    below 1e-38. A running mean becomes one once its gradients are zero: at each update it shrinks
    by the factor beta. The threshold lies 1e8 above the smallest normal number, so that no entry
    with beta > 0.32 becomes subnormal within 16 updates, until the next call: 0.32^16 = 1.2e-8.

    >>> import numpy as np
    >>> v = np.array([1e-31, 1e-29], dtype="float32")
    >>> flush_subnormals(v)
    >>> v.tolist()[0]
    0.0
    """
    xp = xp_of(v)
    least = v.dtype.type(1e8 * xp.finfo(v.dtype).tiny)
    if loop := compiled(flush_loop, v):
        loop(v, least)
    else:
        v *= xp.abs(v) >= least


class Optimizer(WithHints):
    """Base class of the optimizers.

    Parameters
        learning_rate   a number, or a schedule from `scratchnet.schedules`
        clip            None, or ClipByValue / ClipByGlobalNorm, applied to the whole gradient

    Attributes of a subclass
        slots   names of the optimizer's own vectors, which start at zero
        loop    `update` as a loop for `compiled`, a staticmethod of plain Python with the arguments
                (w, gradients, *slots, *numbers(rate)), or None. It belongs to the `update` that its
                class has when it is defined: any other `update` is used without it
    """

    slots: tuple[str, ...] = ()
    loop: Callable | None = None
    _update_of_loop: Callable | None = None

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "loop" in cls.__dict__:
            cls._update_of_loop = cls.update

    def __init__(self, learning_rate: Rate, clip: Clip = None):
        if not callable(learning_rate):
            learning_rate = self.option("learning_rate", learning_rate, above=0)
        self.learning_rate, self.clip = learning_rate, clip
        self.t = 0  # number of updates so far
        self.epochs = 0  # number of epochs so far, counted by fit: the next one draws other noise
        self.initial_rate = self.learning_rate  # a callback may change the rate during a run
        self.vectors: dict[str, Array] | None = None  # {slot: vector}, made at the first step
        self.bound: list | None = None  # the Parameters of the model it trains, see bind

    def option(self, name: str, value: float, **limits: float) -> float:
        """The value as a float, after checking that it lies within its limits."""
        return check_float(type(self).__name__, name, value, **limits)

    def bind(self, model: Any) -> None:
        """Remember which parameters are trained; ValueError after updates of other ones.

        The slots of an optimizer belong to the parameters of its updates: for another model, or
        after layers were frozen, they would be wrong even where the sizes agree.
        """
        found = [p for _, p in model.parameter_items(trainable_only=True)]
        same = self.bound is not None and len(found) == len(self.bound)
        same = same and all(a is b for a, b in zip(found, self.bound or [], strict=False))
        if self.t and self.bound is not None and not same:
            raise ValueError(
                f"this {type(self).__name__} has trained other parameters: make a new optimizer "
                "for another model, or after freezing layers"
            )
        self.bound = found
        if not self.t:
            self.initial_rate = self.learning_rate

    def step(
        self,
        parameters: Array,
        gradient: Array,
        group: Group = ALONE,
        all_to_all: Exchange | None = None,
    ) -> None:
        """Update the parameters (P,), in place, by their gradient (P,).

        In a group of workers the gradient is the sum of the vectors of all workers. Each worker
        updates its stretch of the parameters, and then all receive all of them, see
        `scratchnet.parallel.group`.

        Parameters
            all_to_all   used in place of `Group.all_to_all`, whose arguments and result it has
        """
        w, g = parameters, gradient
        self._check(w, g)
        slots = self.make_slots(w)
        rate = float(rate_at(self.learning_rate, self.t))
        self.t += 1
        mine = group.stretch(w.size)  # all of w, for one worker
        if self.clip is not None:  # needs the whole gradient
            g = self.clip(group.sum_of(g))
        count = group.size if self.clip is None and group.size <= MOST_PARTS else 1
        loops = {count: self.compiled_loop(w, g, count)}  # by the number of gradients added
        # without a loop in chunks, but a GPU is faster on one large array
        size = CHUNK if on_host(w) and loops[count] is None else max(w.size, 1)
        if self.clip is None:
            chunked = (all_to_all or group.all_to_all)(g, size)
        else:
            chunked = in_chunks(mine, [g[mine]], size)
        for s, gradients in chunked:
            vectors = [v[s] for v in slots.values()]
            if len(gradients) > MOST_PARTS:
                gradients = [sum_in_order(gradients)]
            count = len(gradients)
            if count not in loops:
                loops[count] = self.compiled_loop(w, g, count)
            loop = loops[count]
            if loop is None:
                self.update(w[s], sum_in_order(gradients), rate, *vectors)
            else:
                loop(w[s], tuple(gradients), *vectors, *map(w.dtype.type, self.numbers(rate)))
        if group.size > 1:
            group.all_gather(None, w)
        if self.t % FLUSH_EVERY == 0:
            for v in slots.values():
                flush_subnormals(v[mine])

    def make_slots(self, w: Array) -> dict[str, Array]:
        """Return the vectors of the slots for parameters w (P,); make them, unless they exist."""
        if self.vectors is None:
            if self.slots:
                compiled(flush_loop, w)  # once, before processes are forked
            self.vectors = {name: self.start(w) for name in self.slots}
        return self.vectors

    def compiled_loop(self, w: Array, g: Array, count: int = 1) -> Callable | None:
        """The attribute `loop` as machine code, or None where `update` is to be used.

        The first call compiles it, best before processes are forked.

        Parameters
            w, g    parameters and gradients (P,)
            count   number of gradients that the loop adds, at most 8
        """
        update = getattr(self.update, "__func__", None)
        if self.loop is None or update is not type(self)._update_of_loop:
            return None
        return compiled(self.loop, w, g, *self.make_slots(w).values(), gradients=count)

    def gather_slots(self, group: Group) -> None:
        """Receive the stretches of the slots that the other workers have updated."""
        if group.size > 1:
            for v in (self.vectors or {}).values():
                group.all_gather(None, v)

    def update(self, w, g, rate, *slots):
        """Apply the rule to one chunk, in place; self.t is 1 in the first update."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def numbers(self, rate: float) -> tuple[float, ...]:
        """The last arguments of `loop`, the same for all chunks of an update."""
        return ()

    def start(self, w):
        """The vector of a slot before the first step."""
        return xp_of(w).zeros_like(w)

    def _check(self, w, g):
        name = type(self).__name__
        if w.ndim != 1 or w.shape != g.shape or w.dtype != g.dtype:
            raise ValueError(
                f"{name} expects two vectors of one shape and dtype; got parameters {w.shape} "
                f"{w.dtype} and gradient {g.shape} {g.dtype}: use model.parameters and "
                "model.flatten(grads)"
            )
        for vector in (self.vectors or {}).values():
            if vector.shape != w.shape:
                raise ValueError(
                    f"this {name} expects the {vector.size:,} parameters of its earlier steps; got "
                    f"{w.size:,}: make a new optimizer for another model, or after freezing layers"
                )

    def get_state(self) -> dict[str, Any]:
        """Copies {name: array or number} of all that a resumed run needs."""
        state: dict[str, Any] = {"t": self.t, "epochs": self.epochs}
        if not callable(self.learning_rate):
            state["learning_rate"] = self.learning_rate
        return state | {name: v.copy() for name, v in (self.vectors or {}).items()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the state of `get_state`, on the current device."""
        self.t, self.epochs = int(state["t"]), int(state.get("epochs", 0))
        if "learning_rate" in state:
            self.learning_rate = float(state["learning_rate"])
        self.vectors = None
        if self.t:
            self.vectors = {n: to_device(state[n], state[n].dtype).copy() for n in self.slots}
