"""Answer to lesson 05: codes of the sparse model, multiplied by a factor.

The penalty makes every activation a little smaller than the best copy needs. A factor of 1.05
gives the smallest validation error, one or two percent below that without a factor. So what the
penalty costs is due to the units that it has removed, not to those that it has made smaller.
"""

from scratchnet.exercises.answers.continued import lesson, shown


def main():
    """Validation error of the sparse model for several factors of its code."""
    m = lesson("05", "for strength in averaged[1:]", "--epochs", "25")
    encoder, decoder = m.models["mean 0.00015"].layers
    h = encoder(m.x_val)
    factors = (1, 1.05, 1.1, 1.2)
    return shown({f"MSE, factor {f:g}": m.loss(decoder(f * h), m.x_val) for f in factors})
