"""The GAN of lesson 20: one update of D, then one of G, as each framework's tutorials write it.

It has a training step of its own, so its methods give that step instead of a model and a loss.
"""

import contextlib

import numpy as np

CODE, UNITS, PIXELS, SLOPE = 100, 256, 784, 0.2


class Training:
    """Both updates of scratchnet's GAN, on workers; see `benchmarks.ours.Training`."""

    def __init__(self, gan, optimizers, x):
        from scratchnet.backend import RNG

        self.gan, self.x, self.rng = gan, x, RNG(0)
        self.models, self.optimizers = [gan.discriminator, gan.generator], optimizers
        self.loss, self.samples = gan.loss, len(x)

    @contextlib.contextmanager
    def steps(self, group, mine, optimizers):
        """Context with a function that makes one step as a worker of the group, with these rows."""
        from scratchnet.loss_base import known_targets

        x, memories = self.x[mine], self.gan.gradient_vectors(group)

        def step():  # the codes are the worker's rows of those of the batch
            z_d, z_g = (self.gan.codes(len(x), self.rng) for _ in range(2))
            self.gan.train_step(x, z_d, z_g, *optimizers, group, self.samples, memories)

        with known_targets(self.loss):  # they are ones and zeros
            yield step


class Adversaries:
    """G 100-256 ReLU-784 tanh, D 784-256 LeakyReLU-1 logit; fresh codes for each update."""

    samples = 64
    title = f"GAN {CODE}-{UNITS}-{PIXELS} and {PIXELS}-{UNITS}-1, both updates, batch {samples}"

    def batch(self):
        """Images in [-1, 1]; there is no target."""
        x = np.random.default_rng(0).random((self.samples, PIXELS), dtype=np.float32)
        return 2 * x - 1, None

    def products(self):
        """Products of D's update on real and generated images together, then of G's through D.

        The list differs from the computation in two products of equal size: it lacks G's forward
        pass in D's update, and it contains D's weight gradients in G's update.
        """
        n = self.samples
        first = [(2 * n, PIXELS, UNITS), (2 * n, UNITS, 1)]
        return [*first, (n, CODE, UNITS), (n, UNITS, PIXELS), (n, PIXELS, UNITS), (n, UNITS, 1)]

    def scratchnet_task(self, rate):
        """The step of `GAN.fit` for `benchmarks.ours.OnWorkers`."""
        from scratchnet.layers import Dense, LeakyReLU, ReLU, Sequential, Tanh
        from scratchnet.models.gan import GAN
        from scratchnet.optimizers import Adam

        g = Sequential([Dense(UNITS), ReLU(), Dense(PIXELS), Tanh()])
        d = Sequential([Dense(UNITS), LeakyReLU(SLOPE), Dense(1)])
        g.build((CODE,), 0)
        d.build((PIXELS,), 1)
        optimizers = [Adam(rate, beta_1=0.5), Adam(rate, beta_1=0.5)]
        return Training(GAN(g, d), optimizers, self.batch()[0])

    def torch_step(self, rate, **options):
        """The loop of PyTorch's DCGAN tutorial: two backward passes for D's update."""
        import torch
        from torch import nn

        g = nn.Sequential(nn.Linear(CODE, UNITS), nn.ReLU(), nn.Linear(UNITS, PIXELS), nn.Tanh())
        d = nn.Sequential(nn.Linear(PIXELS, UNITS), nn.LeakyReLU(SLOPE), nn.Linear(UNITS, 1))
        options |= {"lr": rate, "betas": (0.5, 0.999)}
        of_d, of_g = (torch.optim.Adam(model.parameters(), **options) for model in (d, g))
        n, x, loss = self.samples, torch.from_numpy(self.batch()[0]), nn.BCEWithLogitsLoss()
        real, fake = torch.ones(n, 1), torch.zeros(n, 1)

        def step():
            of_d.zero_grad()
            loss(d(x), real).backward()
            loss(d(g(torch.randn(n, CODE)).detach()), fake).backward()
            of_d.step()
            of_g.zero_grad()
            loss(d(g(torch.randn(n, CODE))), real).backward()
            of_g.step()

        return step

    def jax_step(self, rate):
        """The `train_step` of Keras' GAN guide, both updates compiled into one: (step, wait)."""
        import jax
        from keras import Input, Sequential, layers, losses
        from keras.optimizers import Adam

        g = Sequential([Input((CODE,)), layers.Dense(UNITS, "relu"), layers.Dense(PIXELS, "tanh")])
        d = Sequential([Input((PIXELS,)), layers.Dense(UNITS), layers.LeakyReLU(SLOPE)])
        d.add(layers.Dense(1))
        rules = Adam(rate, beta_1=0.5), Adam(rate, beta_1=0.5)
        for rule, model in zip(rules, (d, g), strict=True):
            rule.build(model.trainable_variables)
        n, x = self.samples, jax.device_put(self.batch()[0])
        loss, one = losses.BinaryCrossentropy(from_logits=True), jax.numpy.ones((n, 1))

        def of_d(w_d, w_g, z):
            fake = d.stateless_call(w_d, [], g.stateless_call(w_g, [], z)[0])[0]
            return loss(one, d.stateless_call(w_d, [], x)[0]) + loss(0 * one, fake)

        def of_g(w_g, w_d, z):
            return loss(one, d.stateless_call(w_d, [], g.stateless_call(w_g, [], z)[0])[0])

        def update(state, key):
            w_d, w_g, s_d, s_g = state
            key, *keys = jax.random.split(key, 3)
            codes = [jax.random.normal(k, (n, CODE)) for k in keys]
            w_d, s_d = rules[0].stateless_apply(s_d, jax.grad(of_d)(w_d, w_g, codes[0]), w_d)
            w_g, s_g = rules[1].stateless_apply(s_g, jax.grad(of_g)(w_g, w_d, codes[1]), w_g)
            return (w_d, w_g, s_d, s_g), key

        update = jax.jit(update, donate_argnums=0)
        start = d.trainable_variables, g.trainable_variables, *(rule.variables for rule in rules)
        state = jax.tree.map(jax.numpy.copy, tuple([v.value for v in vs] for vs in start))
        key = jax.random.key(0)

        def step():
            nonlocal state, key
            state, key = update(state, key)

        return step, lambda: jax.block_until_ready(state)
