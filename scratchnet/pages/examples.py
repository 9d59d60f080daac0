"""Small models that the command trains for a page when no model is given."""

from typing import Any

import numpy as np

from scratchnet.boltzmann import BernoulliRBM
from scratchnet.data import load_images
from scratchnet.layers import Dense, ReLU, Sequential, Sigmoid, Tanh
from scratchnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.models.vae import VAE
from scratchnet.optimizers import Adam
from scratchnet.training import fit

__all__ = ["digits", "example_chains", "example_latent", "example_step"]


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The bundled 8x8 digits: (x, y, x_test, y_test) with x (N, 64) from 0 to 1.

    >>> digits()[0].shape
    (1437, 64)
    """
    images = load_images("digits")
    x, x_test = (part.reshape(-1, 64) for part in (images.x_train, images.x_test))
    return x, images.y_train, x_test, images.y_test


def example_chains() -> tuple[BernoulliRBM, dict]:
    """An RBM of 16 hidden units on digits of 0 and 1, and the options of its page."""
    x, y, x_test, y_test = digits()
    rbm = BernoulliRBM(16, learning_rate=0.1, batch_size=20, n_iter=40, random_state=0)
    rbm.fit((x > 0.5).astype("float32"))
    return rbm, {"x": (x_test > 0.5).astype("float32"), "labels": y_test}


def example_latent() -> tuple[dict, dict]:
    """A VAE, an autoencoder and a PCA with codes of two numbers, and the options of their page."""
    x, _, x_test, y_test = digits()
    settings: dict[str, Any] = {"batch_size": 50, "epochs": 60, "seed": 0, "verbose": False}
    vae = VAE(Sequential([Dense(48), ReLU(), Dense(4)]), Sequential([Dense(48), ReLU(), Dense(64)]))
    vae.build((64,), 0)
    vae.fit(x, optimizer=Adam(0.003), **settings)
    encoder = Sequential([Dense(48), ReLU(), Dense(2)], name="encoder")
    decoder = Sequential([Dense(48), ReLU(), Dense(64), Sigmoid()], name="decoder")
    autoencoder = Sequential([encoder, decoder], name="autoencoder")
    autoencoder.build((64,), 0)
    fit(autoencoder, x, x, loss=MeanSquaredError(), optimizer=Adam(0.003), **settings)
    mean = x.mean(axis=0)
    components = np.linalg.svd(x - mean, full_matrices=False)[2][:2]
    models = {"VAE": vae, "autoencoder": autoencoder, "PCA": (mean, components)}
    return models, {"x": x_test, "labels": y_test}


def example_step() -> tuple[Sequential, dict]:
    """A 2-3-2 network that separates the digits 0 and 1, and the options of its page.

    Its inputs are the mean ink of the two middle columns and that of the other columns.
    """
    x, y, _, _ = digits()
    columns = x[y < 2].reshape(-1, 8, 8).mean(axis=1)  # (N, 8)
    features = np.stack([columns[:, 3:5].mean(axis=1), columns[:, [1, 2, 5, 6]].mean(axis=1)], 1)
    labels = y[y < 2]
    model = Sequential([Dense(3), Tanh(), Dense(2)], name="step")
    model.build((2,), 1)
    fit(
        model,
        features,
        labels,
        loss=SoftmaxCrossEntropy(),
        optimizer=Adam(0.02),
        epochs=4,
        batch_size=32,
        seed=0,
        verbose=False,
    )
    return model, {"x": features[:4], "t": labels[:4], "loss": SoftmaxCrossEntropy()}
