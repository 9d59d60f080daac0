"""VAE: an autoencoder whose codes are random, trained on a bound of log p(x)."""

import math

from scratchnet.backend import as_rng, xp_of
from scratchnet.errors import whole
from scratchnet.layers.sampling import Sampling
from scratchnet.layers.sequential import Sequential
from scratchnet.losses import BinaryCrossEntropy
from scratchnet.numerics import kl_to_standard_normal, logsumexp, sigmoid, softplus
from scratchnet.training import batches, fit


class VAE:
    """-log p(x) <= -ELBO = E_q[-log p(x | z)] + KL(q(z | x) || N(0, I)), in nats a sample.

    Both terms are summed over pixels or code numbers and averaged over samples, never averaged
    over pixels: that would weigh KL by the number of pixels, and what comes out is no bound.
    `model` is [encoder, Sampling, decoder], a Sequential like any other; Sampling's penalty is KL.
    Kingma and Welling (2014).

    Parameters
        encoder   x (N, ...) -> [mean | log variance] (N, 2Z)
        decoder   z (N, Z) -> logits, of x's shape: no sigmoid at its end
        beta      what KL weighs in training; 1 is the bound
    """

    def __init__(self, encoder, decoder, beta=1.0):
        self.encoder, self.decoder = encoder, decoder
        self.model = Sequential([encoder, Sampling(beta), decoder], name="vae")
        self.loss = BinaryCrossEntropy(from_logits=True, reduction="per_sample")

    def build(self, input_shape, seed):
        """Draw the weights for samples of this shape."""
        return self.model.build(input_shape, seed)

    def fit(self, x, **settings):
        """As `scratchnet.training.fit`; history: "reconstruction", "kl" (times beta), "loss"."""
        history = fit(self.model, x, x, loss=self.loss, **settings)
        parts = {"reconstruction": history["loss"], "kl": history["penalty"]}
        return parts | {
            "loss": [sum(both) for both in zip(*parts.values(), strict=True)],
            "seconds": history["seconds"],
        }

    def encode(self, x):
        """(m, v): mean and log variance of q(z | x), (N, Z) each."""
        both = self.encoder(x)
        z = both.shape[-1] // 2
        return both[:, :z], both[:, z:]

    def decode(self, z):
        """The probability of ink in each pixel."""
        return sigmoid(self.decoder(z))

    def sample(self, like, seed):
        """Pictures from codes of the prior N(0, I); `like` (N, Z) gives how many, and where."""
        return self.decode(as_rng(seed).normal(like=like))

    def interpolate(self, x_0, x_1, steps=10):
        """Pictures along the straight line from the mean code of x_0 (1, ...) to that of x_1."""
        whole("interpolate", "steps", steps)
        z_0, z_1 = self.encode(x_0)[0], self.encode(x_1)[0]  # (1, Z)
        t = xp_of(z_0).linspace(0, 1, steps, dtype=z_0.dtype)[:, None]  # (steps, 1)
        return self.decode((1 - t) * z_0 + t * z_1)

    def evaluate(self, x, seed=0, batch_size=1000):
        """{"reconstruction", "kl", "loss"}: -ELBO with one random code a sample and beta = 1."""
        rng, reconstruction, kl = as_rng(seed), 0, 0
        for s in batches(len(x), batch_size):
            m, v = self.encode(x[s])
            z = m + xp_of(v).exp(0.5 * v) * rng.normal(like=v)
            reconstruction = reconstruction - self._log_likelihood(x[s], z).sum()
            kl = kl + kl_to_standard_normal(m, v).sum()
        numbers = {"reconstruction": float(reconstruction) / len(x), "kl": float(kl) / len(x)}
        return numbers | {"loss": sum(numbers.values())}

    def log_likelihood(self, x, samples=50, seed=0, batch_size=1000):
        """log p(x) of an average sample: a lower bound that tightens as `samples` K grows.

        log 1/K sum_k w_k,  w_k = p(x | z_k) p(z_k) / q(z_k | x),  z_k ~ q(z | x): with K = 1 the
        ELBO. Burda, Grosse and Salakhutdinov (2016), equation 8.
        """
        whole("log_likelihood", "samples", samples)
        rng, total = as_rng(seed), 0
        for s in batches(len(x), batch_size):
            m, v = self.encode(x[s])
            log_w = []
            for _ in range(samples):
                e = rng.normal(like=v)
                z = m + xp_of(v).exp(0.5 * v) * e
                # log p(z) - log q(z | x): the constants log 2 pi cancel
                log_prior = 0.5 * (v + e * e - z * z).sum(axis=1)
                log_w.append(self._log_likelihood(x[s], z) + log_prior)
            log_w = xp_of(m).stack(log_w)  # (K, N)
            total = total + (logsumexp(log_w, axis=0) - math.log(samples)).sum()
        return float(total) / len(x)

    def _log_likelihood(self, x, z):
        """log p(x | z) = sum over pixels of x a - softplus(a), a the decoder's logits: (N,)."""
        a = self.decoder(z)
        return (x * a - softplus(a)).reshape(len(x), -1).sum(axis=1)
