"""Answer to lesson 19: a standard deviation s for each pixel and colour.

The AUC of the error rises a little, and so does that of the sum of error and KL: an error at a
pixel that varies much from one normal picture to the next is divided by a large s and counts
less, so that errors at quiet pixels decide. The score KL does not contain s and stays as it is.
It is below 0.5: the codes of anomalies are nearer to 0 than those of normal pictures. The script
takes smaller pictures than the lesson.
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown
from scratchnet.metrics import roc_auc
from scratchnet.training import predict


def main():
    """AUC of the reconstruction error with one s, and with one for each pixel and colour."""
    m = lesson("19", "dense = [Reshape", "--size", "16", "--epochs", "15")
    copies = [np.asarray(predict(m.vae.model, a)) for a in (m.x, m.unseen, m.anomaly)]
    squares = [
        (y - np.asarray(a)) ** 2 for y, a in zip(copies, (m.x, m.unseen, m.anomaly), strict=True)
    ]
    s2 = squares[0].mean(axis=0)  # (H, W, 3), over the training pictures
    KL = [m.kl_to_standard_normal(*m.vae.encode(a)).sum(axis=1) for a in (m.unseen, m.anomaly)]
    one = [s.reshape(len(s), -1).sum(axis=1) / (2 * m.vae.loss.sigma**2) for s in squares[1:]]
    own = [(s / (2 * s2)).reshape(len(s), -1).sum(axis=1) for s in squares[1:]]
    numbers = {"AUC, MSE": roc_auc(*one), "AUC, KL": roc_auc(*KL)}
    numbers["AUC, error with an s for each pixel"] = roc_auc(*own)
    for name, error in (("one s", one), ("an s for each pixel", own)):
        numbers[f"AUC, error + KL, {name}"] = roc_auc(
            *(e + k for e, k in zip(error, KL, strict=True))
        )
    return shown(numbers)
