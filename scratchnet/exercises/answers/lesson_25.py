"""Answer to lesson 25: chains that start from random pictures.

With k = 1 the likelihood ends far above that of CD-1, near 8 nats: one sweep from noise does not
reach the model, so that the negative phase samples pictures that the model would hardly draw.
With k = 10 it becomes better than CD-1, but not than CD-10, whose chains start closer to the
model. The advantage of random starts, that no state is left out, needs long chains.
"""

from scratchnet.boltzmann import CD
from scratchnet.boltzmann.machine.gibbs import gibbs
from scratchnet.exercises.answers.continued import lesson, shown


class FromRandomPictures:
    """A trainer whose chains start in each update from pixels that are 1 with probability 1/2."""

    def __init__(self, k):
        self.k = k

    def model_statistics(self, rbm, data, rng, clamp=None):
        v = (rng.uniform(like=data[0]) < 0.5).astype(data[0].dtype)
        layers, means = gibbs(rbm, [v, rbm.mean(1, [v, None])], self.k, rng)
        return rbm.statistics(means)


def main():
    """Print -log p(v) at the end of training, for chains from random pictures and for CD-k."""
    m = lesson("25", "models, history = {}, {}", "--updates", "2000", "--learning-rate", "0.3")
    numbers = {"entropy of the data": m.entropy}
    trainers = {"CD-1": CD(1), "CD-10": CD(10)}
    trainers |= {f"random pictures, k = {k}": FromRandomPictures(k) for k in (1, 10)}
    for name, trainer in trainers.items():
        _, history = m.train(trainer, m.cfg.updates, m.cfg.learning_rate)
        numbers[f"-log p, {name}"] = history[-1]
    return shown(numbers)
