"""Optimizers: each updates one vector of parameters w, in place, by one vector of gradients g.

``step(w, g)`` is the same for all optimizers, see `scratchnet.optimizer_base`. A subclass of
`Optimizer` implements its rule as `update`, which receives the same chunk of w, of g and of the
optimizer's own vectors (such as Adam's m and v), and must work element by element.

The arguments have Keras' names. The formulas, where the two frameworks differ, are PyTorch's, and
each class says whose default values it has.
"""

from scratchnet.backend import xp_of
from scratchnet.clipping import Clip, ClipByGlobalNorm, ClipByValue
from scratchnet.compiled import adam_loop
from scratchnet.optimizer_base import Optimizer, Rate
from scratchnet.validation import check_bool, require

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
    loop = staticmethod(adam_loop)

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

    def numbers(self, rate):
        """Return b1, b2, epsilon and the rate for running sums, see `update`, and 1: no decay."""
        b1, b2, t = self.beta_1, self.beta_2, self.t
        c = ((1 - b2**t) / (1 - b2)) ** 0.5
        return b1, b2, self.epsilon * c, rate * c * (1 - b1) / (1 - b1**t), 1.0

    def update(self, w, g, rate, M, V):
        """Compute `plain_adam` in place, from running sums.

        With M = b1 M + g, V = b2 V + g^2 and c = sqrt((1 - b2^t) / (1 - b2)), m = (1 - b1) M and
        m^ / (sqrt(v^) + epsilon) = M / (sqrt(V) + epsilon c) * c (1 - b1) / (1 - b1^t).
        """
        b1, b2, epsilon, rate, _ = self.numbers(rate)
        xp = xp_of(w)
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

    loop = staticmethod(adam_loop)

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

    def numbers(self, rate):
        """Return those of `Adam`, with 1 - rate weight_decay in the last place."""
        return *super().numbers(rate)[:-1], 1 - rate * self.weight_decay

    def update(self, w, g, rate, M, V):
        w *= 1 - rate * self.weight_decay
        super().update(w, g, rate, M, V)
