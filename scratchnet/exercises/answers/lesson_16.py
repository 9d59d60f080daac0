"""Answer to lesson 16: the standard deviation in place of the variance.

With log sigma = v / 2 the wrong KL is K = -1/2 (1 + v/2 - mu^2 - exp(v/2)), and its gradient is
right for this K: dv = -1/4 (1 - exp(v/2)). The gradient check finds nothing. The definition of
the KL finds it: K is 1.2 in place of 2.3, the mean of log q - log p. The comparison with -log
p(x) does not find it here: the loss stays above. This K, too, is smaller than the right one for
small sigma, but not by enough for a loss below -log p(x).
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Sampling


class SigmaForVariance(Sampling):
    """The mistake: K = -1/(2N) sum of 1 + log sigma - mu^2 - sigma, with its own gradient."""

    def penalty(self, cache):
        mu, v, _ = cache
        return -0.5 * self.beta * (1 + v / 2 - mu**2 - np.exp(v / 2)).sum() / len(mu)

    def backward(self, dz, cache):
        mu, v, sigma_eps = cache
        dmu = dz + self.beta * mu / len(mu)
        dv = -0.25 * self.beta * (1 - np.exp(v / 2)) / len(mu)
        if sigma_eps is not None:
            dv = dv + 0.5 * dz * sigma_eps
        return np.concatenate([dmu, dv], axis=-1), {}


def main():
    """Apply the three checks to the wrong KL."""
    m = lesson("16", "history = train(right)", "--cells", "60", "--epochs", "8")
    wrong = SigmaForVariance()
    report = gradcheck(wrong, np.random.default_rng(0).standard_normal((4, 6)))
    K = wrong.penalty((m.mu, m.log_var, None))
    vae = m.build(SigmaForVariance())
    m.train(vae)
    return shown(
        {
            "relative error in the gradient check": report.error,
            "K by the formula": K,
            "K by its definition, mean of log q - log p": (m.log_q - m.log_p).mean(),
            "loss as trained": m.trained_loss(vae),
            "-log p(x)": exact(m, vae),
        }
    )


def exact(m, vae, limit=5.0):
    """Nats of -log p(x) for an average picture, by a sum over a grid of codes."""
    line = np.linspace(-limit, limit, m.cfg.cells)
    z = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    log_prior = -0.5 * (z * z).sum(axis=1) - np.log(2 * np.pi)
    log_area = 2 * np.log(line[1] - line[0])
    a = vae.decoder(z.astype("float32"))
    log_p = m.first_500 @ a.T - m.softplus(a).sum(axis=1) + (log_prior + log_area)
    return -float(m.logsumexp(log_p).mean())
