"""Answer to lesson 03: PCA by the singular value decomposition, and the subspace of the network.

_, _, Vt = np.linalg.svd(x - m), and the first k rows of Vt are the directions of PCA. Not W1 W2
itself but its effect on the pictures is to be compared with V^T V: W1 keeps its first random
values in all directions in which the pictures do not vary. The network has learned the same
subspace up to its last direction: it contains 99 % of the variance of PCA's, and all angles but
one are below 10 degrees. The eighth and the ninth direction of PCA have nearly the same variance,
and training has not decided between them. Within the subspace it has learned other directions,
because W1 A and A^-1 W2 give the same copy for every invertible A.
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown


def main():
    """Compare W1 W2 with V^T V, and the two subspaces by their principal angles."""
    m = lesson("03", 'history["deep"]', "--hidden-1", "64")
    x = m.x_host - m.x_host.mean(axis=0)
    V = np.linalg.svd(x, full_matrices=False)[2][: m.cfg.code]  # PCA in one line: (k, 784)
    W1, W2 = (np.asarray(layer.W) for layer in m.linear.layers)
    projection, product = V.T @ V, W1 @ W2
    learned = np.linalg.qr(W2.T)[0]  # (784, k)
    cosines = np.linalg.svd(V @ learned, compute_uv=False)  # of the angles between the subspaces
    angles = np.degrees(np.arccos(cosines.clip(0, 1)))  # from small to large
    variance, k = np.linalg.svd(x, compute_uv=False) ** 2, m.cfg.code
    own = W2[0] / np.linalg.norm(W2[0])
    return shown(
        {
            "difference of the two PCAs": abs(abs(V @ m.V.T) - np.eye(len(V))).max(),
            "x W1 W2 - x V^T V, relative": np.linalg.norm(x @ (product - projection))
            / np.linalg.norm(x @ projection),
            "largest angle between the subspaces, degrees": angles[-1],
            "second largest angle": angles[-2],
            "variance of PCA's direction k + 1 / direction k": variance[k] / variance[k - 1],
            "share of the variance of PCA in the subspace of W2": ((x @ learned) ** 2).sum()
            / ((x @ V.T) ** 2).sum(),
            "largest cosine of one row of W2 with a direction of PCA": abs(V @ own).max(),
        }
    )
