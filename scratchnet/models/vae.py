"""VAE: an autoencoder whose codes are random, trained on a bound of log p(x)."""

import math

from scratchnet.backend import as_rng, xp_of
from scratchnet.layers.sampling import Sampling
from scratchnet.layers.sequential import Sequential
from scratchnet.losses import BinaryCrossEntropy, GaussianNLL
from scratchnet.numerics import kl_to_standard_normal, logsumexp, sigmoid, softplus
from scratchnet.training import batches, fit
from scratchnet.validation import check_positive_int


class VAE:
    """-log p(x) <= -ELBO = E_q[-log p(x | z)] + KL(q(z | x) || N(0, I)), in nats a sample.

    Both terms are summed over pixels or code numbers and averaged over samples, never averaged
    over pixels: that would weigh KL by the number of pixels, and what comes out is no bound.
    `model` is [encoder, Sampling, decoder], a Sequential like any other; Sampling's penalty is KL.
    Kingma and Welling (2014).

    Parameters
        encoder   x (N, ...) -> [mean | log variance] (N, 2Z)
        decoder   z (N, Z) -> logits, of x's shape: no sigmoid at its end; with sigma: the picture
        beta      what KL weighs in training; 1 is the bound
        sigma     None: pixels are ink or not, Bernoulli; a number: any values, Gaussian around the
                  decoder's picture with this standard deviation (`vae.loss.sigma`)
    """

    def __init__(self, encoder, decoder, beta=1.0, sigma=None):
        self.encoder, self.decoder = encoder, decoder
        self.model = Sequential([encoder, Sampling(beta), decoder], name="vae")
        self.loss = (
            BinaryCrossEntropy(from_logits=True, reduction="per_sample")
            if sigma is None
            else GaussianNLL(sigma, reduction="per_sample")
        )

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
        """The probability of ink in each pixel; with sigma, the picture."""
        return self.decoder(z) if self._gaussian else sigmoid(self.decoder(z))

    @property
    def _gaussian(self):
        return isinstance(self.loss, GaussianNLL)

    def sample(self, like, seed):
        """Pictures from codes of the prior N(0, I); `like` (N, Z) gives how many, and where."""
        return self.decode(as_rng(seed).normal(like=like))

    def interpolate(self, x_0, x_1, steps=10):
        """Pictures along the straight line from the mean code of x_0 (1, ...) to that of x_1."""
        check_positive_int("interpolate", "steps", steps)
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
        """log p(x) of an average sample: the mean of `log_likelihoods`."""
        return float(self.log_likelihoods(x, samples, seed, batch_size).sum()) / len(x)

    def log_likelihoods(self, x, samples=50, seed=0, batch_size=1000):
        """log p(x) of each sample (N,): a lower bound that tightens as `samples` K grows.

        log 1/K sum_k w_k,  w_k = p(x | z_k) p(z_k) / q(z_k | x),  z_k ~ q(z | x): with K = 1 the
        ELBO. Burda, Grosse and Salakhutdinov (2016), equation 8.
        """
        check_positive_int("log_likelihood", "samples", samples)
        rng, found = as_rng(seed), []
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
            found.append(logsumexp(log_w, axis=0)[0] - math.log(samples))
        return xp_of(x).concatenate(found)  # (N,)

    def _log_likelihood(self, x, z):
        """log p(x | z) (N,): the sum over pixels of x a - softplus(a), a the decoder's logits.

        With sigma s and the decoder's picture a: of -(x - a)^2 / (2 s^2) - log s - 1/2 log(2 pi).
        """
        a = self.decoder(z)
        if self._gaussian:
            s = self.loss.sigma
            each = -0.5 * ((x - a) / s) ** 2 - math.log(s) - 0.5 * math.log(2 * math.pi)
        else:
            each = x * a - softplus(a)
        return each.reshape(len(x), -1).sum(axis=1)
