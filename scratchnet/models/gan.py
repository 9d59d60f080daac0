"""GAN: a generator learns from the gradient of a discriminator that learns against it."""

from scratchnet.backend import RNG, as_rng, xp_of
from scratchnet.losses import BinaryCrossEntropy
from scratchnet.saving import model_arrays
from scratchnet.training import batches
from scratchnet.validation import check_float, check_positive_int


class GAN:
    """L_D = -mean log s(D(x)) - mean log(1 - s(D(G(z))))        L_G = -mean log s(D(G(z)))

    D gives logits (N, 1), s is the sigmoid. L_G is the non-saturating form: where D is sure, the
    original log(1 - s(D(G(z)))) has no slope left, this one has. Goodfellow et al. (2014).

    D's update  dL_D/da = (s(a) - t) / N, t = 1 for x and 0 for G(z), on to the weights of D
    G's update  dL_G/da = (s(a) - 1) / N, through D to dL_G/dG(z), on to the weights of G: D's own
                gradients are not computed on the way

    Parameters
        generator       z (N, Z) -> x
        discriminator   x -> logits (N, 1): no sigmoid at its end
        smoothing       targets 1 - smoothing for real samples: Salimans et al. (2016), one-sided
        averaging       decay d of a running mean of G's weights, from which `sample` draws; 0: of
                        the last weights alone. Training does not see it. Yazici et al. (2019)
    """

    def __init__(self, generator, discriminator, smoothing=0.0, ema_decay=0.0):
        self.generator, self.discriminator = generator, discriminator
        self.smoothing = check_float("GAN", "smoothing", smoothing, at_least=0, below=1)
        self.ema_decay = check_float("GAN", "ema_decay", ema_decay, at_least=0, below=1)
        self.loss = BinaryCrossEntropy(from_logits=True)
        self.averaged, self.t = None, 0  # a copy of G with mean weights; steps it has seen

    def discriminator_gradients(self, x, z):
        """(L_D, {name: gradient}, D's two caches) for real x and codes z."""
        fake, _ = self.generator.forward(z, train=True)
        total, grads, caches = 0, {}, []
        for samples, label in ((x, 1 - self.smoothing), (fake, 0)):
            value, g, cache = self._pull(samples, label)
            total, caches = total + value, [*caches, cache]
            grads = {name: grads[name] + g[name] for name in grads} or g
        return total, grads, caches

    def _pull(self, samples, label):
        a, cache = self.discriminator.forward(samples, train=True)
        value, loss_cache = self.loss.forward(a, xp_of(a).full_like(a, label))
        grads = self.discriminator.weight_gradients(self.loss.backward(loss_cache), cache)
        return value, grads, cache

    def generator_gradients(self, z):
        """(L_G, {name: gradient}, G's cache): through a D that is not updated."""
        fake, cache = self.generator.forward(z, train=True)
        a, d_cache = self.discriminator.forward(fake, train=True)
        value, loss_cache = self.loss.forward(a, xp_of(a).ones_like(a))
        d_fake = self.discriminator.input_gradient(self.loss.backward(loss_cache), d_cache)
        return value, self.generator.weight_gradients(d_fake, cache), cache

    def train_step(self, x, z_d, z_g, optimizer_d, optimizer_g):
        """One update of D, then one of G. Returns (L_D, L_G), each from before its update."""
        d, g = self.discriminator, self.generator
        loss_d, grads, caches = self.discriminator_gradients(x, z_d)
        optimizer_d.step(d.parameters, d.flatten(grads))
        for cache in caches:
            d.update_running_stats(cache)
        loss_g, grads, cache = self.generator_gradients(z_g)
        optimizer_g.step(g.parameters, g.flatten(grads))
        g.update_running_stats(cache)
        if self.ema_decay:
            self._average()
        return loss_d, loss_g

    def _average(self):
        """mean += (1 - d) / (1 - d^t) (w - mean), for weights and running averages of layers.

        The division by 1 - d^t makes the first ones a true mean, as in Adam.
        """
        self.averaged = self.averaged or self.generator.map_arrays(lambda array: array.copy())
        self.t += 1
        share = (1 - self.ema_decay) / (1 - self.ema_decay**self.t)
        now = model_arrays(self.generator)
        for name, mean in model_arrays(self.averaged).items():
            mean += share * (now[name] - mean)

    def fit(self, x, *, optimizer_d, optimizer_g, epochs=1, batch_size=128, seed=0, on_epoch=None):
        """Train; return {"discriminator": [...], "generator": [...]}, a number an epoch.

        on_epoch(epoch, history) is called after each: to draw samples, to print.
        """
        check_positive_int("fit", "epochs", epochs)
        history = {"discriminator": [], "generator": []}
        for epoch in range(epochs):
            rng = RNG(seed).fork(epoch)
            for model in (self.generator, self.discriminator):
                model.set_rng(rng)
            sums = [0, 0]
            for i in batches(len(x), batch_size, rng):
                z_d, z_g = self.codes(len(x[i]), rng), self.codes(len(x[i]), rng)
                values = self.train_step(x[i], z_d, z_g, optimizer_d, optimizer_g)
                sums = [s + value * len(z_d) for s, value in zip(sums, values, strict=True)]
            for side, total in zip(history.values(), sums, strict=True):
                side.append(float(total) / len(x))
            if on_epoch is not None:
                on_epoch(epoch, history)
        return history

    def codes(self, n, seed):
        """Codes z ~ N(0, I) for n samples, (n, Z), on the generator's device."""
        weights = self.generator.parameters
        shape = (n, *self.generator.input_shape)
        return as_rng(seed).normal(like=xp_of(weights).empty(shape, dtype=weights.dtype))

    def sample(self, n, seed):
        """n samples of the generator, at inference; with `averaging`, of its mean."""
        return (self.averaged or self.generator)(self.codes(n, seed))
