"""Answer to lesson 34: the two paths of the U-Net.

The fine path, around the pooling, knows where there is ink, to the pixel, but neither whether the
ink belongs to a digit or to the clutter, nor to which digit: without the coarse path one digit in
ten is right, which is the chance level. The coarse path knows which digit is near almost as well as
both paths, and most of what is clutter, but does not distinguish the ink of a digit from the paper
beside it. The script measures this by areas under the curve of the largest logit of a digit minus
that of the background, at the pixels of digits and at others.
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown
from scratchnet.metrics import roc_auc

BACKGROUND = 10


def without(model, x, part):
    """Logits of a model whose Skip gives the means of the channels `part` instead of them."""
    skip = [type(layer).__name__ for layer in model.layers].index("Skip")
    y = x
    for layer in model.layers[: skip + 1]:
        y = layer(y)
    y[..., part] = y[..., part].mean(axis=(0, 1, 2))
    for layer in model.layers[skip + 1 :]:
        y = layer(y)
    return y


def beside(digit):
    """Pixels without a digit that touch the ink of one, (N, H, W)."""
    padded = np.pad(digit, ((0, 0), (1, 1), (1, 1)))
    h, w = digit.shape[1:]
    shifts = [padded[:, i : i + h, j : j + w] for i in range(3) for j in range(3)]
    return np.any(shifts, axis=0) & ~digit


def judged(logits, x, t):
    """Areas under the curve of digit ink against paper and clutter; accuracy of the digits."""
    ink, digit = x[..., 0] > 0.3, t != BACKGROUND
    margin = logits[..., :BACKGROUND].max(axis=-1) - logits[..., BACKGROUND]
    named = logits[..., :BACKGROUND].argmax(axis=-1)
    return {
        "AUC against paper beside": roc_auc(margin[beside(digit) & ~ink], margin[digit]),
        "AUC against clutter": roc_auc(margin[ink & ~digit], margin[digit]),
        "right digit": (named == t)[digit].mean(),
    }


def main():
    """Train the U-Net, replace the channels of each path by their means, and judge both."""
    m = lesson("34", "names = (", "--epochs", "8")
    m.train(m.unet)
    x, t = np.asarray(m.x_val), np.asarray(m.t_val)
    fine, coarse = slice(0, m.cfg.filters), slice(m.cfg.filters, None)
    numbers = {}
    for name, part in (("both", slice(0)), ("fine only", coarse), ("coarse only", fine)):
        found = judged(without(m.unet, x, part), x, t)
        numbers |= {f"{name}: {what}": value for what, value in found.items()}
    return shown(numbers)
