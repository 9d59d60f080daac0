"""`page`: the page of a trained model, chosen by the type of the model."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.boltzmann import EnergyModel
from scratchnet.boltzmann.estimators.base import BoltzmannEstimator
from scratchnet.layers import Layer
from scratchnet.models.vae import VAE
from scratchnet.pages.chains import chains_page
from scratchnet.pages.latent import latent_page
from scratchnet.pages.step import step_page
from scratchnet.validation import unknown_name

KINDS: dict[str, Callable[..., Path]] = {
    "chains": chains_page,
    "latent": latent_page,
    "step": step_page,
}


def page(model: Any, path: str | Path, kind: str | None = None, **options: Any) -> Path:
    """Write a page of a trained model to an .html file, which opens without network; return path.

        kind       model                                   options
        "chains"   BernoulliRBM, GaussianRBM, DBM          x, labels, image_shape   `chains_page`
        "latent"   VAE, autoencoder, PCA (mean,            x, labels, image_shape   `latent_page`
                   components), or {name: model} of them
        "step"     Sequential of at most 10 units a layer  x, t, loss               `step_page`

    Parameters
        kind      of the page. By default "chains" for an estimator of Boltzmann machines, "latent"
                  for a VAE, a PCA, a dictionary, or a network whose output has the shape of its
                  input, "step" for another network
        options   of the function in the table, and `limit`, the size of the page in kilobytes

    Raises TypeError or ValueError for a model that the page cannot show.

    >>> import tempfile
    >>> from scratchnet.layers import Dense, Sequential, Tanh
    >>> model = Sequential([Dense(3), Tanh(), Dense(2)])
    >>> model.build((4,), 0)
    (2,)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page(model, f"{folder}/step.html").name
    'step.html'
    """
    kind = _kind_of(model) if kind is None else kind
    if kind not in KINDS:
        raise unknown_name("kind of page", kind, KINDS)
    return KINDS[kind](model, path, **options)


def _kind_of(model):
    if isinstance(model, (EnergyModel, BoltzmannEstimator)) or hasattr(model, "rbms_"):
        return "chains"
    if isinstance(model, (VAE, Mapping, tuple, list)) or hasattr(model, "components_"):
        return "latent"
    if isinstance(model, Layer):
        shape = model.input_shape
        copies = shape is not None and model(np.zeros((1, *shape), "float32")).shape[1:] == shape
        return "latent" if copies else "step"
    raise TypeError(
        "page expects a fitted Boltzmann machine, a VAE, a network, a PCA (mean, components) or a "
        f"dictionary of such models; got {type(model).__name__}"
    )
