"""Page of codes: drag a point in a plane and see it decoded, or draw an image and see its code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.backend import Array, to_device, to_numpy
from scratchnet.layers import Dense, Layer, Sequential, Sigmoid
from scratchnet.models.vae import VAE
from scratchnet.pages.html import LIMIT, resource, write_page
from scratchnet.pages.images import example_images, image_shape_of
from scratchnet.pages.network import describe, numbers
from scratchnet.validation import require

POINTS = 300  # samples whose codes are shown in the plane


def latent_page(
    models: Any,
    path: str | Path,
    *,
    x: Array | None = None,
    labels: Array | None = None,
    image_shape: tuple[int, int] | None = None,
    limit: float | None = LIMIT,
) -> Path:
    """Write the page of one model with a code, or of several side by side.

    Parameters
        models        a model, or {name: model}. A model is a `VAE`, an autoencoder
                      (``Sequential([encoder, decoder])``, or one that is split at its narrowest
                      layer), a pair (encoder, decoder), a pair (mean (D,), components (K, D)) or a
                      fitted PCA of scikit-learn
        x             samples (N, ...) whose codes the plane shows; the page can load some of them
        labels        their classes (N,), shown in the plane
        image_shape   (height, width) of a sample; by default that of the input, or a square
        limit         size of the page in kilobytes; None: any size

    Raises ValueError for a layer that the page cannot compute, a code of fewer than two numbers, or
    a page larger than the limit.

    >>> import tempfile
    >>> components = np.eye(4)[:2]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = latent_page((np.zeros(4), components), f"{folder}/latent.html")
    ...     path.name
    'latent.html'
    """
    models = models if isinstance(models, Mapping) else {_title(models): models}
    require(len(models) > 0, "the latent page expects at least one model; got none")
    pairs = {name: encoder_decoder(model) for name, model in models.items()}
    height, width = image_shape_of([_input_shape(*pair) for pair in pairs.values()], image_shape)
    examples = None if x is None else to_numpy(x).reshape(len(x), -1)[:POINTS].astype("float32")
    if examples is not None:
        require(
            examples.shape[1] == height * width,
            f"the latent page expects samples x of {height * width} numbers, as the models do; "
            f"got {examples.shape[1]}",
        )
    if labels is not None:
        labels = to_numpy(labels)[: len(examples) if examples is not None else 0].tolist()
    data = {
        "height": height,
        "width": width,
        "models": [_model_data(name, *pair, examples) for name, pair in pairs.items()],
        "labels": labels,
        "examples": example_images(examples, labels),
    }
    scripts = ["network.js", "pixels.js", "latent.js"]
    return write_page(
        path,
        title="Codes of images",
        body=resource("latent.html"),
        data=data,
        scripts=scripts,
        styles=["latent.css"],
        limit=limit,
    )


def _input_shape(encoder, decoder):
    require(
        encoder.input_shape is not None and decoder.input_shape is not None,
        "the latent page expects built models: call build(input_shape, seed) first",
    )
    return encoder.input_shape


def _title(model):
    if isinstance(model, VAE):
        return "VAE"
    return "autoencoder" if isinstance(model, Layer) or _is_layers(model) else "PCA"


def _is_layers(model):
    return isinstance(model, (tuple, list)) and all(isinstance(part, Layer) for part in model)


def encoder_decoder(model: Any) -> tuple[Layer, Layer]:
    """Encoder and decoder of a model, as two built layers; see `latent_page`.

    >>> encoder, decoder = encoder_decoder((np.ones(3), np.eye(3)[:2]))  # a PCA
    >>> encoder(np.array([[2, 3, 4]], "float32")), decoder(np.zeros((1, 2), "float32"))
    (array([[1., 2.]], dtype=float32), array([[1., 1., 1.]], dtype=float32))
    """
    if isinstance(model, VAE):
        require(
            model.model.input_shape is not None,
            "the latent page expects a built VAE: call build(input_shape, seed) first",
        )
        require(
            model.classes is None,
            "the latent page expects a VAE without classes, whose decoder has the code alone as "
            f"input; this one has classes={model.classes}",
        )
        decoder = [model.decoder] if model._gaussian else [model.decoder, Sigmoid()]
        return _mean_encoder(model), _built(decoder, model.decoder.input_shape)
    if isinstance(model, Sequential):
        return _halves(model)
    if _is_layers(model) and len(model) == 2:
        return tuple(model)
    if hasattr(model, "components_") and hasattr(model, "mean_"):  # scikit-learn's PCA
        require(not model.whiten, "the latent page expects a PCA with whiten=False; got True")
        model = (model.mean_, model.components_)
    if isinstance(model, (tuple, list)) and len(model) == 2:
        return _pca(*model)
    raise TypeError(
        "the latent page expects a VAE, an autoencoder, (encoder, decoder) or a PCA (mean, "
        f"components); got {type(model).__name__}"
    )


def _built(layers, shape):
    """A Sequential of layers that are built: they keep their weights."""
    model = Sequential(layers)
    model.build(shape, 0)
    return model


def _mean_encoder(vae):
    """The encoder of a VAE with a layer that selects the means, the first half of its output."""
    two_z = vae.encoder(to_device(np.zeros((1, *vae.encoder.input_shape)))).shape[-1]
    select = Dense(two_z // 2, use_bias=False)
    model = _built([vae.encoder, select], vae.encoder.input_shape)
    select.W = to_device(np.eye(two_z, two_z // 2))
    return model


def _halves(model):
    """Split a Sequential into encoder and decoder."""
    require(
        model.input_shape is not None and len(model.layers) > 1,
        "the latent page expects a built autoencoder of two or more layers",
    )
    if len(model.layers) == 2 and isinstance(model.layers[0], Sequential):
        return model.layers
    sizes = [int(np.prod(shape)) for shape in model.shapes[:-1]]
    last = max(i for i, size in enumerate(sizes) if size == min(sizes))
    encoder, decoder = model.layers[: last + 1], model.layers[last + 1 :]
    return _built(encoder, model.input_shape), _built(decoder, model.shapes[last])


def _pca(mean, components):
    """PCA as two Dense layers: z = (x - m) C^T = x C^T - m C^T and x = z C + m."""
    m, C = (to_numpy(array).astype("float32") for array in (mean, components))
    require(
        m.ndim == 1 and C.ndim == 2 and C.shape[1] == len(m),
        f"the latent page expects a PCA as (mean (D,), components (K, D)); got {m.shape} and "
        f"{C.shape}",
    )
    encoder, decoder = Dense(len(C)), Dense(len(m))
    encoder.build((len(m),), 0)
    decoder.build((len(C),), 0)
    encoder.W, encoder.b = to_device(C.T.copy()), to_device(-C @ m)
    decoder.W, decoder.b = to_device(C), to_device(m)
    return encoder, decoder


def _model_data(name, encoder, decoder, examples):
    """Weights, codes of the examples, and numbers that the page is compared with."""
    pixels = int(np.prod(encoder.input_shape))
    exact_encoder, exact_decoder = encoder.astype("float64"), decoder.astype("float64")

    def encode(x):
        x = to_device(x.reshape(-1, *encoder.input_shape), "float64")
        return to_numpy(exact_encoder(x)).reshape(len(x), -1)

    rng = np.random.default_rng(0)
    inputs = rng.uniform(size=(3, pixels)).astype("float32")
    codes = None if examples is None else encode(examples)
    z_inputs = encode(inputs)
    n = z_inputs.shape[1]
    require(n > 1, f"the latent page expects codes of at least 2 numbers; {name} has {n}")
    codes_in = np.float32([np.zeros(n), *z_inputs[:2]])
    decoded = exact_decoder(to_device(codes_in.reshape(-1, *decoder.input_shape), "float64"))
    shown = z_inputs if codes is None else codes
    low, high = shown.min(axis=0), shown.max(axis=0)
    margin = 0.08 * (high - low) + 1e-3
    if codes is None:
        low, high = np.minimum(low, -3), np.maximum(high, 3)
    return {
        "name": name,
        "encoder": describe(encoder, "the latent page"),
        "decoder": describe(decoder, "the latent page"),
        "size": n,
        "low": numbers(low - margin),
        "high": numbers(high + margin),
        "codes": None if codes is None else codes,
        "check": {
            "x": inputs,
            "z": z_inputs,
            "codes": codes_in,
            "decoded": to_numpy(decoded).reshape(3, -1),
        },
    }
