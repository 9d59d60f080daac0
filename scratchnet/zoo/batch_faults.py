"""Faults in batch normalization and dropout."""

from scratchnet.backend import ones, zeros
from scratchnet.layers import Dense, Layer, ReLU
from scratchnet.zoo.fault import Fault, catalogue


class PlainBatchNorm(Layer):
    """Batch normalization of x (N, C), with gamma = 1 and beta = 0."""

    needs_whole_batch = True

    def build(self, input_shape, rng):
        self.state = {"mean": zeros(input_shape), "var": ones(input_shape)}
        return input_shape

    def forward(self, x, train=False):
        if not train:
            return (x - self.state["mean"]) / (self.state["var"] + 1e-3) ** 0.5, None
        mean, var = x.mean(axis=0), x.var(axis=0)
        std = (var + 1e-3) ** 0.5
        x_hat = (x - mean) / std
        return x_hat, (x_hat, std, mean, var)

    def backward(self, dy, cache):
        if cache is None:
            return dy / (self.state["var"] + 1e-3) ** 0.5, {}
        x_hat, std, _, _ = cache
        n = len(dy)
        return (dy - dy.sum(axis=0) / n - x_hat * (dy * x_hat).sum(axis=0) / n) / std, {}

    def update_running_stats(self, cache):
        _, _, mean, var = cache
        self.state["mean"] = 0.9 * self.state["mean"] + 0.1 * mean
        self.state["var"] = 0.9 * self.state["var"] + 0.1 * var


class WrongN(PlainBatchNorm):
    """N - 1 in backward, where forward divides by N."""

    def backward(self, dy, cache):
        if cache is None:
            return dy / (self.state["var"] + 1e-3) ** 0.5, {}
        x_hat, std, _, _ = cache
        n = len(dy) - 1
        return (dy - dy.sum(axis=0) / n - x_hat * (dy * x_hat).sum(axis=0) / n) / std, {}


class ConstantStatistics(PlainBatchNorm):
    """Mean and variance as constants: their gradients are missing."""

    def backward(self, dy, cache):
        if cache is None:
            return dy / (self.state["var"] + 1e-3) ** 0.5, {}
        _, std, _, _ = cache
        return dy / std, {}


class NoVarianceTerm(PlainBatchNorm):
    """The gradient through the variance is missing."""

    def backward(self, dy, cache):
        if cache is None:
            return dy / (self.state["var"] + 1e-3) ** 0.5, {}
        _, std, _, _ = cache
        return (dy - dy.sum(axis=0) / len(dy)) / std, {}


class NoRunningAverages(PlainBatchNorm):
    """Running averages that stay at their initial values 0 and 1."""

    def update_running_stats(self, cache):
        pass


class PlainDropout(Layer):
    """Inverted dropout with rate 0.5."""

    needs_whole_batch = True

    def forward(self, x, train=False):
        if not train:
            return x, None
        mask = (self.rng.uniform(x) >= 0.5) * 2  # 1 / (1 - rate)
        mask = mask.astype(x.dtype)
        return x * mask, mask

    def backward(self, dy, mask):
        return dy if mask is None else dy * mask, {}


class NoScale(PlainDropout):
    """Without the factor 1 / (1 - rate): at inference all activations are twice as large."""

    def forward(self, x, train=False):
        if not train:
            return x, None
        mask = self.rng.uniform(x) >= 0.5
        mask = mask.astype(x.dtype)
        return x * mask, mask


class OtherMask(PlainDropout):
    """Another mask in backward."""

    def backward(self, dy, mask):
        return dy if mask is None else dy * (self.rng.uniform(dy) >= 0.5) * 2, {}


class AtInference(PlainDropout):
    """Noise at inference, too."""

    def forward(self, x, train=False):
        mask = (self.rng.uniform(x) >= 0.5) * 2
        mask = mask.astype(x.dtype)
        return x * mask, mask


def _inside(kind):
    return {"layers": [Dense(64), kind(), ReLU(), Dense(64), kind(), ReLU(), Dense(10)]}


def _after(kind):
    return {"layers": [Dense(128), ReLU(), kind(), Dense(64), ReLU(), kind(), Dense(10)]}


PAPER = "batch normalization by hand, from the formula of forward"
FAULTS = catalogue(
    Fault(
        "batch_norm_wrong_n",
        "BatchNorm: N - 1 in backward, N in forward",
        PAPER,
        PlainBatchNorm,
        WrongN,
        "digits",
        _inside,
    ),
    Fault(
        "batch_norm_constants",
        "BatchNorm: no gradient through mean and variance",
        PAPER,
        PlainBatchNorm,
        ConstantStatistics,
        "digits",
        _inside,
    ),
    Fault(
        "batch_norm_no_variance",
        "BatchNorm: no gradient through the variance",
        PAPER,
        PlainBatchNorm,
        NoVarianceTerm,
        "digits",
        _inside,
    ),
    Fault(
        "batch_norm_no_averages",
        "BatchNorm: running averages are never updated",
        "training loops that forget the update, or models in the wrong mode",
        PlainBatchNorm,
        NoRunningAverages,
        "digits",
        _inside,
    ),
    Fault(
        "dropout_no_scale",
        "dropout without the factor 1 / (1 - rate)",
        "dropout by hand",
        PlainDropout,
        NoScale,
        "digits",
        _after,
    ),
    Fault(
        "dropout_other_mask",
        "dropout: a new mask in backward",
        "dropout by hand, with the mask drawn in both",
        PlainDropout,
        OtherMask,
        "digits",
        _after,
    ),
    Fault(
        "dropout_at_inference",
        "dropout: noise at inference, too",
        "evaluation in training mode",
        PlainDropout,
        AtInference,
        "digits",
        _after,
    ),
)
