"""Models and training runs as .npz files: arrays and a line of JSON, no pickle, no code.

    save(model, path)      load(model, path)

A file has an entry "parameters/encoder/dense/W" for each parameter, "state/..." for each running
average, and "info", a line of JSON that describes the model. It is written under a temporary name
and then renamed, so that a crash keeps the old file. `load` checks a file before it changes the
model.

>>> import tempfile
>>> from scratchnet.layers import Dense
>>> model, copy = Dense(2), Dense(2)
>>> model.build((3,), 0), copy.build((3,), 1)
((2,), (2,))
>>> with tempfile.TemporaryDirectory() as folder:
...     save(model, f"{folder}/model.npz")
...     load(copy, f"{folder}/model.npz")
>>> bool((copy.W == model.W).all())
True
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.archives import Archive, ArchiveError
from scratchnet.backend import Array, to_numpy, xp_of
from scratchnet.layers.base import Layer
from scratchnet.paths import expanded
from scratchnet.validation import described_options

VERSION = 1
TRAINING_ONLY = "rate stddev momentum beta l1 l2 unit_forget_bias".split()  # options of layers


class FileError(ValueError):
    """Error for a file that is damaged, of another kind, or of another model."""


def save(model: Layer, path: str | Path) -> None:
    """Write the model's parameters and state to a .npz file.

    >>> import tempfile
    >>> from scratchnet.layers import Dense
    >>> model = Dense(2)
    >>> model.build((3,), 0)
    (2,)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/model.npz")
    ...     sorted(np.load(f"{folder}/model.npz").files)
    ['info', 'parameters/W', 'parameters/b']
    """
    _check_model("save", model)
    write(path, {"kind": "model", **architecture(model)}, model_arrays(model))


def load(model: Layer, path: str | Path) -> None:
    """Read parameters and state into a built model with equal layers, from `save` or a checkpoint.

    Raises FileNotFoundError, or FileError if the file is damaged, of another format version, or of
    a model with other layers, names, shapes or dtypes. The model is not changed then.

    >>> from scratchnet.layers import Dense
    >>> load(Dense(2), "missing.npz")
    Traceback (most recent call last):
    FileNotFoundError: missing.npz does not exist: nothing to load
    """
    _check_model("load", model)
    info, arrays = read(path, ("model", "checkpoint"), model_arrays(model))
    load_arrays(model, info, arrays, path)


def _check_model(owner, model):
    if isinstance(model, Layer):
        return
    parts = [part for part in ("model", "generator") if isinstance(getattr(model, part, 0), Layer)]
    hint = f"pass its .{parts[0]}" if parts else "an estimator is written with joblib.dump"
    raise TypeError(f"{owner} expects a layer or model; got {type(model).__name__}: {hint}")


def model_arrays(model: Layer) -> dict[str, Array]:
    """All arrays that training changes, {"parameters/<path>": array, "state/<path>": array}.

    >>> from scratchnet.layers import BatchNormalization
    >>> model = BatchNormalization(scale=False)
    >>> model.build((3,), 0)
    (3,)
    >>> [*model_arrays(model)]
    ['parameters/beta', 'state/moving_mean', 'state/moving_variance']
    """
    groups = {"parameters": model.named_parameters(), "state": model.named_state()}
    return {f"{g}/{n}": a for g, named in groups.items() for n, a in named.items()}


def load_arrays(model: Layer, info: dict, arrays: dict[str, Array], path: str | Path) -> None:
    """Copy the arrays of a file into the model, in place, after checking that all of them fit.

    Raises FileError as `load`.

    >>> from scratchnet.layers import Dense
    >>> model = Dense(1, use_bias=False)
    >>> model.build((1,), 0)
    (1,)
    >>> load_arrays(model, architecture(model), {"parameters/W": np.float32([[7]])}, "a.npz")
    >>> model.W.tolist()
    [[7.0]]
    """
    ours = architecture(model)
    layers = ours["layers"]
    if list(info.get("layers", {}).items()) != list(layers.items()):  # the order counts too
        raise FileError(
            f"{path} holds a model of the layers {_listed(info.get('layers', {}))}; this one has "
            f"{_listed(layers)}: build the model that was saved"
        )
    for layer, options in info.get("options", {}).items():  # absent in files of version 0.1
        for option, value in options.items():
            if ours["options"].get(layer, {}).get(option, value) != value:
                raise FileError(
                    f"{path} holds a {layers[layer]} {layer!r} with {option}={value}; this one has "
                    f"{option}={ours['options'][layer][option]}: build the model that was saved"
                )
    targets = model_arrays(model)
    saved = {n for n in arrays if n.startswith(("parameters/", "state/"))}
    for name in sorted(saved ^ set(targets)):
        problem = "lacks" if name in targets else "has, unlike this model,"
        raise FileError(f"{path} {problem} {name!r}: build the model that was saved")
    for name, target in targets.items():
        new = arrays[name]
        if new.shape != target.shape or new.dtype != target.dtype:
            raise FileError(
                f"{path}: {name!r} is {new.shape} {new.dtype}, but this model's is "
                f"{target.shape} {target.dtype}: build the model that was saved"
            )
    for name, target in targets.items():
        target[...] = xp_of(target).asarray(arrays[name])


def architecture(model: Layer) -> dict[str, Any]:
    """Description of a model in its file: {"layers": {path: class}, "options": {path: {...}}}.

    The options are those of the constructors that change the output of a trained model, as text.

    >>> from scratchnet.layers import LeakyReLU, Sequential, Tanh
    >>> found = architecture(Sequential([Tanh(), LeakyReLU(0.2)]))
    >>> found["layers"]
    {'': 'Sequential', 'tanh': 'Tanh', 'leaky_relu': 'LeakyReLU'}
    >>> found["options"]
    {'leaky_relu': {'negative_slope': '0.2'}}
    """
    layers = model.named_layers()
    options = {path: _options(layer) for path, layer in layers.items()}
    return {
        "layers": {path: type(layer).__name__ for path, layer in layers.items()},
        "options": {path: found for path, found in options.items() if found},
    }


def _options(layer):
    """Options that change the output at inference: no layers inside, initializers or noise."""
    return {
        name: value
        for name, value in described_options(layer).items()
        if not name.endswith("_initializer")
        and name not in TRAINING_ONLY
        and not _has_layers(getattr(layer, name))
    }


def _has_layers(value):
    values = value if isinstance(value, (tuple, list)) else [value]
    return any(isinstance(v, Layer) for v in values)


def _listed(layers):
    return ", ".join(kind for path, kind in layers.items() if kind != "Sequential")


def write(path: str | Path, info: dict, arrays: dict[str, Array]) -> None:
    """Write arrays and an info dictionary to a .npz file, completely or not at all.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/a.npz", {"kind": "model"}, {"x": np.ones(2)})
    ...     read(f"{folder}/a.npz", kinds=["model"])
    ({'scratchnet': 1, 'kind': 'model'}, {'x': array([1., 1.])})
    """
    path = expanded(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"scratchnet": VERSION, **info})
    arrays = {name: to_numpy(array) for name, array in arrays.items()}
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            np.savez(file, info=np.array(line), **arrays)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read(
    path: str | Path, kinds: Sequence[str], targets: dict[str, Array] | None = None
) -> tuple[dict, dict[str, Array]]:
    """Return (info, arrays) of a file that `write` made, if info["kind"] is one of the kinds.

    With targets, an array without the shape and dtype of the target of its name is not read: zeros
    without memory of their own take its place. Raises FileNotFoundError or FileError as `load`.
    Example: see `write`.

    >>> read(".", kinds=["model"])
    Traceback (most recent call last):
    scratchnet.saving.FileError: . is a folder: name the .npz file in it
    """
    path = expanded(path)
    if path.is_dir():
        raise FileError(f"{path} is a folder: name the .npz file in it")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: nothing to load")
    try:
        with Archive(path) as archive:
            shape, dtype = archive.header("info")
            if shape or dtype.kind != "U":
                raise ArchiveError("'info' is no text")
            info = json.loads(str(archive.read("info")))
            arrays = {n: _array(archive, n, targets) for n in archive.names if n != "info"}
    except (ValueError, RecursionError, OSError):  # ArchiveErrors and those of json are ValueErrors
        raise FileError(
            f"{path} is not a complete scratchnet file (.npz with an entry 'info'): it is damaged, "
            "or was made by another program"
        ) from None
    if not isinstance(info, dict) or info.get("scratchnet") != VERSION:
        version = info.get("scratchnet") if isinstance(info, dict) else None
        raise FileError(
            f"{path} has format version {version}; this scratchnet reads version {VERSION}: "
            "load it with the version that wrote it"
        )
    if info.get("kind") not in kinds:
        raise FileError(f"{path} holds a {info.get('kind')!r}; expected {' or '.join(kinds)}")
    return info, arrays


def _array(archive, name, targets):
    """An array of the file, or a stand-in of its shape and dtype if it does not fit its target.

    Without targets an array of unknown size must not be compressed, as in the files of `write`.
    """
    if targets is None and not archive.stored(name):
        raise ArchiveError(f"{name!r} is compressed")
    if targets is not None:
        shape, dtype = archive.header(name)
        target = targets.get(name)
        if target is None or target.shape != shape or target.dtype != dtype:
            return np.broadcast_to(np.zeros((), dtype), shape)
    return archive.read(name)
