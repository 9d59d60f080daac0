"""Answer to lesson 06: pixels erased at random in place of Gaussian noise.

A model that is trained and tested with a share of the pixels erased has the error of the one for
Gaussian noise of 0.5 when a little more than half of the pixels are missing. Erased pixels carry
no information, but the pixels that are left are exact, and neighbours replace the others;
Gaussian noise disturbs every pixel. The script trains shorter than the lesson.
"""

from scratchnet.backend import RNG
from scratchnet.exercises.answers.continued import lesson, shown


def erased(x, share, rng):
    """The pictures x with this share of the pixels set to 0."""
    return x * (rng.uniform(like=x) >= share)


def main():
    """Errors of models trained with erased pixels, and of the one for Gaussian noise of 0.5."""
    m = lesson("06", "denoising, history = train", "--epochs", "20")
    model, _ = m.train(m.cfg.units, 0.5)
    numbers = {"MSE, Gaussian noise of 0.5": m.error(model, 0.5)}
    m.noisy = erased
    for k, share in enumerate((0.5, 0.6, 0.7)):
        m.noisy_val[share] = erased(m.x_val, share, RNG(k))
        model, _ = m.train(m.cfg.units, share)
        numbers[f"MSE, {share:.0%} erased"] = m.error(model, share)
    return shown(numbers)
