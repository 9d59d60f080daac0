"""Optimizers: from one vector of parameters w and one of gradients g to the next w, in place.

``step(w, g)`` is the same for all; a subclass writes its rule as `update`, which sees matching
stretches of w, g and its own running vectors, and must work element by element.

Why stretches: a rule reads and writes several vectors a dozen times. Cut into pieces that fit the
processor's cache, each number comes from main memory once instead of a dozen times.
"""

from scratchnet.backend import on_host, to_device, xp_of
from scratchnet.schedules import rate_at
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

CHUNK = 1 << 15  # 32,768 floats: w, g, two running vectors and temporaries fit 1 MiB of L2 cache
FLUSH_EVERY = 16  # updates


def flush_subnormals(v):
    """Set to zero, in place, what is about to become subnormal.

    A running mean whose gradients have vanished shrinks by beta at each update, down to numbers
    below 1e-38 (float32), and a processor computes with those up to a hundred times more slowly.
    The margin of 1e8 is what 16 updates shrink by at beta = 1/3.
    """
    xp = xp_of(v)
    v *= xp.abs(v) >= 1e8 * xp.finfo(v.dtype).tiny


class ClipByValue:
    """Each entry of g into [-limit, limit]. This turns the direction of the step."""

    def __init__(self, limit):
        self.limit = check_float("ClipByValue", "limit", limit, above=0)

    def __call__(self, g):
        return xp_of(g).clip(g, -self.limit, self.limit)


class ClipByGlobalNorm:
    """g min(1, limit / norm(g)): one factor for all entries, so the direction stays.

    Pascanu et al. (2013), algorithm 1.
    """

    def __init__(self, limit):
        self.limit = check_float("ClipByGlobalNorm", "limit", limit, above=0)

    def __call__(self, g):
        xp = xp_of(g)
        largest = xp.maximum(xp.abs(g).max(), xp.finfo(g.dtype).tiny)
        h = g / largest  # squares of an exploded gradient would overflow; those of h are <= 1
        length = xp.maximum(xp.sqrt((h * h).sum()), 1)  # the norm is largest * length
        return h * xp.minimum(largest, self.limit / length)


class Optimizer:
    """Base class.

    Parameters
        learning_rate   a number, or a schedule from `scratchnet.schedules`
        clip            None, or ClipByValue / ClipByGlobalNorm, applied to the whole gradient
    """

    slots = ()  # the names of the vectors a rule keeps, each starting at zero

    def __init__(self, learning_rate, clip=None):
        if not callable(learning_rate):
            learning_rate = self.option("learning_rate", learning_rate, above=0)
        self.learning_rate, self.clip = learning_rate, clip
        self.t = 0  # updates done
        self.vectors = None  # name -> running vector, made at the first step

    def option(self, name, value, **limits):
        """The value as a float, after checking that it lies within its limits."""
        return check_float(type(self).__name__, name, value, **limits)

    def step(self, parameters, gradient):
        """One update of the parameters (P,), in place, by their gradient (P,)."""
        w, g = parameters, gradient
        self._check(w, g)
        if self.vectors is None:
            self.vectors = {name: self.start(w) for name in self.slots}
        if self.clip is not None:
            g = self.clip(g)
        rate = rate_at(self.learning_rate, self.t)
        self.t += 1
        stretch = CHUNK if on_host(w) else w.size  # a GPU wants few, large pieces
        for i in range(0, w.size, stretch):
            s = slice(i, i + stretch)
            self.update(w[s], g[s], rate, *(v[s] for v in self.vectors.values()))
        if self.t % FLUSH_EVERY == 0:
            for v in self.vectors.values():
                flush_subnormals(v)

    def update(self, w, g, rate, *slots):
        """The rule, in place, for one stretch; self.t counts from 1."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def start(self, w):
        """A running vector before the first step."""
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
                    f"this {name} has been training {vector.size:,} parameters and cannot go on "
                    f"with {w.size:,}: make a new optimizer for another model, or after freezing"
                )

    def get_state(self):
        """{name: array or number}: copies of everything a continued run needs."""
        return {"t": self.t} | {name: v.copy() for name, v in (self.vectors or {}).items()}

    def set_state(self, state):
        """Continue from what `get_state` gave, on the current device."""
        self.t = int(state["t"])
        self.vectors = None
        if self.t:
            self.vectors = {n: to_device(state[n], state[n].dtype).copy() for n in self.slots}


class SGD(Optimizer):
    """v = momentum v + g;  w -= rate v,  or with nesterov  w -= rate (g + momentum v).

    Polyak (1964); Nesterov's form as in Sutskever et al. (2013) and PyTorch.
    """

    slots = ("v",)

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, clip=None):
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
    """v = rho v + (1 - rho) g^2;  w -= rate g / (sqrt(v) + epsilon).

    Tieleman and Hinton (2012), lecture 6.5. (PyTorch's form; Keras puts epsilon under the root.)
    """

    slots = ("v",)

    def __init__(self, learning_rate=0.001, rho=0.9, epsilon=1e-7, clip=None):
        super().__init__(learning_rate, clip)
        self.rho = self.option("rho", rho, at_least=0, below=1)
        self.epsilon = self.option("epsilon", epsilon, above=0)

    def update(self, w, g, rate, v):
        v += (1 - self.rho) * (g * g - v)
        w -= rate * g / (xp_of(v).sqrt(v) + self.epsilon)


class Adagrad(Optimizer):
    """v += g^2;  w -= rate g / (sqrt(v) + epsilon): Duchi et al. (2011)."""

    slots = ("v",)

    def __init__(self, learning_rate=0.01, initial_accumulator_value=0.0, epsilon=1e-10, clip=None):
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


class Adam(Optimizer):
    """m = b1 m + (1 - b1) g         m^ = m / (1 - b1^t)
       v = b2 v + (1 - b2) g^2       v^ = v / (1 - b2^t)        w -= rate m^ / (sqrt(v^) + epsilon)

    m and v start at zero and are too small at first; the divisions by 1 - b^t make up for that.
    Kingma and Ba (2015), algorithm 1.
    """

    slots = ("m", "v")

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8, clip=None):
        super().__init__(learning_rate, clip)
        self.beta_1 = self.option("beta_1", beta_1, at_least=0, below=1)
        self.beta_2 = self.option("beta_2", beta_2, at_least=0, below=1)
        self.epsilon = self.option("epsilon", epsilon, above=0)

    def update(self, w, g, rate, m, v):
        xp = xp_of(w)
        a = g - m  # the one array made here, written again and again: half of a step's time is Adam
        a *= 1 - self.beta_1
        m += a  # m + (1 - b1) (g - m) = b1 m + (1 - b1) g
        xp.multiply(g, g, out=a)
        a -= v
        a *= 1 - self.beta_2
        v += a  # likewise with g^2
        # m^ / (sqrt(v^) + epsilon) = m / (sqrt(v) + epsilon c) * c / (1 - b1^t), c = sqrt(1 - b2^t)
        c = (1 - self.beta_2**self.t) ** 0.5
        xp.sqrt(v, out=a)
        a += self.epsilon * c
        xp.divide(m, a, out=a)
        a *= rate * c / (1 - self.beta_1**self.t)
        w -= a


class AdamW(Adam):
    """Adam, and before it w -= rate weight_decay w: the decay bypasses m and v.

    Loshchilov and Hutter (2019), algorithm 2.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        weight_decay=0.01,
        clip=None,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, clip)
        self.weight_decay = self.option("weight_decay", weight_decay, at_least=0)

    def update(self, w, g, rate, m, v):
        w *= 1 - rate * self.weight_decay
        super().update(w, g, rate, m, v)
