"""Faults in losses."""

from scratchnet.backend import xp_of
from scratchnet.layers import Dense, Layer, ReLU, Softmax
from scratchnet.losses import Loss
from scratchnet.numerics import softmax
from scratchnet.zoo.fault import Fault, catalogue


class PlainCrossEntropy(Loss):
    """Cross-entropy of logits z (N, K) and classes c (N,)."""

    def forward(self, z, c):
        p = self.probabilities(z)
        t = xp_of(z).eye(z.shape[1], dtype=z.dtype)[c]  # one-hot
        log_p = xp_of(z).log((p * t).sum(axis=1) + 1e-12)
        return -log_p.sum() / len(z), (p, t)

    def backward(self, cache):
        p, t = cache
        return (p - t) / len(p)

    def probabilities(self, z):
        """Softmax over the classes."""
        return softmax(z)


class NotDivided(PlainCrossEntropy):
    """The gradient of the sum over the batch, where the loss is the mean."""

    def backward(self, cache):
        p, t = cache
        return p - t


class DividedTwice(PlainCrossEntropy):
    """One division by N too many."""

    def backward(self, cache):
        p, t = cache
        return (p - t) / len(p) ** 2


class WrongSign(PlainCrossEntropy):
    """The gradient of the log-likelihood, which is to be increased."""

    def backward(self, cache):
        p, t = cache
        return (t - p) / len(p)


class OverTheBatch(PlainCrossEntropy):
    """Softmax over the batch instead of the classes."""

    def probabilities(self, z):
        return softmax(z, axis=0)


class ThroughTheSoftmax(PlainCrossEntropy):
    """The slope p (1 - p) of the softmax again, which p - t contains already."""

    def backward(self, cache):
        p, t = cache
        return (p - t) * p * (1 - p) / len(p)


class PlainSquaredError(Loss):
    """Mean squared error of predictions p (N, 1) and numbers t (N,)."""

    def forward(self, p, t):
        d = p - t[:, None]  # (N, 1)
        return (d**2).mean(), d

    def backward(self, d):
        return 2 * d / len(d)


class BroadcastError(PlainSquaredError):
    """Each prediction minus each target: (N, 1) - (N,) is an array (N, N)."""

    def forward(self, p, t):
        d = p - t
        return (d**2).mean(), d

    def backward(self, d):
        return 2 * d.mean(axis=1, keepdims=True) / len(d)


class Logits(Layer):
    """The identity: the cross-entropy takes logits."""

    def forward(self, x, train=False):
        return x, None

    def backward(self, dy, cache):
        return dy, {}


class SoftmaxBeforeLoss(Logits):
    """Probabilities in the place of the logits that the cross-entropy takes."""

    def forward(self, x, train=False):
        y = softmax(x)
        return y, y

    def backward(self, dy, y):
        return y * (dy - (dy * y).sum(axis=-1, keepdims=True)), {}


class PlainSoftmax(Softmax):
    """Softmax with its whole Jacobian."""

    def backward(self, dy, y):
        return y * (dy - (dy * y).sum(axis=-1, keepdims=True)), {}


class DiagonalSoftmax(PlainSoftmax):
    """The diagonal of the Jacobian only, as if each class had a sigmoid."""

    def backward(self, dy, y):
        return dy * y * (1 - y), {}


class BrierLoss(Loss):
    """Squared error of probabilities, summed over the classes."""

    def forward(self, p, c):
        d = p - xp_of(p).eye(p.shape[1], dtype=p.dtype)[c]
        return (d**2).sum() / len(d), d

    def backward(self, d):
        return 2 * d / len(d)


def _loss(kind):
    return {"loss": kind("mean")}


def _end(kind):
    return {"layers": [Dense(64), ReLU(), Dense(10), kind()]}


def _probabilities(kind):
    return {
        "layers": [Dense(64), ReLU(), Dense(10), kind()],
        "loss": BrierLoss("mean"),
        "start": 0.9,
    }


TWICE = "losses and layers from two sources, each with its own 1/N"
FAULTS = catalogue(
    Fault(
        "loss_not_divided",
        "cross-entropy: gradient of the sum, value of the mean",
        TWICE,
        PlainCrossEntropy,
        NotDivided,
        "digits",
        _loss,
    ),
    Fault(
        "loss_divided_twice",
        "cross-entropy: one division by N too many",
        TWICE,
        PlainCrossEntropy,
        DividedTwice,
        "digits",
        _loss,
    ),
    Fault(
        "loss_sign",
        "cross-entropy: t - p instead of p - t",
        "papers that increase a likelihood, code that decreases a loss",
        PlainCrossEntropy,
        WrongSign,
        "digits",
        _loss,
    ),
    Fault(
        "softmax_over_batch",
        "softmax over the batch axis",
        "a softmax with axis=0, or with the default axis of another library",
        PlainCrossEntropy,
        OverTheBatch,
        "digits",
        _loss,
    ),
    Fault(
        "softmax_slope_twice",
        "cross-entropy: (p - t) times p (1 - p)",
        "the recipe of squared error and sigmoid, used for cross-entropy",
        PlainCrossEntropy,
        ThroughTheSoftmax,
        "digits",
        _loss,
    ),
    Fault(
        "double_softmax",
        "softmax in the model and again in the loss",
        "models that end in a softmax, with a loss that expects logits",
        Logits,
        SoftmaxBeforeLoss,
        "digits",
        _end,
    ),
    Fault(
        "diagonal_softmax",
        "softmax layer with the slope y (1 - y)",
        "softmax layers written after the pattern of the sigmoid",
        PlainSoftmax,
        DiagonalSoftmax,
        "digits",
        _probabilities,
    ),
    Fault(
        "broadcast_error",
        "squared error of (N, 1) and (N,): N x N differences",
        "regression with one output and targets without an axis for it",
        PlainSquaredError,
        BroadcastError,
        "values",
        _loss,
    ),
)
