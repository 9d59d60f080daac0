"""Metrics: numbers to read beside the loss; those of `fit` take (prediction, target)."""

import numpy as np

from scratchnet.backend import Array, to_numpy, xp_of
from scratchnet.layers.shapes import ShapeError


def accuracy(prediction: Array, target: Array) -> Array:
    """Share of samples whose largest prediction is that of the right class.

    Parameters
        prediction   (N, K), logits or probabilities
        target       (N,) class indices, or (N, K) one-hot

    >>> float(accuracy(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0])))
    0.5
    """
    if target.ndim == 2:
        target = target.argmax(axis=1)
    return (prediction.argmax(axis=1) == target).mean()


def roc_auc(normal: Array, anomalous: Array) -> Array:
    """Area under the ROC curve of an anomaly score: 1 is perfect, 1/2 is chance level.

    It equals P(score of an anomalous sample > score of a normal one), where ties count half, and so
    needs no threshold. Mann and Whitney (1947).

    Parameters
        normal, anomalous   one score per sample, (N,) and (M,)

    >>> float(roc_auc(np.array([1.0, 2.0]), np.array([2.0, 3.0])))  # 3 of 4 pairs, and a tie
    0.875
    """
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
    a, b = (to_numpy(features).astype(np.float64) for features in (a, b))
    if a.ndim != 2 or a.shape[1:] != b.shape[1:] or min(len(a), len(b)) < 2:
        raise ShapeError(
            "frechet_distance expects two arrays (N, F) of at least two samples and equal F; "
            f"got {a.shape} and {b.shape}"
        )
    A, B = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (a, b))  # (F, F)
    values, vectors = np.linalg.eigh(A)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T  # A^1/2
    trace = np.sqrt(np.linalg.eigvalsh(root @ B @ root).clip(0)).sum()
    d = a.mean(axis=0) - b.mean(axis=0)
    return float(d @ d + np.trace(A) + np.trace(B) - 2 * trace)
