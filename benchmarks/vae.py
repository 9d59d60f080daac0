"""Rows C1 to C3: variational autoencoders of Dense layers, with noise drawn by each framework."""

import itertools

import numpy as np

PIXELS = 784


class Variational:
    """VAE of dense layers: 784, hidden (ReLU), a normal code, hidden reversed (ReLU), 784 logits.

    Cross entropy summed over pixels plus KL, both averaged over the batch.
    """

    def __init__(self, hidden, code, samples):
        self.code, self.samples = code, samples
        self.encoder = [PIXELS, *hidden, 2 * code]
        self.decoder = [code, *hidden[::-1], PIXELS]

    @property
    def title(self):
        sizes = "-".join(map(str, [*self.encoder[:-1], self.code, *self.decoder[1:]]))
        return f"VAE {sizes}, batch {self.samples}"

    def batch(self):
        x = np.random.default_rng(0).random((self.samples, PIXELS), dtype=np.float32)
        return x, x

    def products(self):
        pairs = [*itertools.pairwise(self.encoder), *itertools.pairwise(self.decoder)]
        return [(self.samples, d, m) for d, m in pairs]

    def scratchnet(self):
        from scratchnet.layers import Dense, ReLU, Sequential
        from scratchnet.models.vae import VAE

        def stack(sizes):
            return Sequential(_stack(sizes, lambda d, m: Dense(m), ReLU))

        vae = VAE(stack(self.encoder), stack(self.decoder))
        vae.build((PIXELS,), 0)
        return vae.model, vae.loss

    def torch(self):
        import torch
        from torch import nn
        from torch.nn.functional import binary_cross_entropy_with_logits

        class Net(nn.Module):
            def __init__(self, encoder, decoder):
                super().__init__()
                self.encoder = nn.Sequential(*_stack(encoder, nn.Linear, nn.ReLU))
                self.decoder = nn.Sequential(*_stack(decoder, nn.Linear, nn.ReLU))

            def forward(self, x):
                m, v = self.encoder(x).chunk(2, 1)
                return self.decoder(m + torch.exp(0.5 * v) * torch.randn_like(v)), m, v

        def loss(y, x):
            a, m, v = y
            reconstruction = binary_cross_entropy_with_logits(a, x, reduction="sum")
            return (reconstruction - 0.5 * torch.sum(1 + v - m * m - v.exp())) / len(x)

        return Net(self.encoder, self.decoder), loss

    def keras(self):
        from keras import Input, Model, Sequential, layers, ops, random

        class Sampling(layers.Layer):
            def __init__(self):
                super().__init__()
                self.seeds = random.SeedGenerator(0)

            def call(self, m, v):
                return m + ops.exp(0.5 * v) * random.normal(ops.shape(v), seed=self.seeds)

        def stack(sizes):
            dense = _stack(sizes, lambda d, m: layers.Dense(m), layers.ReLU)
            return Sequential([Input(sizes[:1]), *dense])

        def loss(x, y):
            a, m, v = y
            pixels = ops.binary_crossentropy(x, a, from_logits=True)
            kl = -0.5 * ops.sum(1 + v - m * m - ops.exp(v), axis=1)
            return ops.mean(ops.sum(pixels, axis=1) + kl)

        x = Input((PIXELS,))
        m, v = ops.split(stack(self.encoder)(x), 2, axis=1)
        return Model(x, [stack(self.decoder)(Sampling()(m, v)), m, v]), loss


def _stack(sizes, dense, activation):
    """Dense layers with the activation between them, none after the last."""
    layers = [part for d, m in itertools.pairwise(sizes) for part in (dense(d, m), activation())]
    return layers[:-1]
