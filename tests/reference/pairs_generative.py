"""Our objects beside the code of make_*_generative.py: whole training steps, noise given."""

from scratchnet.layers import Dense, LeakyReLU, Sequential, Tanh
from scratchnet.models.gan import GAN
from scratchnet.models.vae import VAE
from scratchnet.optimizers import SGD, Adam, RMSprop

VAE_RULES = {"torch": RMSprop(0.01), "keras": SGD(0.05, momentum=0.9)}  # what trains it there


def vae(classes=None):
    """x (N, 6) -> code (N, 2) -> logits (N, 6)."""
    encoder, decoder = (Sequential([Dense(7), Tanh(), Dense(units)]) for units in (4, 6))
    model = VAE(encoder, decoder, beta=0.7, classes=classes)
    model.build((6,), 0)
    return model


def gan(classes=None):
    """z (N, 3) -> x (N, 6) -> logit, and what trains D and G."""
    g, d = Sequential([Dense(5), Tanh(), Dense(6)]), Sequential([Dense(5), LeakyReLU(), Dense(1)])
    g.build((3 + (classes or 0),), 1)
    d.build((6 + (classes or 0),), 2)
    return GAN(g, d, smoothing=0.1, classes=classes), Adam(0.01, beta_1=0.5), Adam(0.02, beta_1=0.5)
