"""Sampling: a random code whose mean and variance the encoder chose, with a gradient for both."""

from scratchnet.backend import xp_of
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError
from scratchnet.numerics import kl_gradient, kl_to_standard_normal
from scratchnet.validation import check_float


class Sampling(Layer):
    """Training: z = m + exp(v / 2) e with e ~ N(0, 1). Inference: z = m.

    The input holds both, side by side in its last axis: x = [m | v], v the log of the variance.
    The loss grows by P = beta / N sum KL(N(m, exp(v)) || N(0, 1)), in nats for an average sample.

    forward    x (N, 2Z) -> z (N, Z)
    backward   dm = dz + beta m / N
               dv = dz e exp(v / 2) / 2 + beta (exp(v) - 1) / (2 N), at inference without e

    The noise e does not depend on m and v, so z is a plain function of them and has a gradient:
    the reparameterisation of Kingma and Welling (2014), section 2.4. beta: Higgins et al. (2017).
    """

    remembers = "m, v and exp(v / 2) e"
    needs_whole_batch = True  # random numbers come in the order of the samples

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
        z = x.shape[-1] // 2
        m, v = x[..., :z], x[..., z:]  # (N, Z) each
        if not train:
            return m, (m, v, None)
        spread = xp_of(x).exp(0.5 * v) * self.rng.normal(like=v)  # (N, Z)
        return m + spread, (m, v, spread)

    def penalty(self, cache):
        m, v, _ = cache
        return self.beta * kl_to_standard_normal(m, v).sum() / len(m)

    def backward(self, dz, cache):
        m, v, spread = cache
        dm, dv = (self.beta / len(m) * g for g in kl_gradient(m, v))
        dm += dz
        if spread is not None:
            dv += 0.5 * dz * spread
        return xp_of(dz).concatenate([dm, dv], axis=-1), {}
