"""Answer to lesson 20: a generator that maximizes L_D.

With D(x) = s(a) the gradient of -log D by a is -(1 - s(a)), and the gradient of the other loss,
log(1 - D), is -s(a). Both push a up. While D is sure that a picture is drawn, s(a) is near 0: the
first gradient is near -1 and the second near 0. So the norm of the gradient of G grows with -log
D when D becomes better, and shrinks with the other loss: G learns least when it is worst. In this
small network D is never quite sure, and the factor is less than 2.
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown
from scratchnet.models.gan import GAN
from scratchnet.optimizers import Adam

EPOCHS = 6


class WithNorms(GAN):
    """GAN that keeps the norm of the gradient of G, and how sure D is, in every step."""

    target, sign = 1.0, 1.0  # minimize -log D(G(z))

    def generator_gradients(self, z):
        fake, cache = self.generator.forward(z, train=True)
        a, d_cache = self.discriminator.forward(fake, train=True)
        value, loss_cache = self.loss.forward(a, np.full_like(a, self.target))
        da = self.sign * self.loss.backward(loss_cache)
        d_fake = self.discriminator.input_gradient(da, d_cache)
        grads = self.generator.weight_gradients(d_fake, cache)
        self.norms.append(np.sqrt(sum(float((g * g).sum()) for g in grads.values())))
        return value, grads, cache


class Maximizing(WithNorms):
    """GAN whose generator maximizes L_D: target 0, with the other sign."""

    target, sign = 0.0, -1.0


def main():
    """Norms of the gradient of G for both losses, in the first and the last epoch."""
    m = lesson("20", "path = cfg.out")
    numbers = {}
    for name, kind in (("-log D", WithNorms), ("maximal L_D", Maximizing)):
        lesson_gan = m.build()
        gan = kind(lesson_gan.generator, lesson_gan.discriminator)
        gan.norms, sides = [], dict(optimizer_d=Adam(5e-4, 0.5), optimizer_g=Adam(5e-4, 0.5))
        gan.fit(m.x, **sides, epochs=EPOCHS, batch_size=64, seed=0, verbose=False)
        epochs = np.array_split(gan.norms, EPOCHS)
        print(name, *(f"{part.mean():.4f}" for part in epochs))
        numbers |= {f"{name}: norm in epoch {e}": epochs[e - 1].mean() for e in (1, 2, EPOCHS)}
        numbers[f"{name}: smallest norm of a step"] = min(gan.norms)
    return shown(numbers)
