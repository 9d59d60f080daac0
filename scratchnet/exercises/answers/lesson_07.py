"""Answer to lesson 07: noise in the pixels that runs along the surface only.

At 0.3 spreads the steps along the tangent plane give pictures that lie nearly as close to the
training pictures as those from noise in the code: for a small step the surface is flat. At 1.2
spreads the plane has left the curved surface, and the distance lies half way between that of noise
in the code and that of noise in the pixels. The table of shares says the same: of a step in the
code, nine tenths lie along the tangent plane for small noise, and seven tenths for large noise. The
script trains shorter than the lesson.
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown


def main():
    """Distances to the nearest training picture for steps of one length in three directions."""
    m = lesson("07", "other = RNG", "--probes", "150", "--epochs", "50")
    numbers = {}
    for s in (0.3, 1.2):
        a, b = m.steps[f"{s} spreads"]
        r = np.linalg.norm(a - m.y, axis=1, keepdims=True)
        along = (m.Q @ (m.Q.transpose(0, 2, 1) @ m.n[:, :, None]))[:, :, 0]  # Q Q^T n
        along *= r / np.linalg.norm(along, axis=1, keepdims=True)
        for name, pictures in (("code", a), ("along the surface", m.y + along), ("pixels", b)):
            distance, digit = m.nearest(pictures)
            numbers[f"{s} spreads, {name}: distance"] = distance.mean()
            numbers[f"{s} spreads, {name}: same digit"] = (digit == m.digit).mean()
        numbers[f"{s} spreads: share of the code's step along the surface"] = m.share_along(
            a - m.y
        ).mean()
    return shown(numbers)
