"""Models for the pages from .npz files."""

from pathlib import Path
from typing import Any

from scratchnet.archives import Archive, ArchiveError
from scratchnet.backend import to_device
from scratchnet.boltzmann import Bernoulli, EnergyModel, Gaussian
from scratchnet.layers import SELU, Dense, ReLU, Sequential, Sigmoid, Softmax, Softplus, Tanh
from scratchnet.models.vae import VAE
from scratchnet.pages.network import UNCHANGED
from scratchnet.paths import expanded
from scratchnet.saving import FileError, read

WITHOUT_SETTINGS = {kind.__name__: kind for kind in (ReLU, SELU, Softplus, Sigmoid, Tanh, Softmax)}
SKIPPED = {kind.__name__ for kind in UNCHANGED}


def load_machine(path: str | Path) -> EnergyModel:
    """Read an RBM or DBM from the arrays W1, W2, ..., b0, b1, ... of a .npz file.

    ``np.savez(path, **rbm.energy_model_.parameters())`` writes such a file. With an array
    log_variance, the visible units are Gaussian.

    Raises FileNotFoundError, or FileError for another file.

    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/a.npz", W1=np.zeros((3, 2)), b0=np.zeros(3), b1=np.zeros(2))
    ...     load_machine(f"{folder}/a.npz")
    EnergyModel(3-2, numpy float64)
    """
    path = expanded(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: nothing to load")
    try:
        with Archive(path) as archive:
            arrays = {name: archive.read(name).astype("float64") for name in archive.names}
    except ValueError as problem:  # an ArchiveError, or text instead of numbers
        kind = ArchiveError.__name__ if isinstance(problem, ArchiveError) else "text"
        raise FileError(f"{path} is no .npz file of numbers ({kind}: {problem})") from None
    L = sum(name.startswith("W") for name in arrays)
    wanted = {f"W{i}" for i in range(1, L + 1)} | {f"b{i}" for i in range(L + 1)}
    if not L or set(arrays) - {"log_variance"} != wanted:
        raise FileError(
            f"{path} holds {', '.join(arrays) or 'nothing'}; a Boltzmann machine expects W1, b0, "
            "b1: write it with np.savez(path, **rbm.energy_model_.parameters())"
        )
    units: list = [Bernoulli() for _ in range(L + 1)]
    if "log_variance" in arrays:
        units[0] = Gaussian(len(arrays["b0"]))
        units[0].log_variance = arrays["log_variance"]
    weights = [arrays[f"W{i}"] for i in range(1, L + 1)]
    return EnergyModel(units, weights, [arrays[f"b{i}"] for i in range(L + 1)])


def load_network(path: str | Path) -> Any:
    """Read a network of Dense layers and activations from a file of `saving.save`.

    Returns a `Sequential`, or a `VAE` with Bernoulli pixels if the file has a layer `Sampling`. A
    layer that does not change a flat sample at inference is left out.

    Raises FileNotFoundError, or FileError for another file, or a layer whose settings are not part
    of the file: such a model is passed to `page` in Python.

    >>> import tempfile
    >>> import numpy as np
    >>> from scratchnet.saving import save
    >>> model = Sequential([Dense(3), Tanh(), Dense(2)])
    >>> model.build((4,), 0)
    (2,)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/model.npz")
    ...     copy = load_network(f"{folder}/model.npz")
    >>> bool((copy(np.ones((1, 4), "float32")) == model(np.ones((1, 4), "float32"))).all())
    True
    """
    info, arrays = read(path, ("model", "checkpoint"))
    kinds = info["layers"]
    if kinds.get("") != "Sequential":
        raise FileError(f"{path} holds a {kinds.get('')}; a page expects a Sequential")
    top = [name for name in kinds if name and "/" not in name]
    if "Sampling" in kinds.values():
        if [kinds[name] for name in top] != ["Sequential", "Sampling", "Sequential"]:
            raise FileError(f"{path}: a page expects a VAE of encoder, Sampling and decoder")
        encoder, decoder = (_rebuilt(kinds, arrays, top[i], path) for i in (0, 2))
        vae = VAE(encoder, decoder)
        vae.build(encoder.input_shape, 0)
        return vae
    return _rebuilt(kinds, arrays, "", path)


def _rebuilt(kinds, arrays, prefix, path):
    """The Sequential at a path of the file, built, with its weights."""
    model = _layer(kinds, prefix, arrays, path)
    first = next(
        (name for name, kind in kinds.items() if kind == "Dense" and name.startswith(prefix)), None
    )
    if first is None:
        raise FileError(f"{path}: a page expects a Dense layer in each part of the model")
    model.build((arrays[f"parameters/{first}/W"].shape[0],), 0)
    for name, target in model.named_parameters().items():
        full = "/".join(filter(None, ("parameters", prefix, name)))
        target[...] = to_device(arrays[full])
    return model


def _layer(kinds, place, arrays, path):
    """The layer at a path of the file, not yet built."""
    kind, name = kinds[place], place.rpartition("/")[2] or None
    if kind == "Sequential":
        start = f"{place}/" if place else ""
        inside = [
            other
            for other in kinds
            if other and other.startswith(start) and "/" not in other[len(start) :]
        ]
        parts = [other for other in inside if kinds[other] not in SKIPPED]
        return Sequential([_layer(kinds, other, arrays, path) for other in parts], name=name)
    if kind == "Dense":
        units = arrays[f"parameters/{place}/W"].shape[1]
        return Dense(units, use_bias=f"parameters/{place}/b" in arrays, name=name)
    if kind in WITHOUT_SETTINGS:
        return WITHOUT_SETTINGS[kind](name=name)
    raise FileError(
        f"{path} holds a {kind}, whose settings are not part of the file or which a page cannot "
        "compute: call scratchnet.pages.page(model, path) in Python"
    )
