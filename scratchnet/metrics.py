"""What people read beside the loss: (prediction, target) -> a number, averaged over samples."""

import numpy as np

from scratchnet.backend import to_numpy, xp_of
from scratchnet.layers.shapes import ShapeError


def accuracy(prediction, target):
    """The share of samples whose largest prediction stands at the right class.

    prediction (N, K), logits or probabilities; target (N,) class indices or (N, K) one-hot.
    """
    if target.ndim == 2:
        target = target.argmax(axis=1)
    return (prediction.argmax(axis=1) == target).mean()


def roc_auc(usual, odd):
    """P(the score of an odd sample > that of a usual one), ties count half: the area under the ROC.

    usual (N,) and odd (M,): one score a sample. 1 sorts them perfectly, 1/2 is guessing, and it
    needs no threshold. Mann and Whitney (1947).
    """
    xp = xp_of(usual, odd)
    usual = xp.sort(usual)
    below, up_to = (xp.searchsorted(usual, odd, side=side) for side in ("left", "right"))
    return (below + up_to).sum() / (2 * len(usual) * len(odd))


def frechet_distance(a, b):
    """abs(m_a - m_b)^2 + trace(A + B - 2 (A^1/2 B A^1/2)^1/2), for features a, b (N, F).

    The distance between two normal distributions with the means m and covariances A and B of the
    features; in Inception's features it is the FID. Heusel et al. (2017), equation 6.

    Their trace((A B)^1/2) is written with A^1/2 B A^1/2, which has the same eigenvalues and is
    symmetric: these are then real and not negative, also where A or B is singular. Computed on the
    host in float64.
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
    overlap = np.sqrt(np.linalg.eigvalsh(root @ B @ root).clip(0)).sum()
    d = a.mean(axis=0) - b.mean(axis=0)
    return float(d @ d + np.trace(A) + np.trace(B) - 2 * overlap)
