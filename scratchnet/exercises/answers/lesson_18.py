"""Answer to lesson 18: the mean mu decoded in place of a random z, for beta = 10.

`edges` does not rise, it falls: 0.4 from mu and 0.5 from z. For each z the decoder has learned
the mean of all pictures that z may come from, and with beta = 10 these are many, so that its
picture is blurred for every code. The means mu lie close together near 0, where most pictures may
come from: their decoded pictures are the most blurred. For beta = 1 mu and z are close, and so
are the pictures.
"""

from scratchnet.backend import RNG
from scratchnet.exercises.answers.continued import lesson, shown


def main():
    """Edges of decoded pictures from z and from mu, for beta = 1 and 10."""
    m = lesson("18", "features = Sequential", "--epochs", "8")
    real = m.x_val[:, 1:] - m.x_val[:, :-1]
    ten = m.build(m.cfg.code, m.Sampling(10.0))
    ten.fit(m.x, optimizer=m.Adam(m.cfg.learning_rate), **m.settings)
    numbers = {}
    for name, vae in (("beta 1", m.vae), ("beta 10", ten)):
        mu, log_var = vae.encode(m.x_val)
        z = mu + m.xp_of(mu).exp(log_var / 2) * RNG(0).normal(like=mu)
        for what, code in (("z", z), ("mu", mu)):
            y = vae.decode(code)
            numbers[f"edges, {name}, from {what}"] = (y[:, 1:] - y[:, :-1]).var() / real.var()
    return shown(numbers)
