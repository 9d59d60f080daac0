"""Variational autoencoder: its codes are random, and its loss is a bound of -log p(x)."""

import math
from typing import Any

from scratchnet.backend import RNG, Array, as_rng, xp_of
from scratchnet.layers.base import Layer
from scratchnet.layers.sampling import Sampling
from scratchnet.layers.sequential import Sequential
from scratchnet.layers.skip import Skip
from scratchnet.losses import BinaryCrossEntropy, GaussianNLL
from scratchnet.models.conditional import (
    LabelChannels,
    LastFeatures,
    beside,
    check_classes,
    check_labels,
    one_hot,
)
from scratchnet.numerics import kl_to_standard_normal, logsumexp, sigmoid, softplus
from scratchnet.optimizer_base import Optimizer
from scratchnet.training import batches, evaluate, fit
from scratchnet.training_checks import check_data, check_options, check_targets
from scratchnet.training_run import History, Metrics
from scratchnet.validation import check_positive_int


class VAE:
    """Variational autoencoder: an encoder, a `Sampling` layer and a decoder.

    -log p(x) <= -ELBO = E_q[-log p(x | z)] + KL(q(z | x) || N(0, I)), in nats per sample

    The first term, the reconstruction loss, is summed over the pixels and KL over the numbers of
    the code; both are averaged over the samples. A reconstruction loss averaged over the pixels
    would weight KL by the number of pixels, and the sum would not be a bound.

    `model` is the `Sequential` [encoder, Sampling, decoder]; the penalty of Sampling is KL. Kingma
    and Welling (2014). With classes its input is [x | c], see `inputs`, and a `Skip` carries c
    around encoder and Sampling to the decoder.

    Parameters
        encoder   x (N, ...) -> [mean | log variance] of q(z | x), (N, 2Z)
        decoder   z (N, Z) -> logits of x's shape, without a sigmoid at its end; with sigma: the
                  mean of p(x | z)
        beta      weight of KL in training; with 1 the loss is the bound
        sigma     None: p(x | z) is Bernoulli, for pixels in [0, 1]. A number: p(x | z) is normal
                  with this standard deviation, for any values
        classes   K: samples have labels, and both parts see them, the encoder as [x | c] with K
                  more features or channels than x, the decoder as [z | c] (N, Z + K); c is the
                  one-hot label. All methods then take `labels` (N,), and -ELBO is a bound of
                  -log p(x | c). None: no labels. See models/conditional.py

    >>> import numpy as np
    >>> from scratchnet.layers import Dense
    >>> vae = VAE(encoder=Dense(4), decoder=Dense(6))
    >>> vae.build((6,), seed=0)
    (6,)
    >>> vae = VAE(encoder=Dense(4), decoder=Dense(6), classes=10)
    >>> vae.build((6,), seed=0)
    (6,)
    >>> vae.sample(np.zeros((10, 2), "float32"), seed=0, labels=np.arange(10)).shape
    (10, 6)
    """

    def __init__(
        self,
        encoder: Layer,
        decoder: Layer,
        beta: float = 1.0,
        sigma: float | None = None,
        classes: int | None = None,
    ):
        self.encoder, self.decoder = encoder, decoder
        self.sampling, self.classes = Sampling(beta), check_classes("VAE", classes)
        self.model = self._chain(())
        self.loss = (
            BinaryCrossEntropy(from_logits=True, reduction="per_sample")
            if sigma is None
            else GaussianNLL(sigma, reduction="per_sample")
        )

    def build(self, input_shape: tuple, seed: int | RNG) -> tuple:
        """Draw the initial weights for samples of this shape; return the output shape."""
        if self.classes is None:
            return self.model.build(input_shape, seed)
        self.model = self._chain(input_shape)
        return self.model.build((math.prod(input_shape) + self.classes,), seed)

    def _chain(self, sample_shape):
        """The model: encoder, Sampling and decoder, and the path of the label beside them."""
        code = [self.encoder, self.sampling]
        if self.classes is not None:
            label = LastFeatures(self.classes)
            if len(sample_shape) > 1:
                code = [LabelChannels(sample_shape, self.classes), *code]
            code = [Skip(label, merge="concatenate", shortcut=code)]  # [z | c]
        return Sequential([*code, self.decoder], name="vae")

    def inputs(self, x: Array, labels: Array | None = None) -> Array:
        """Input of `model`: x, or with classes the vectors [x | c] (N, D + K) of D = H W C pixels.

        >>> import numpy as np
        >>> from scratchnet.layers import Dense
        >>> VAE(Dense(4), Dense(6), classes=2).inputs(np.zeros((1, 3)), labels=[1])
        array([[0., 0., 0., 0., 1.]])
        """
        c = self._one_hot(labels, x)
        return x if c is None else beside(x.reshape(len(x), -1), c)

    def _one_hot(self, labels, like):
        """One-hot rows (N, K) of the labels; None for a VAE without classes."""
        labels = check_labels("VAE", labels, self.classes, len(like))
        return None if labels is None else one_hot(labels, self.classes, like)

    def fit(
        self,
        x: Array,
        *,
        optimizer: Optimizer,
        labels: Array | None = None,
        validation: Array | tuple[Array, Array] | None = None,
        metrics: Metrics | None = None,
        **settings: Any,
    ) -> History:
        """Train on x; return the history.

        Its keys are "reconstruction", "kl" (times beta), "loss" (their sum) and "seconds"; with
        validation also "val_reconstruction", "val_kl" and "val_loss" = -ELBO, as in `evaluate`:
        with one random code per sample, the same in each epoch, and beta = 1. Callbacks see the
        same keys during the run.

        Parameters
            labels       the class of each sample (N,), for a VAE with classes
            validation   samples that are not trained on, or a pair of them and the same again; with
                         classes a pair (x, labels)
            metrics      {name: function(prediction, x)}, of the decoder's output for random codes;
                         in validation for the mean codes
            settings     the other settings of `scratchnet.training.fit`

        Raises ValueError for pixels outside [0, 1] where sigma is None, and the errors of `fit`.
        """
        words = "loss", "target", "validate", "report", "y"
        own = {word: 0 for word in settings if word in words}
        check_options("VAE.fit", ["VAE.fit", "fit"], own, self.fit)
        x, x_val, second, labels_val = self._check(x), validation, None, None
        if isinstance(validation, (tuple, list)):
            if len(validation) != 2:
                raise TypeError(
                    f"VAE.fit expects validation as samples or a pair; got {len(validation)} arrays"
                )
            x_val, second = validation
        if validation is not None:
            x_val = target_val = self._check(x_val, "validation ")
            if self.classes is not None:
                labels_val = second
            elif second is not None:  # the same samples again; `fit` checks their shape
                target_val = second
            validation = self.inputs(x_val, labels_val), target_val

        def validate(inputs, target, metrics):
            measured = evaluate(self.model, self.loss, inputs, target, metrics) if metrics else {}
            terms = self.evaluate(x_val, labels=labels_val)
            return terms | {name: measured[name] for name in metrics}

        settings |= dict(validation=validation, metrics=metrics, validate=validate, report=_terms)
        inputs = self.inputs(x, labels)
        return fit(self.model, inputs, x, loss=self.loss, optimizer=optimizer, **settings)

    def encode(self, x: Array, labels: Array | None = None) -> tuple[Array, Array]:
        """Mean m and log variance v of q(z | x), (N, Z) each."""
        c = self._one_hot(labels, x)
        both = self.encoder(x if c is None else beside(x, c))
        z = both.shape[-1] // 2
        return both[:, :z], both[:, z:]

    def decode(self, z: Array, labels: Array | None = None) -> Array:
        """Mean of p(x | z): the probability of each pixel; with sigma the decoder's output."""
        a = self._decoded(z, self._one_hot(labels, z))
        return a if self._gaussian else sigmoid(a)

    def _decoded(self, z, c):
        """Output of the decoder for codes z and one-hot labels c."""
        return self.decoder(z if c is None else beside(z, c))

    @property
    def _gaussian(self):
        return isinstance(self.loss, GaussianNLL)

    def sample(self, like: Array, seed: int | RNG, labels: Array | None = None) -> Array:
        """Decoded codes from the prior N(0, I), with the number and the device of `like` (N, Z)."""
        return self.decode(as_rng(seed).normal(like=like), labels)

    def interpolate(
        self, x_0: Array, x_1: Array, steps: int = 10, labels: Array | None = None
    ) -> Array:
        """Decoded codes on the straight line from the mean code of x_0 (1, ...) to that of x_1.

        `labels` (1,) is the class of all of them.
        """
        check_positive_int("interpolate", "steps", steps)
        z_0, z_1 = self.encode(x_0, labels)[0], self.encode(x_1, labels)[0]  # (1, Z)
        t = xp_of(z_0).linspace(0, 1, steps, dtype=z_0.dtype)[:, None]  # (steps, 1)
        labels = check_labels("VAE", labels, self.classes, len(x_0))
        of_each = None if labels is None else labels.repeat(steps)
        return self.decode((1 - t) * z_0 + t * z_1, of_each)

    def evaluate(
        self,
        x: Array,
        seed: int | RNG = 0,
        batch_size: int = 1000,
        labels: Array | None = None,
    ) -> dict[str, float]:
        """Terms of -ELBO, with one random code per sample and beta = 1, averaged over samples.

        Returns {"reconstruction": ..., "kl": ..., "loss": their sum}.
        """
        x = self._check(x)
        rng, reconstruction, kl = as_rng(seed), 0, 0
        for x_s, labels_s in self._batches(x, labels, batch_size):
            m, v = self.encode(x_s, labels_s)
            z = m + xp_of(v).exp(0.5 * v) * rng.normal(like=v)
            reconstruction = reconstruction - self._log_likelihood(x_s, z, labels_s).sum()
            kl = kl + kl_to_standard_normal(m, v).sum()
        numbers = {"reconstruction": float(reconstruction) / len(x), "kl": float(kl) / len(x)}
        return numbers | {"loss": sum(numbers.values())}

    def log_likelihood(
        self,
        x: Array,
        samples: int = 50,
        seed: int | RNG = 0,
        batch_size: int = 1000,
        labels: Array | None = None,
    ) -> float:
        """Estimate of log p(x), averaged over the samples: the mean of `log_likelihoods`."""
        return float(self.log_likelihoods(x, samples, seed, batch_size, labels).sum()) / len(x)

    def log_likelihoods(
        self,
        x: Array,
        samples: int = 50,
        seed: int | RNG = 0,
        batch_size: int = 1000,
        labels: Array | None = None,
    ) -> Array:
        """Estimate of log p(x) for each sample (N,), by importance sampling with K = `samples`.

        log 1/K sum_k w_k,  w_k = p(x | z_k) p(z_k) / q(z_k | x),  z_k ~ q(z | x)

        On average it is a lower bound, which becomes tighter as K grows; for K = 1 it is the ELBO.
        Burda, Grosse and Salakhutdinov (2016), equation 8.
        """
        check_positive_int("log_likelihood", "samples", samples)
        x = self._check(x)
        rng, bounds = as_rng(seed), []
        for x_s, labels_s in self._batches(x, labels, batch_size):
            m, v = self.encode(x_s, labels_s)
            log_w = []
            for _ in range(samples):
                e = rng.normal(like=v)
                z = m + xp_of(v).exp(0.5 * v) * e
                # log p(z) - log q(z | x): the constants log 2 pi cancel
                log_ratio = 0.5 * (v + e * e - z * z).sum(axis=1)
                log_w.append(self._log_likelihood(x_s, z, labels_s) + log_ratio)
            log_w = xp_of(m).stack(log_w)  # (K, N)
            bounds.append(logsumexp(log_w, axis=0)[0] - math.log(samples))
        return xp_of(x).concatenate(bounds)  # (N,)

    def _batches(self, x, labels, batch_size):
        """Pairs of samples and their labels, None for a VAE without classes."""
        labels = check_labels("VAE", labels, self.classes, len(x))
        for s in batches(len(x), batch_size):
            yield x[s], None if labels is None else labels[s]

    def _check(self, x, of=""):
        """Check samples as `fit` does, and that pixels lie in [0, 1] for the Bernoulli model."""
        x, _ = check_data(self.model, x, of=of)
        try:
            check_targets(self.model, self.loss, f"{of}pixels", x)
        except ValueError as error:
            raise ValueError(
                f"{error}: scale them, x / x.max(), or use VAE(..., sigma=...) for any values"
            ) from None
        return x

    def _log_likelihood(self, x, z, labels):
        """log p(x | z) (N,), for the output a of the decoder.

        Bernoulli, a logits       sum over pixels of x a - softplus(a)
        normal, a the mean        sum over pixels of -(x - a)^2 / (2 s^2) - log s - 1/2 log(2 pi)
        """
        a = self._decoded(z, self._one_hot(labels, z))
        if self._gaussian:
            s = self.loss.sigma
            each = -0.5 * ((x - a) / s) ** 2 - math.log(s) - 0.5 * math.log(2 * math.pi)
        else:
            each = x * a - softplus(a)
        return each.reshape(len(x), -1).sum(axis=1)


def _terms(numbers):
    """Both terms of the loss under their names, and their sum, of the numbers of `fit`."""
    numbers = dict(numbers)
    terms = {"reconstruction": numbers.pop("loss"), "kl": numbers.pop("penalty", 0.0)}
    return terms | {"loss": sum(terms.values())} | numbers
