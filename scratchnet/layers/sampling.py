"""Sampling: a random code with learned mean and variance, by the reparameterization trick."""

from scratchnet.backend import xp_of
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError
from scratchnet.numerics import kl_gradient, kl_to_standard_normal
from scratchnet.validation import check_float, require


class Sampling(Layer):
    """Random code of a variational autoencoder, with the KL term of its loss.

    forward    x (N, 2Z) = [mu | log_var] -> z (N, Z), with log_var = log(sigma^2)
               training    z = mu + sigma eps, with eps ~ Normal(0, 1) and sigma = exp(log_var / 2)
               inference   z = mu
    penalty    P = beta / N times the sum of KL(Normal(mu, sigma^2) || Normal(0, 1)) over the batch
               and the Z components, in nats
    backward   dmu      = dz                    + beta mu / N
               dlog_var = dz sigma eps / 2      + beta (exp(log_var) - 1) / (2 N)
               with dx = [dmu | dlog_var]. In inference mode z does not depend on log_var: only the
               second term of dlog_var remains

    The noise eps does not depend on mu and sigma, so z is a differentiable function of them: the
    reparameterization trick of Kingma and Welling (2014), section 2.4. beta: Higgins et al. (2017).

    Parameters
        beta   weight of the KL term in the loss

    >>> import numpy as np
    >>> from scratchnet.layers import Sampling
    >>> layer = Sampling()
    >>> layer.build((4,), 0)
    (2,)
    >>> layer(np.array([[0.5, -1.0, 0.0, 0.0]]))  # in inference mode, mu
    array([[ 0.5, -1. ]])
    """

    remembers = "mu, log_var and sigma eps"
    needs_whole_batch = True  # random numbers are drawn for one sample after the other
    draws_noise = splits_batch = True

    def __init__(self, beta=1.0, name=None):
        super().__init__(name)
        self.beta = check_float("Sampling", "beta", beta, at_least=0)

    def build(self, input_shape, rng):
        *before, width = input_shape
        if width % 2:
            raise ShapeError(
                f"{self.title} expects means and as many log variances, an even number; got {width}"
            )
        self.rng = rng
        return (*before, width // 2)

    def forward(self, x, train=False):
        n_codes = x.shape[-1] // 2  # Z
        mu, log_var = x[..., :n_codes], x[..., n_codes:]  # (N, Z) each
        if not train:
            return mu, (mu, log_var, None)
        sigma_eps = xp_of(x).exp(0.5 * log_var) * self.rng.normal(like=log_var)  # (N, Z)
        return mu + sigma_eps, (mu, log_var, sigma_eps)

    def penalty(self, cache):
        mu, log_var, _ = cache
        require(len(mu) > 0, f"{self.title}: the batch is empty, it has no mean")
        return self.beta * kl_to_standard_normal(mu, log_var).sum() / len(mu)

    def backward(self, dz, cache):
        mu, log_var, sigma_eps = cache
        dmu, dlog_var = (self.beta / len(mu) * g for g in kl_gradient(mu, log_var))
        dmu += dz
        if sigma_eps is not None:
            dlog_var += 0.5 * dz * sigma_eps
        return xp_of(dz).concatenate([dmu, dlog_var], axis=-1), {}
