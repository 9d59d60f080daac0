"""Metrics: numbers to read beside the loss; those of `fit` take (prediction, target)."""

import numpy as np

from scratchnet.backend import Array, on_host, to_numpy, xp_of
from scratchnet.inputs import as_array
from scratchnet.layers.shapes import ShapeError


def accuracy(
    prediction: Array,
    target: Array,
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> Array:
    """Share of predictions whose class is that of the target.

        prediction        class                               target
        (N, K)            the largest of K numbers            (N,) or (N, 1) class indices,
        (N, T, K)         likewise, for each step               or one-hot in the prediction's shape
        (N, 1) or (N,)    1 where prediction > threshold,     0 or 1, (N, 1) or (N,)
                          otherwise 0

    Predictions are logits or probabilities. Lists are taken, too.

    Parameters
        threshold      for one output; None: 1/2 if all predictions lie in [0, 1], as probabilities
                       do, and 0 otherwise, the logit of 1/2
        ignore_index   label of samples, steps or pixels that do not count, as in
                       `SoftmaxCrossEntropy`; with only such labels the accuracy is 0

    Raises ShapeError for other shapes, and ValueError for NaN, for an empty batch and for targets
    that no prediction can equal.

    >>> float(accuracy(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0])))
    0.5
    >>> float(accuracy(np.array([[0.9], [0.4]]), np.array([1, 1])))
    0.5
    >>> float(accuracy(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, -1]), ignore_index=-1))
    1.0
    """
    p, t = as_array("prediction", prediction, lists=True), as_array("target", target, lists=True)
    _check_numbers("accuracy", p)
    shape, given, n_classes = p.shape, t.shape, p.shape[-1] if p.ndim > 1 else 1
    if p.ndim > 1 and n_classes == 1:
        p = p[..., 0]
    samples = p.shape if n_classes == 1 else p.shape[:-1]
    if n_classes > 1 and t.shape == p.shape:
        t = t.argmax(axis=-1)
    elif t.shape == (*samples, 1):
        t = t[..., 0]
    if t.shape != samples:
        raise ShapeError(
            f"accuracy expects class indices {samples}, or targets of the prediction's shape; got "
            f"predictions {shape} and targets {given}"
        )
    highest, counts = max(n_classes - 1, 1), None
    if ignore_index is not None:
        counts = t != ignore_index
        t = xp_of(t).where(counts, t, 0)
    if on_host(t) and not (t.min() >= 0 and t.max() <= highest):  # NaN is refused, too
        raise ValueError(
            f"accuracy expects targets from 0 to {highest}; got {t.min()} to {t.max()}"
        )
    if n_classes > 1:
        right = p.argmax(axis=-1) == t
    else:
        if threshold is None:
            threshold = xp_of(p).where((p.min() >= 0) & (p.max() <= 1), 0.5, 0.0)
        right = (p > threshold) == (t > 0.5)
    if counts is None:
        return right.mean()
    return (right & counts).sum() / xp_of(p).maximum(counts.sum(), 1)


def _check_numbers(owner, *arrays):
    """Raise ValueError for an empty array, and on the host for one with NaN."""
    for array in arrays:
        if not len(array):
            raise ValueError(f"{owner}: a batch is empty, its shape is {array.shape}")
        if on_host(array) and np.isnan(array).any():
            raise ValueError(f"{owner} expects numbers; got NaN: has the training diverged?")


def roc_auc(normal: Array, anomalous: Array) -> Array:
    """Area under the ROC curve of an anomaly score: 1 is perfect, 1/2 is chance level.

    It equals P(score of an anomalous sample > score of a normal one), where ties count half, and so
    needs no threshold. Mann and Whitney (1947).

    Parameters
        normal, anomalous   one score per sample, (N,) and (M,); lists are taken, too

    Raises ShapeError for other shapes, and ValueError for NaN and for an empty array.

    >>> float(roc_auc(np.array([1.0, 2.0]), np.array([2.0, 3.0])))  # 3 of 4 pairs, and a tie
    0.875
    """
    normal = as_array("normal", normal, lists=True)
    anomalous = as_array("anomalous", anomalous, lists=True)
    if normal.ndim != 1 or anomalous.ndim != 1:
        raise ShapeError(
            f"roc_auc expects scores (N,) and (M,); got {normal.shape} and {anomalous.shape}"
        )
    _check_numbers("roc_auc", normal, anomalous)
    xp = xp_of(normal, anomalous)
    normal = xp.sort(normal)
    # for each anomalous sample, the number of normal ones with a smaller, or no larger, score
    smaller, no_larger = (xp.searchsorted(normal, anomalous, side=s) for s in ("left", "right"))
    return (smaller + no_larger).sum() / (2 * len(normal) * len(anomalous))


def frechet_distance(a: Array, b: Array) -> float:
    """Frechet distance between the features a (N, F) and b (M, F) of two sets of samples.

    abs(m_a - m_b)^2 + trace(A + B - 2 (A^1/2 B A^1/2)^1/2)

    It is the distance between two normal distributions with the means m and covariances A and B of
    the features. With the features of the Inception network it is called FID. Heusel et al. (2017),
    equation 6, which has trace((A B)^1/2): A^1/2 B A^1/2 has the same eigenvalues and is symmetric,
    so that they are real and not negative, also where A or B is singular.

    Computed on the CPU in float64.

    >>> a = np.array([[0.0], [1.0], [2.0]])
    >>> frechet_distance(a, a + 3)
    9.0
    """
    a, b = (as_array("features", features, lists=True) for features in (a, b))
    a, b = (to_numpy(features).astype(np.float64) for features in (a, b))
    if a.ndim != 2 or a.shape[1:] != b.shape[1:] or min(len(a), len(b)) < 2:
        raise ShapeError(
            "frechet_distance expects two arrays (N, F) of at least two samples and equal F; "
            f"got {a.shape} and {b.shape}"
        )
    _check_numbers("frechet_distance", a, b)
    A, B = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (a, b))  # (F, F)
    values, vectors = np.linalg.eigh(A)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T  # A^1/2
    trace = np.sqrt(np.linalg.eigvalsh(root @ B @ root).clip(0)).sum()
    d = a.mean(axis=0) - b.mean(axis=0)
    return float(d @ d + np.trace(A) + np.trace(B) - 2 * trace)
