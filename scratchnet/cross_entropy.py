"""Losses of a classification: of samples, of steps, or of pixels, from logits or log p."""

import math
import operator

from scratchnet.backend import xp_of
from scratchnet.layers.shapes import ShapeError
from scratchnet.loss_base import Loss
from scratchnet.numerics import log_softmax
from scratchnet.validation import check_float


class ClassificationLoss(Loss):
    """Base class of the losses -1/n sum over positions of w log p_c, c the class of the position.

    A subclass computes log p from its predictions x in `log_p`, and declares:

        expects_logits = False   True: x are logits, so that log p_k = x_k - log sum_j exp(x_j)

    The gradient of -log p_c is -t for log-probabilities and p - t for logits, with t = one-hot(c).

    >>> class FromProbabilities(ClassificationLoss):
    ...     def log_p(self, x):
    ...         return xp_of(x).log(x)
    >>> import numpy as np
    >>> round(float(FromProbabilities()(np.array([[0.5, 0.5]]), np.array([1]))), 4)
    0.6931
    """

    splits_batch = True

    def __init__(
        self,
        reduction: str = "mean",
        class_weights: list[float] | None = None,
        ignore_index: int | None = None,
    ):
        super().__init__(reduction)
        owner = type(self).__name__
        if class_weights is not None:
            class_weights = [
                check_float(owner, f"class_weights[{k}]", w, at_least=0)
                for k, w in enumerate(class_weights)
            ]
        self.class_weights = class_weights
        self.ignore_index = None if ignore_index is None else operator.index(ignore_index)
        if class_weights is not None or ignore_index is not None:
            self.needs_whole_batch, self.splits_batch = True, False  # for the sum of the weights

    def log_p(self, prediction):
        """The logarithms of the probabilities of all classes, (N, ..., K)."""
        raise NotImplementedError(f"{type(self).__name__} has no log_p")

    def check_target(self, target, sample_shape):
        (k,) = sample_shape[-1:] or (math.inf,)  # the number of classes, if there is an axis for it
        if target.dtype.kind not in "iu":
            if target.ndim > 1:
                self._check_probabilities("probabilities as targets", target)
            return
        labels = target if self.ignore_index is None else target[target != self.ignore_index]
        if labels.size and not (0 <= labels.min() and labels.max() < k):
            ignored = self.ignore_index
            hint = "" if ignored is None else f", and {ignored} for no label"
            raise ValueError(
                f"{type(self).__name__} expects class indices from 0 to {k - 1}{hint}; "
                f"got {labels.min()} to {labels.max()}"
            )

    def forward(self, prediction, target):
        self._check(prediction, target)
        log_p = self.log_p(prediction)  # (N, ..., K)
        w, n = self.label_weights(prediction, target), self.divisor(prediction, target)
        if target.ndim == prediction.ndim:
            return -(target * log_p).sum() / n, (log_p, target, w, n)
        costs = self._costs_of_classes(log_p, target)  # (N, ...)
        return (costs if w is None else w * costs).sum() / n, (log_p, target, w, n)

    def backward(self, cache):
        log_p, target, w, n = cache
        xp = xp_of(log_p)
        p = xp.exp(log_p) if self.expects_logits else xp.zeros_like(log_p)  # (N, ..., K)
        if target.ndim == p.ndim:  # of -sum_k t_k log p_k; p - t if the t_k add up to one
            p = p * target.sum(axis=-1, keepdims=True) - target
        else:
            rows, classes = p.reshape(-1, p.shape[-1]), self._classes(target).reshape(-1)
            rows[xp.arange(len(rows)), classes] -= 1  # p - one_hot(target); rows is a view of p
        return p / n if w is None else p * (w / n)[..., None]

    def costs(self, prediction, target):
        """The term of each position with its weight w, (N, ...): their sum is n L."""
        self._check(prediction, target)
        log_p, w = self.log_p(prediction), self.label_weights(prediction, target)
        if target.ndim == prediction.ndim:
            return -(target * log_p).sum(axis=-1)
        costs = self._costs_of_classes(log_p, target)
        return costs if w is None else w * costs

    def label_weights(self, prediction, target):
        """Weight w of each position, (N, ...); None if all are 1."""
        if self.class_weights is None and self.ignore_index is None:
            return None
        w = xp_of(prediction).ones(target.shape, dtype=prediction.dtype)
        if self.class_weights is not None:
            w = self._weights_like(prediction)[self._classes(target)]
        return w if self.ignore_index is None else w * (target != self.ignore_index)

    def divisor(self, prediction, target):
        """The divisor n; 1 in place of 0, where the numerator is 0, too."""
        if self.reduction == "per_sample":
            return len(prediction)
        w = self.label_weights(prediction, target)
        if w is None:
            return prediction.size // prediction.shape[-1]
        n = w.sum()
        return xp_of(w).where(n > 0, n, 1)

    def batch_weight(self, prediction, target):
        w = self.label_weights(prediction, target)
        return len(prediction) if self.reduction == "per_sample" or w is None else w.sum()

    def _costs_of_classes(self, log_p, target):
        """-log p_c of each position, (N, ...)."""
        rows, classes = log_p.reshape(-1, log_p.shape[-1]), self._classes(target).reshape(-1)
        return -rows[xp_of(rows).arange(len(rows)), classes].reshape(target.shape)

    def _classes(self, target):
        """The class indices, with 0 in place of ignore_index."""
        if self.ignore_index is None:
            return target
        return xp_of(target).where(target == self.ignore_index, 0, target)

    def _weights_like(self, prediction):
        """The class weights as an array on the device and in the precision of the prediction."""
        xp = xp_of(prediction)
        return xp.asarray(self.class_weights, dtype=prediction.dtype)

    def _check(self, x, target):
        name = type(self).__name__
        if x.ndim < 2:
            raise ShapeError(f"{name} expects predictions (N, ..., K); got {x.shape}")
        k, positions = x.shape[-1], x.shape[:-1]
        if self.class_weights is not None and len(self.class_weights) != k:
            raise ValueError(
                f"{name} expects a class weight for each of the {k} classes; got "
                f"{len(self.class_weights)}"
            )
        if target.shape == positions:
            if target.dtype.kind not in "iu":
                raise TypeError(
                    f"{name} expects integer class indices; got {target.dtype}: "
                    "use target.astype('int64')"
                )
        elif target.shape != x.shape:
            raise ShapeError(
                f"{name} expects class indices {positions} or one row of {k} "
                f"probabilities each {x.shape}; got {target.shape}"
            )
        elif self.class_weights is not None or self.ignore_index is not None:
            raise TypeError(
                f"{name} expects class indices as targets for class_weights and "
                f"ignore_index; got probabilities {target.shape}: use target.argmax(axis=-1)"
            )
        else:
            self._check_precision(x, target)


class SoftmaxCrossEntropy(ClassificationLoss):
    """Cross-entropy of a softmax, for classification into K classes.

    L = -1/n sum over positions of w log p_c       p = softmax(x), c the class of the position
    dL/dx = w/n (p - t)                            t = one-hot(c)

    Raising x_k raises log p_c by (1 if k = c else 0) - p_k, so the gradient is the predicted minus
    the target probability of each class.

    Predictions x are logits, the numbers before the softmax: one vector of K for each sample,
    (N, K), for each step, (N, T, K), or for each pixel, (N, H, W, K). Targets are class indices,
    (N,), (N, T) or (N, H, W), integers from 0 to K - 1; or, in the shape of x, K probabilities t
    for each position, one-hot or soft: L = -1/n sum over positions and classes of t_k log p_k.

    The weight w of a position is 1, or class_weights[c], and 0 where c is ignore_index. The mean is
    taken over what counts:

        reduction       n
        "mean"          the sum of the weights w: without options, the number of positions
        "per_sample"    N, so that the terms of all steps or pixels of a sample add up

    Parameters
        reduction       "mean" or "per_sample"; for (N, K) they differ only by the weights
        class_weights   K numbers >= 0, larger ones for rare classes; None: all are 1
        ignore_index    integer that marks positions without a label, such as -1 or 255: they cost
                        nothing and have the gradient 0. None: each position has a label

    With only ignored labels the loss is 0. As weight and ignore_index of PyTorch's cross_entropy.

    >>> import numpy as np
    >>> loss = SoftmaxCrossEntropy()
    >>> value, cache = loss.forward(np.zeros((1, 4)), np.array([2]))
    >>> round(float(value), 4), loss.backward(cache)  # log 4
    (1.3863, array([[ 0.25,  0.25, -0.75,  0.25]]))
    >>> per_step = SoftmaxCrossEntropy(ignore_index=-1)
    >>> value, cache = per_step.forward(np.zeros((1, 3, 4)), np.array([[2, -1, 0]]))
    >>> round(float(value), 4), per_step.backward(cache)[0, 1]  # the step without a label
    (1.3863, array([0., 0., 0., 0.]))
    """

    expects_logits = True

    def log_p(self, prediction):
        return log_softmax(prediction)


class NegativeLogLikelihood(ClassificationLoss):
    """Negative log-likelihood of classes, from their log-probabilities.

    L = -1/n sum over positions of w y_c           y = log p, c the class of the position
    dL/dy = -w/n t                                 t = one-hot(c)

    Predictions y are log-probabilities, such as the output of `LogSoftmax`: then the loss and the
    gradient before the LogSoftmax are those of `SoftmaxCrossEntropy`, which has the same targets,
    weights w and parameters. Whether the p add up to one is not checked. As PyTorch's nll_loss.

    >>> import numpy as np
    >>> loss = NegativeLogLikelihood()
    >>> value, cache = loss.forward(np.log([[0.5, 0.25, 0.25]]), np.array([1]))
    >>> round(float(value), 4), loss.backward(cache)  # log 4
    (1.3863, array([[ 0., -1.,  0.]]))
    """

    def log_p(self, prediction):
        return prediction
