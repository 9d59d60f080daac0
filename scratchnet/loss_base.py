"""Loss, the base class of the losses: the checks before a formula, and what a subclass declares.

Values outside the domain of a formula are refused before it is computed. Only arrays in CPU memory
are checked, because to look at values makes a GPU wait.
"""

import contextlib
import contextvars
import functools
from collections.abc import Iterator
from typing import Any

from scratchnet.backend import Array, on_host, xp_of
from scratchnet.hints import WithHints
from scratchnet.inputs import as_array, is_plain
from scratchnet.layers.shapes import ShapeError
from scratchnet.validation import unknown_name

ROUNDING = 1e-6  # a probability may lie outside [0, 1] by so much

_known: contextvars.ContextVar[tuple] = contextvars.ContextVar("scratchnet_known", default=())


@contextlib.contextmanager
def known_targets(*losses: Any) -> Iterator[None]:
    """Context of steps in which these losses get targets that have been checked before.

    Their values are not read again. Other losses, as in a layer or a metric, check theirs.

    >>> from scratchnet.losses import BinaryCrossEntropy
    >>> import numpy as np
    >>> loss = BinaryCrossEntropy()
    >>> with known_targets(loss):
    ...     value, cache = loss.forward(np.full(1, 0.5), np.full(1, 2.0))
    """
    token = _known.set(losses)
    try:
        yield
    finally:
        _known.reset(token)


def _with_checked_arguments(forward):
    """Decorator for `Loss.forward`: check both arguments first, so that it is a formula only."""

    @functools.wraps(forward)
    def checked_forward(self, prediction, target):
        if not _usual(prediction) or not _usual(target):
            name = type(self).__name__
            prediction = as_array(f"{name}: prediction", prediction)
            target = as_array(f"{name}: target", target)
        if not len(prediction):
            raise ValueError(
                f"{type(self).__name__}: the batch is empty, its shape is {prediction.shape}"
            )
        if on_host(prediction):
            self.check_prediction(prediction)
        if on_host(target) and not any(self is loss for loss in _known.get()):
            self.check_target(target, prediction.shape[1:])
        return forward(self, prediction, target)

    return checked_forward


def _usual(a):
    """Whether `as_array` has nothing to convert or to refuse."""
    return is_plain(a) and a.dtype.kind in "fiub" and a.ndim > 0


class Loss(WithHints):
    """Base class of the losses; backward takes no dy, because no layer follows a loss.

    A subclass defines `forward` and `backward`, and declares with attributes of the class what
    differs from these:

        needs_whole_batch = False   the loss of a batch is the mean of the losses of its samples
        splits_batch = False        True: workers may each compute a part of a batch
        expects_logits = False      True: predictions are the numbers before the sigmoid or softmax

    >>> from scratchnet.gradcheck import gradcheck
    >>> import numpy as np
    >>> class MeanSquare(Loss):
    ...     def forward(self, prediction, target):
    ...         d = prediction - target
    ...         return (d * d).mean(), d
    ...     def backward(self, d):
    ...         return 2 / d.size * d
    >>> gradcheck(MeanSquare(), np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]])).ok
    True
    """

    needs_whole_batch = False
    splits_batch = False
    expects_logits = False

    def __init_subclass__(cls, **kwargs):
        """Wrap the methods of a subclass, see `_with_checked_arguments`."""
        super().__init_subclass__(**kwargs)
        if "forward" in cls.__dict__:
            cls.forward = _with_checked_arguments(cls.__dict__["forward"])

    def __init__(self, reduction: str = "mean"):
        if reduction not in ("mean", "per_sample"):
            raise unknown_name("reduction", reduction, ["mean", "per_sample"])
        self.reduction = reduction

    def forward(self, prediction: Array, target: Array) -> tuple[Array, Any]:
        """The pair (value, cache); ShapeError if the shapes do not fit."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, cache: Any) -> Any:
        """The gradient dL/dprediction, of the prediction's shape."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def costs(self, prediction: Array, target: Array) -> Array:
        """The terms of the sum in L, an array whose sum is n L; `WeightedLoss` multiplies them."""
        raise NotImplementedError(
            f"{type(self).__name__} has no costs(prediction, target), the array of the terms of "
            "its sum: define this method to weight them"
        )

    def label_weights(self, prediction: Array, target: Array) -> Array | None:
        """Weight of each position by its label, (N, ...); None if all are 1."""
        return None

    def batch_weight(self, prediction: Array, target: Array) -> Any:
        """Weight of the loss of this batch in a mean over batches: the number of its samples."""
        return len(prediction)

    def divisor(self, prediction: Array, target: Array) -> Any:
        """The divisor n, see the head of losses.py."""
        return self._n(prediction)

    def check_prediction(self, prediction: Array) -> None:
        """Raise ValueError if predictions lie outside the domain of the formula. NaN passes."""

    def check_target(self, target: Array, sample_shape: tuple[int, ...]) -> None:
        """Raise ValueError if targets lie outside the domain of the formula.

        `forward` calls this method for a batch, and `fit` for all targets before the first update.

        Parameters
            target         an array in CPU memory
            sample_shape   shape of a prediction without the batch axis
        """

    def _check_probabilities(self, what, values, hint=""):
        low, high = values.min(), values.max()
        if low < -ROUNDING or high > 1 + ROUNDING:
            outside = low if low < -ROUNDING else high
            raise ValueError(
                f"{type(self).__name__} expects {what} in [0, 1]; got {outside:g}{hint}"
            )

    def __call__(self, prediction: Array, target: Array) -> Array:
        """The value without the cache; ValueError for predictions that hold NaN."""
        value = self.forward(prediction, target)[0]
        if on_host(value) and value != value and xp_of(prediction).isnan(prediction).any():
            raise ValueError(f"{type(self).__name__} expects predictions without NaN; got NaN")
        return value

    def _n(self, prediction):
        """The divisor n, see the head of losses.py."""
        return prediction.size if self.reduction == "mean" else len(prediction)

    def _check(self, prediction, target):
        self._check_precision(prediction, target)
        if prediction.shape != target.shape:
            raise ShapeError(  # NumPy would broadcast (N, 1) and (N,) to (N, N) without an error
                f"{type(self).__name__} expects prediction and target of one shape; "
                f"got {prediction.shape} and {target.shape}"
            )

    def _check_precision(self, prediction, target):
        if target.dtype != prediction.dtype or target.dtype.kind != "f":
            raise TypeError(
                f"{type(self).__name__} expects a target of its prediction's {prediction.dtype}; "
                f"got {target.dtype}: use target.astype('{prediction.dtype}')"
            )


def with_mask(loss: Loss, prediction: Array, masked: Array | None) -> Loss:
    """Return the loss of the steps that exist, where the prediction has the steps of the mask.

    Without a mask, or for a prediction (N, K) or of other steps, it is the loss itself.

    Parameters
        masked   `Layer.input_mask` of the model, (N, T) or None

    >>> import numpy as np
    >>> from scratchnet.losses import MeanSquaredError
    >>> with_mask(MeanSquaredError(), np.zeros((1, 2, 3)), np.array([[False, True]]))
    MaskedLoss(MeanSquaredError(reduction='mean'))
    """
    if masked is None or prediction.ndim < 3 or prediction.shape[:2] != masked.shape:
        return loss
    if isinstance(loss, WeightedLoss):
        return WeightedLoss(loss.loss, loss.weights, masked)
    return MaskedLoss(loss, masked)


def batch_weight(loss: Any, prediction: Array, target: Array) -> Any:
    """Weight of the loss of a batch in a mean over batches; the number of samples by default.

    >>> import numpy as np
    >>> from scratchnet.losses import MeanSquaredError
    >>> y = np.zeros((2, 1))
    >>> batch_weight(MeanSquaredError(), y, y)
    2
    """
    method = getattr(loss, "batch_weight", None)
    return len(prediction) if method is None else method(prediction, target)


class MaskedLoss(Loss):
    """Loss of the steps that exist: masked steps cost nothing and have the gradient 0.

    With reduction "mean" the mean is over the numbers of the steps that exist, with "per_sample"
    the sum is divided by the number N of samples. A batch without any step has the loss 0. To
    select the steps makes a GPU wait.

    Parameters
        loss     the loss of one step
        masked   (N, T), True where a sample has no step t, see `Layer.input_mask`

    >>> import numpy as np
    >>> from scratchnet.losses import MeanSquaredError
    >>> y, target = np.array([[[1.0], [2.0]]]), np.array([[[0.0], [50.0]]])
    >>> float(MaskedLoss(MeanSquaredError(), np.array([[False, True]]))(y, target))
    1.0
    """

    needs_whole_batch = True

    def __init__(self, loss: Loss, masked: Array):
        super().__init__(loss.reduction)
        self.loss, self.exists = loss, ~masked
        self.n_steps = int(self.exists.sum())

    def forward(self, prediction, target):
        if prediction.shape[:2] != self.exists.shape or target.shape[:2] != self.exists.shape:
            raise ShapeError(
                f"MaskedLoss expects {self.exists.shape} steps; got predictions "
                f"{prediction.shape} and targets {target.shape}"
            )
        if not self.n_steps:
            return (prediction * 0).sum(), (prediction, None)
        value, cache = self.loss.forward(prediction[self.exists], target[self.exists])  # (R, ...)
        return value * self._share(), (prediction, cache)

    def backward(self, cache):
        prediction, inner_cache = cache
        dy = prediction * 0
        if inner_cache is not None:
            dy[self.exists] = self.loss.backward(inner_cache) * self._share()
        return dy

    def batch_weight(self, prediction, target):
        if self.reduction == "per_sample":
            return len(prediction)
        if not self.n_steps:
            return 0
        return self.loss.batch_weight(prediction[self.exists], target[self.exists])

    def __repr__(self):
        return f"MaskedLoss({self.loss!r})"

    def _share(self):
        """The inner loss divides by the R steps, the loss "per_sample" by the N samples."""
        return 1 if self.reduction == "mean" else self.n_steps / len(self.exists)


class WeightedLoss(Loss):
    """Loss with a weight w for each sample, step or pixel.

    L = 1/n sum over positions of w l             dL/dy = w/n dl/dy

    l is the cost of a position, the sum over the m numbers that the prediction has there. The mean
    is taken over what counts:

        reduction       n
        "mean"          m times the sum of the weights
        "per_sample"    the sum of the weights of the samples; N for weights of steps or pixels, so
                        that the terms of all steps of a sample add up

    Weights of 0 and 1 select positions, as a mask; without a weight above 0 the loss is 0. Class
    weights and ignored labels of a SoftmaxCrossEntropy are further factors of w. `fit` and
    `evaluate` make this loss for each batch from their argument `weights`.

    Parameters
        loss      the loss of all positions, with a method `costs`
        weights   >= 0, one for each sample, (N,), for each step, (N, T), or for each pixel,
                  (N, H, W): the first axes of the prediction
        masked    (N, T), True where a sample has no step t, see `Layer.input_mask`; None: all exist

    >>> import numpy as np
    >>> from scratchnet.losses import MeanSquaredError, WeightedLoss
    >>> y, t = np.array([[2.0], [4.0]]), np.zeros((2, 1))
    >>> loss = WeightedLoss(MeanSquaredError(), np.array([3.0, 1.0]))
    >>> value, cache = loss.forward(y, t)
    >>> float(value), loss.backward(cache).ravel()  # (3 * 4 + 1 * 16) / 4, 2 w y / 4
    (7.0, array([3., 2.]))
    """

    needs_whole_batch = True

    def __init__(self, loss: Loss, weights: Array, masked: Array | None = None):
        if not isinstance(loss, Loss):
            raise TypeError(f"WeightedLoss expects a loss; got {loss!r}")
        super().__init__(loss.reduction)
        self.loss, self.weights, self.masked = loss, as_array("weights", weights), masked
        self.expects_logits = loss.expects_logits
        if on_host(weights) and not (self.weights.min(initial=0) >= 0):  # NaN is refused, too
            raise ValueError(f"WeightedLoss expects weights >= 0; got {self.weights.min()}")

    def check_prediction(self, prediction):
        self.loss.check_prediction(prediction)

    def check_target(self, target, sample_shape):
        self.loss.check_target(target, sample_shape)

    def forward(self, prediction, target):
        _, cache = self.loss.forward(prediction, target)
        costs = self.loss.costs(prediction, target)  # with the weights of the labels
        w = self._factors(prediction, costs)
        n = self._divisor(prediction, target, costs)
        value = (_with_axes(w, costs) * costs).sum() / n
        # dl/dy is n' times the gradient of the inner loss, which divides by n'
        factor = w * (self.loss.divisor(prediction, target) / n)
        return value, (cache, factor)

    def backward(self, cache):
        inner_cache, factor = cache
        dy = self.loss.backward(inner_cache)
        return _with_axes(factor, dy) * dy

    def batch_weight(self, prediction, target):
        if self.reduction == "per_sample":
            return self._divisor(prediction, target, prediction)
        w, labels = self._factors(prediction, prediction), self._labels(prediction, target)
        return w.sum() if labels is None else (_with_axes(w, labels) * labels).sum()

    def _labels(self, prediction, target):
        return self.loss.label_weights(prediction, target)

    def _factors(self, prediction, costs):
        """The weights, in the precision of the prediction, with 0 for masked steps."""
        w, shape = self.weights.astype(prediction.dtype), self.weights.shape
        if shape != costs.shape[: len(shape)]:
            raise ShapeError(
                f"WeightedLoss expects weights for each sample, step or pixel, the first axes of "
                f"{costs.shape}; got {shape}"
            )
        if self.masked is None:
            return w
        exists = (~self.masked).astype(prediction.dtype)  # (N, T)
        return w[:, None] * exists if w.ndim == 1 else w * _with_axes(exists, w)

    def _divisor(self, prediction, target, costs):
        """The divisor n; 1 in place of 0, where the numerator is 0, too."""
        w = self._factors(prediction, costs)
        if self.reduction == "mean":
            labels = self._labels(prediction, target)
            n = w.sum() * (costs.size // w.size)
            if labels is not None:
                n = (_with_axes(w, labels) * labels).sum()
        elif self.weights.ndim == 1:
            n = self.weights.astype(prediction.dtype).sum()
        else:
            return len(prediction)
        return xp_of(w).where(n > 0, n, 1)

    def __repr__(self):
        return f"WeightedLoss({self.loss!r}, weights {self.weights.shape})"


def _with_axes(w, like):
    """The weights (N, ...) with further axes of size 1, as many as `like` has."""
    return w.reshape(*w.shape, *[1] * (like.ndim - w.ndim))
