"""Frequent mistakes in the values of losses and penalties: {exercise: {sentence: value}}.

The value is a function of the library's loss, the prediction and the target, or of the library's
layer, x and train.
"""

import functools
from collections.abc import Callable

import numpy as np

from scratchnet.numerics import sigmoid


def _log_softmax(x, axis=-1, rows=False):
    x = x - (x.max(axis=-1, keepdims=True) if rows else x.max())
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


def _rows(x, target):
    """The target as rows of probabilities."""
    return np.eye(x.shape[-1])[target] if target.dtype.kind in "iu" else target


def _categorical(loss, x, target, form, rows=_rows):
    t = rows(x, target)
    return form(t, _log_softmax(x), x)


def _of_classes(rows):
    """Another reading of classes as rows; ValueError for a target that holds rows already."""

    def value(loss, x, target):
        if target.dtype.kind not in "iu":
            raise ValueError("the target holds rows")
        return -(rows(target, x) * _log_softmax(x)).sum() / len(x)

    return value


def _gathered(pick):
    """The values that another indexing by classes gives."""

    def value(loss, x, target):
        if target.dtype.kind not in "iu":
            raise ValueError("the target holds rows")
        return pick(_log_softmax(x), target)

    return value


def _axis(loss, x, target, axis, rows=False):
    log_p = _log_softmax(x, axis, rows)
    return -(_rows(x, target) * log_p).sum() / len(x)


def _binary(loss, p, t, form):
    """A sum of form(t, p, x), from probabilities p or logits x."""
    x = p if loss.from_logits else np.log(p / (1 - p))
    p = sigmoid(p) if loss.from_logits else p
    return form(t, p, x).sum() / _n(loss, p)


def _n(loss, x):
    return x.size if loss.reduction == "mean" else len(x)


def _squared(loss, prediction, target, form):
    return form(prediction - target) / _n(loss, prediction)


def _kl(loss, m, v, form):
    return -0.5 / len(m) * form(m, v).sum()


_option = functools.partial
_ALL = "all classes count, not only the target: multiply log p by t"
LOSS_MISTAKES: dict[str, dict[str, Callable]] = {
    "SoftmaxCrossEntropy": {
        f"{_ALL}, sum over the classes and divide by N": _option(
            _categorical, form=lambda t, log_p, x: -log_p.sum() / len(x)
        ),
        f"the value is the mean of -log p over all N K entries, so that {_ALL}": _option(
            _categorical, form=lambda t, log_p, x: -log_p.mean()
        ),
        "the value is the mean of t log p over the N K entries: sum over the classes, and divide "
        "by N": _option(_categorical, form=lambda t, log_p, x: -(t * log_p).mean()),
        "the logarithm is missing: the value takes -t p in place of -t log p": _option(
            _categorical, form=lambda t, log_p, x: -(t * np.exp(log_p)).sum() / len(x)
        ),
        "the softmax is missing: the value takes the logits x in place of log p": _option(
            _categorical, form=lambda t, log_p, x: -(t * x).sum() / len(x)
        ),
        "the logarithm of the logits is taken: apply the softmax first": _option(
            _categorical, form=lambda t, log_p, x: -(t * np.log(x)).sum() / len(x)
        ),
        "the logarithm is taken of the mean probability: take the mean of log p": _option(
            _categorical, form=lambda t, log_p, x: -np.log((t * np.exp(log_p)).sum() / len(x))
        ),
        "the logarithm has the base 2: take np.log": _option(
            _categorical, form=lambda t, log_p, x: -(t * np.log2(np.exp(log_p))).sum() / len(x)
        ),
        "the logarithm has the base 10: take np.log": _option(
            _categorical, form=lambda t, log_p, x: -(t * np.log10(np.exp(log_p))).sum() / len(x)
        ),
        "the term (1 - t) log(1 - p) of the binary cross-entropy is too much": _option(
            _categorical,
            form=lambda t, log_p, x: (
                -(t * log_p + (1 - t) * np.log1p(-np.exp(log_p))).sum() / len(x)
            ),
        ),
        "t and p are exchanged: the logarithm is that of p": _option(
            _categorical, form=lambda t, log_p, x: -(np.exp(log_p) * np.log(t)).sum() / len(x)
        ),
        "the softmax is that of a sigmoid for each class: divide exp(x) by its sum": _option(
            _categorical, form=lambda t, log_p, x: -(t * np.log(sigmoid(x))).sum() / len(x)
        ),
        "the entries of exp(x) are summed over the samples: sum over the classes, axis 1": _option(
            _axis, axis=0
        ),
        "the entries of exp(x) are summed over all samples and classes: sum over the classes, "
        "axis 1, with keepdims=True": _option(_axis, axis=None),
        "the entries of exp(x) are summed over axis 0, the samples: sum over the classes, axis 1": (
            _option(_axis, axis=0, rows=True)
        ),
        "the entries of exp(x) are summed over samples and classes: sum over the classes, axis 1, "
        "with keepdims=True": _option(_axis, axis=None, rows=True),
        "every sample gets the class of the first sample: take class target[n] for sample n": (
            _of_classes(lambda target, x: np.eye(x.shape[1])[target[0]])
        ),
        "classes are counted from 1: they run from 0 to K - 1": _of_classes(
            lambda target, x: np.eye(x.shape[1])[target - 1]
        ),
        "the class is used as a number: make a one-hot row of it, 1 at the class and 0 elsewhere": (
            _of_classes(lambda target, x: target[:, None])
        ),
        "the number n of the sample is taken as its class: take target[n]": _of_classes(
            lambda target, x: np.eye(*x.shape)
        ),
        "log_p[target] takes whole rows, of the samples with these numbers, and all of their "
        "classes count: take log_p[np.arange(N), target]": _gathered(
            lambda log_p, target: -log_p[target].sum() / len(log_p)
        ),
        "log_p[target] takes whole rows, of the samples with these numbers, and their mean over "
        "all classes: take log_p[np.arange(N), target]": _gathered(
            lambda log_p, target: -log_p[target].mean()
        ),
        "log_p[:, target] takes one column for each sample, N times N entries: take "
        "log_p[np.arange(N), target]": _gathered(
            lambda log_p, target: -log_p[:, target].sum() / len(log_p)
        ),
        "log_p[:, target] takes one column for each sample, N times N entries, and their mean: "
        "take log_p[np.arange(N), target]": _gathered(
            lambda log_p, target: -log_p[:, target].mean()
        ),
    },
    "BinaryCrossEntropy": {
        "the term (1 - t) log(1 - p) is missing": _option(
            _binary, form=lambda t, p, x: -t * np.log(p)
        ),
        "the term t log p is missing": _option(
            _binary, form=lambda t, p, x: -(1 - t) * np.log(1 - p)
        ),
        "the sign of only one term is wrong: both are negative": _option(
            _binary, form=lambda t, p, x: t * np.log(p) - (1 - t) * np.log(1 - p)
        ),
        "the logarithm has the base 2: take np.log": _option(
            _binary, form=lambda t, p, x: -t * np.log2(p) - (1 - t) * np.log2(1 - p)
        ),
        "t and p are exchanged: the logarithms are those of p": _option(
            _binary, form=lambda t, p, x: -p * np.log(t) - (1 - p) * np.log(1 - t)
        ),
        "t and 1 - t are exchanged: t belongs to log p": _option(
            _binary, form=lambda t, p, x: -(1 - t) * np.log(p) - t * np.log(1 - p)
        ),
        "the first term is log(1 + exp(-x)): with - t x it is log(1 + exp(x))": _option(
            _binary, form=lambda t, p, x: np.logaddexp(0, -x) - t * x
        ),
        "the sign of t x is wrong: it is log(1 + exp(x)) - t x": _option(
            _binary, form=lambda t, p, x: np.logaddexp(0, x) + t * x
        ),
        "the term t x is missing: it is log(1 + exp(x)) - t x": _option(
            _binary, form=lambda t, p, x: np.logaddexp(0, x)
        ),
        "the logits are taken as probabilities: with from_logits, p = 1 / (1 + exp(-x))": (
            lambda loss, p, t: (-t * np.log(p) - (1 - t) * np.log(1 - p)).sum() / _n(loss, p)
        ),
        "the sigmoid is applied to probabilities: p is the prediction without from_logits": (
            lambda loss, p, t: _binary(
                loss,
                p,
                t,
                lambda t, p, x: -t * np.log(sigmoid(p)) - (1 - t) * np.log(1 - sigmoid(p)),
            )
        ),
    },
    "MeanSquaredError": {
        "the square is missing": _option(_squared, form=np.sum),
        "the absolute value is taken in place of the square": _option(
            _squared, form=lambda d: abs(d).sum()
        ),
        "the error is summed before it is squared: square each entry first": (
            lambda loss, p, t: ((p - t).sum() / _n(loss, p)) ** 2
        ),
        "the root is too much: the value is the mean of the squares": (
            lambda loss, p, t: np.sqrt(((p - t) ** 2).sum() / _n(loss, p))
        ),
        "the target is added: the error is prediction - target": (
            lambda loss, p, t: ((p + t) ** 2).sum() / _n(loss, p)
        ),
        "the target is not subtracted": lambda loss, p, t: (p**2).sum() / _n(loss, p),
        "the difference of the squares is taken: square the difference": (
            lambda loss, p, t: (p**2 - t**2).sum() / _n(loss, p)
        ),
        "the factor 1/2 is too much": _option(_squared, form=lambda d: (d**2).sum() / 2),
    },
    "KLToStandardNormal": {
        "the term 1 is missing in 1 + v - m^2 - exp(v)": _option(
            _kl, form=lambda m, v: v - m**2 - np.exp(v)
        ),
        "exp(v) is squared: v = log s^2, so that s^2 = exp(v)": _option(
            _kl, form=lambda m, v: 1 + v - m**2 - np.exp(2 * v)
        ),
        "v is taken as s^2: v = log s^2, so that log s^2 = v and s^2 = exp(v)": _option(
            _kl, form=lambda m, v: 1 + np.log(v) - m**2 - v
        ),
        "v is taken as s: v = log s^2, so that log s^2 = v and s^2 = exp(v)": _option(
            _kl, form=lambda m, v: 1 + np.log(v**2) - m**2 - v**2
        ),
        "v is taken as log s: v = log s^2, so that s^2 = exp(v)": _option(
            _kl, form=lambda m, v: 1 + 2 * v - m**2 - np.exp(2 * v)
        ),
        "exp(v / 2) is s: the last term is s^2 = exp(v)": _option(
            _kl, form=lambda m, v: 1 + v - m**2 - np.exp(v / 2)
        ),
        "the square of m is missing": _option(_kl, form=lambda m, v: 1 + v - m - np.exp(v)),
        "the term m^2 is missing": _option(_kl, form=lambda m, v: 1 + v - np.exp(v)),
        "the term exp(v) is missing": _option(_kl, form=lambda m, v: 1 + v - m**2),
        "the term v is missing": _option(_kl, form=lambda m, v: 1 - m**2 - np.exp(v)),
        "m and v are exchanged": _option(_kl, form=lambda m, v: 1 + m - v**2 - np.exp(m)),
        "the sign of m^2 is wrong": _option(_kl, form=lambda m, v: 1 + v + m**2 - np.exp(v)),
        "the sign of exp(v) is wrong": _option(_kl, form=lambda m, v: 1 + v - m**2 + np.exp(v)),
    },
}


def _elastic(layer, x, l1, l2):
    """The penalty l1 times one sum and l2 times another, per sample."""
    return (layer.l1 * l1 + layer.l2 * l2) / len(x)


def _kl_penalty(layer, x, train, form):
    mu, v = np.split(x, 2, axis=-1)
    return layer.beta / len(x) * form(mu, v).sum()


PENALTY_MISTAKES: dict[str, dict[str, Callable]] = {
    "ActivityRegularization": {
        "the absolute value in the l1 term is missing": lambda layer, x, train: _elastic(
            layer, x, x.sum(), (x**2).sum()
        ),
        "the l2 term is halved: it is l2 times the sum of x^2": lambda layer, x, train: _elastic(
            layer, x, abs(x).sum(), (x**2).sum() / 2
        ),
        "the l2 term is the root of the sum of x^2: take the sum": lambda layer, x, train: _elastic(
            layer, x, abs(x).sum(), np.sqrt((x**2).sum())
        ),
        "the l1 term is missing": lambda layer, x, train: _elastic(layer, x, 0, (x**2).sum()),
        "the l2 term is missing": lambda layer, x, train: _elastic(layer, x, abs(x).sum(), 0),
        "l1 and l2 are exchanged": lambda layer, x, train: _elastic(
            layer, x, (x**2).sum(), abs(x).sum()
        ),
        "the penalty is divided by the number of entries: divide by the batch size N": (
            lambda layer, x, train: _elastic(layer, x, abs(x).sum(), (x**2).sum()) * len(x) / x.size
        ),
    },
    "Sampling": {
        "the factor beta is missing": lambda layer, x, train: (
            _kl_penalty(layer, x, train, lambda m, v: -0.5 * (1 + v - m**2 - np.exp(v)))
            / layer.beta
        ),
        "the term 1 is missing in -1/2 (1 + log_var - mu^2 - exp(log_var))": _option(
            _kl_penalty, form=lambda m, v: -0.5 * (v - m**2 - np.exp(v))
        ),
        "mu and log_var are exchanged: the first half of x is mu": _option(
            _kl_penalty, form=lambda m, v: -0.5 * (1 + m - v**2 - np.exp(m))
        ),
        "the square of mu is missing": _option(
            _kl_penalty, form=lambda m, v: -0.5 * (1 + v - m - np.exp(v))
        ),
        "P is the mean over samples and components: divide the sum by N only": (
            lambda layer, x, train: (
                _kl_penalty(layer, x, train, lambda m, v: -0.5 * (1 + v - m**2 - np.exp(v)))
                * len(x)
                / (x.size / 2)
            )
        ),
    },
}
