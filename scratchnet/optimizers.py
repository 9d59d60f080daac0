"""Optimizers: each updates one vector of parameters w, in place, by one vector of gradients g.

``step(w, g)`` is the same for all optimizers. A subclass implements its rule as `update`, which
receives the same chunk of w, of g and of the optimizer's own vectors (such as Adam's m and v), and
must work element by element.

The vectors are cut into chunks for speed: a rule reads and writes several vectors a dozen times,
and chunks that fit the processor's cache come from main memory once instead.

The arguments have Keras' names. The formulas, where the two frameworks differ, are PyTorch's, and
each class says whose default values it has.
"""

from typing import Any, TypeAlias

from scratchnet.backend import Array, on_host, to_device, xp_of
from scratchnet.clipping import Clip, ClipByGlobalNorm, ClipByValue
from scratchnet.compiled import adam_loop, compiled, flush_loop
from scratchnet.hints import WithHints
from scratchnet.parallel.group import Alone, Group, chunks
from scratchnet.schedules import Schedule, rate_at
from scratchnet.validation import check_bool, check_float, require

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "ClipByGlobalNorm",
    "ClipByValue",
    "Optimizer",
    "RMSprop",
]

Rate: TypeAlias = float | Schedule

CHUNK = 1 << 16  # 65,536 floats: 256 KiB of each vector; with fewer the number of calls counts
FLUSH_EVERY = 16  # updates
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
    if loop := compiled(flush_loop, v, numbers=1):
        loop(v, least)
    else:
        v *= xp.abs(v) >= least


class Optimizer(WithHints):
    """Base class of the optimizers.

    Parameters
        learning_rate   a number, or a schedule from `scratchnet.schedules`
        clip            None, or ClipByValue / ClipByGlobalNorm, applied to the whole gradient
    """

    slots: tuple[str, ...] = ()  # names of the optimizer's own vectors, which start at zero

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

    def step(self, parameters: Array, gradient: Array, group: Group = ALONE) -> None:
        """Update the parameters (P,), in place, by their gradient (P,).

        In a group of workers the gradient is the sum of the vectors of all workers. Each worker
        updates its stretch of the parameters, and then all receive all of them, see
        `scratchnet.parallel.group`.
        """
        w, g = parameters, gradient
        self._check(w, g)
        slots = self.make_slots(w)
        rate = rate_at(self.learning_rate, self.t)
        self.t += 1
        mine = group.stretch(w.size)  # all of w, for one worker
        size = CHUNK if on_host(w) else w.size  # a GPU is faster on one large array
        if self.clip is None:
            sums = group.reduce_chunks(g, size)
        else:  # needs the whole gradient
            g = self.clip(group.sum_of(g))
            sums = ((s, g[s]) for s in chunks(mine, size))
        for s, total in sums:
            self.update(w[s], total, rate, *(v[s] for v in slots.values()))
        if group.size > 1:
            group.all_gather(w[mine], w)
        if self.t % FLUSH_EVERY == 0:
            for v in slots.values():
                flush_subnormals(v[mine])

    def make_slots(self, w: Array) -> dict[str, Array]:
        """Return the vectors of the slots for parameters w (P,); make them, unless they exist."""
        if self.slots:
            compiled(flush_loop, w, numbers=1)  # once, before processes are forked
        self.vectors = self.vectors or {name: self.start(w) for name in self.slots}
        return self.vectors

    def gather_slots(self, group: Group) -> None:
        """Receive the stretches of the slots that the other workers have updated."""
        if group.size > 1:
            for v in (self.vectors or {}).values():
                group.all_gather(v[group.stretch(v.size)], v)

    def update(self, w, g, rate, *slots):
        """Apply the rule to one chunk, in place; self.t is 1 in the first update."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

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


class SGD(Optimizer):
    """Gradient descent on batches, optionally with momentum.

    v = momentum v + g                w -= rate v
    with nesterov                     w -= rate (g + momentum v)

    Keras' names and defaults. Polyak (1964); Nesterov's form as in Sutskever et al. (2013) and
    PyTorch.

    >>> import numpy as np
    >>> w = np.array([1.0])
    >>> SGD(learning_rate=0.1).step(w, np.array([2.0]))
    >>> w
    array([0.8])
    """

    slots: tuple[str, ...] = ("v",)

    def __init__(
        self,
        learning_rate: Rate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        clip: Clip = None,
    ):
        super().__init__(learning_rate, clip)
        self.momentum = self.option("momentum", momentum, at_least=0, below=1)
        self.nesterov = check_bool("SGD", "nesterov", nesterov)
        require(momentum > 0 or not nesterov, "SGD(nesterov=True) expects momentum > 0")
        if momentum == 0:
            self.slots = ()

    def update(self, w, g, rate, v=None):
        if v is None:
            w -= rate * g
            return
        v *= self.momentum
        v += g
        w -= rate * (g + self.momentum * v if self.nesterov else v)


class RMSprop(Optimizer):
    """RMSprop: the gradient divided by the root of its running mean square.

    v = rho v + (1 - rho) g^2         w -= rate g / (sqrt(v) + epsilon)

    Keras' names and defaults; epsilon outside the root as in PyTorch, where Keras has it inside.
    Tieleman and Hinton (2012), lecture 6.5.

    >>> import numpy as np
    >>> w = np.array([1.0])
    >>> RMSprop(learning_rate=0.1, rho=0.75).step(w, np.array([2.0]))  # v = 1
    >>> w.round(3)
    array([0.8])
    """

    slots = ("v",)

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.9,
        epsilon: float = 1e-7,
        clip: Clip = None,
    ):
        super().__init__(learning_rate, clip)
        self.rho = self.option("rho", rho, at_least=0, below=1)
        self.epsilon = self.option("epsilon", epsilon, above=0)

    def update(self, w, g, rate, v):
        v += (1 - self.rho) * (g * g - v)  # rho v + (1 - rho) g^2
        w -= rate * g / (xp_of(v).sqrt(v) + self.epsilon)


class Adagrad(Optimizer):
    """Adagrad: the gradient divided by the root of the sum of all its squares so far.

    v += g^2                          w -= rate g / (sqrt(v) + epsilon)

    v starts at initial_accumulator_value. Keras' names, PyTorch's defaults and formula. Duchi et
    al. (2011).

    >>> import numpy as np
    >>> w = np.array([1.0])
    >>> Adagrad(learning_rate=0.1).step(w, np.array([2.0]))
    >>> w.round(3)
    array([0.9])
    """

    slots = ("v",)

    def __init__(
        self,
        learning_rate: Rate = 0.01,
        initial_accumulator_value: float = 0.0,
        epsilon: float = 1e-10,
        clip: Clip = None,
    ):
        super().__init__(learning_rate, clip)
        self.initial_accumulator_value = self.option(
            "initial_accumulator_value", initial_accumulator_value, at_least=0
        )
        self.epsilon = self.option("epsilon", epsilon, above=0)

    def start(self, w):
        return xp_of(w).full_like(w, self.initial_accumulator_value)

    def update(self, w, g, rate, v):
        v += g * g
        w -= rate * g / (xp_of(v).sqrt(v) + self.epsilon)


def plain_adam(w, g, m, v, t, rate=0.001, b1=0.9, b2=0.999, epsilon=1e-8):
    """Next w, m and v of `Adam` in update t = 1, 2, ...: the formula, line by line.

    >>> import numpy as np
    >>> w, m, v = plain_adam(w=np.array([1.0]), g=np.array([2.0]), m=0.0, v=0.0, t=1, rate=0.1)
    >>> w.round(3)  # the first step has the length of the rate, whatever g is
    array([0.9])
    """
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g**2
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
    return w - rate * m_hat / (xp_of(w).sqrt(v_hat) + epsilon), m, v


class Adam(Optimizer):
    """Adam: running means of the gradient and of its square, both corrected for their start at 0.

    m = b1 m + (1 - b1) g             m^ = m / (1 - b1^t)
    v = b2 v + (1 - b2) g^2           v^ = v / (1 - b2^t)
    w -= rate m^ / (sqrt(v^) + epsilon)

    m and v start at 0 and are too small in the first updates; the divisions by 1 - b^t correct
    this. b1 and b2 are the arguments beta_1 and beta_2. Keras' names; defaults of both, but
    PyTorch's epsilon (Keras has 1e-7). Plain form: `plain_adam`. Kingma and Ba (2015), algorithm 1.

    >>> import numpy as np
    >>> w = np.array([1.0])
    >>> Adam(learning_rate=0.1).step(w, np.array([2.0]))
    >>> w.round(3)
    array([0.9])
    """

    slots = ("M", "V")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        clip: Clip = None,
    ):
        super().__init__(learning_rate, clip)
        self.beta_1 = self.option("beta_1", beta_1, at_least=0, below=1)
        self.beta_2 = self.option("beta_2", beta_2, at_least=0, below=1)
        self.epsilon = self.option("epsilon", epsilon, above=0)

    def make_slots(self, w: Array) -> dict[str, Array]:
        compiled(adam_loop, w, numbers=4)
        return super().make_slots(w)

    def update(self, w, g, rate, M, V):
        """Compute `plain_adam` in place, from running sums: with Numba as a loop, see `adam_loop`.

        With M = b1 M + g, V = b2 V + g^2 and c = sqrt((1 - b2^t) / (1 - b2)), m = (1 - b1) M and
        m^ / (sqrt(v^) + epsilon) = M / (sqrt(V) + epsilon c) * c (1 - b1) / (1 - b1^t).
        """
        xp, b1, b2, t = xp_of(w), self.beta_1, self.beta_2, self.t
        c = ((1 - b2**t) / (1 - b2)) ** 0.5
        epsilon, rate = self.epsilon * c, rate * c * (1 - b1) / (1 - b1**t)
        if loop := compiled(adam_loop, w, g, M, V, numbers=4):
            loop(w, g, M, V, *map(w.dtype.type, (b1, b2, epsilon, rate)))
            return
        M *= b1  # otherwise with one temporary array a
        M += g
        V *= b2
        a = g * g
        V += a
        xp.sqrt(V, out=a)
        a += epsilon
        xp.divide(M, a, out=a)
        a *= rate
        w -= a


class AdamW(Adam):
    """Adam with decoupled weight decay: before each step, w -= rate weight_decay w.

    The decay is not part of the gradient, and so not of m and v. Keras' names, PyTorch's defaults.
    Loshchilov and Hutter (2019), algorithm 2.

    >>> import numpy as np
    >>> w = np.array([1.0])
    >>> AdamW(learning_rate=0.1, weight_decay=0.5).step(w, np.array([2.0]))  # 1 - 0.05 - 0.1
    >>> w.round(3)
    array([0.85])
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        clip: Clip = None,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, clip)
        self.weight_decay = self.option("weight_decay", weight_decay, at_least=0)

    def update(self, w, g, rate, M, V):
        w *= 1 - rate * self.weight_decay
        super().update(w, g, rate, M, V)
