"""Answer to lesson 23: a high distance, and a mean square that is not high.

S as an image has a bright band along its diagonal, because the errors of neighbouring half hours
are correlated, 0.85 on average, and its brightness varies: the spread of the errors by day is
several times that at night. The distance divides an error along each eigenvector of S by its
eigenvalue. A smooth error of the whole day is frequent and counts little; an error of a few half
hours, or at night, is rare and counts a hundred times as much at the same mean square. The hour
that the night of 11-02 has twice is such an error. The script takes the generated series.
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown


def main():
    """The matrix S of the errors, and an error that goes against it."""
    m = lesson("23", "pca = PCA(8)", "--units", "16", "--epochs", "15")
    e = (m.answers["the day alone"] - m.z).astype("float64")
    S = e[: m.n].T @ e[: m.n] / m.n  # (48, 48)
    values, vectors = np.linalg.eigh(S)
    correlation = S / np.sqrt(np.outer(np.diag(S), np.diag(S)))
    neighbours = np.diag(correlation, 1)
    smooth, rough = vectors[:, -1] * 7, vectors[:, 5] * 7  # two errors of one mean square
    both = [m.distance(np.vstack([e[: m.n], error]))[-1] for error in (smooth, rough)]
    return shown(
        {
            "correlation of neighbouring half hours, mean": neighbours.mean(),
            "largest eigenvalue of S / smallest": values[-1] / values[0],
            "standard deviation by half hour, largest / smallest": np.sqrt(
                np.diag(S).max() / np.diag(S).min()
            ),
            "mean square of both errors": (rough**2).mean(),
            "distance of an error along a frequent pattern": both[0],
            "distance of an error along a rare pattern": both[1],
        }
    )
