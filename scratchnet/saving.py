"""Models and training runs in one .npz file: plain arrays, no pickle, nothing that can run code.

    save(model, path)      load(model, path)

A file holds "parameters/encoder/dense/W" and so on, and a line of JSON that says what it is. It is
written beside its place and moved there at the end, so that a killed process leaves the old file.
Reading checks everything before it changes anything.
"""

import json
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

from scratchnet.backend import to_numpy, xp_of

VERSION = 1
UNREADABLE = (  # what NumPy, zipfile, zlib and json raise for a file that is not whole or not ours
    ValueError,
    KeyError,
    AttributeError,
    TypeError,
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


class FileError(ValueError):
    """A file that does not hold what was asked of it."""


def save(model, path):
    """Write the model's parameters and state to a .npz file."""
    write(path, {"kind": "model", **architecture(model)}, model_arrays(model))


def load(model, path):
    """Read parameters and state into a model of the same build, from a `save` or a checkpoint.

    Raises FileNotFoundError, or FileError if the file is no such file, is of another version, or
    holds other layers, names, shapes or dtypes. The model then stays as it was.
    """
    info, arrays = read(path, kinds=("model", "checkpoint"))
    load_arrays(model, info, arrays, path)


def model_arrays(model):
    """{"parameters/<path>": array, "state/<path>": array}: all that training changes."""
    groups = {"parameters": model.named_parameters(), "state": model.named_state()}
    return {f"{g}/{n}": a for g, named in groups.items() for n, a in named.items()}


def load_arrays(model, info, arrays, path):
    """Copy the arrays of a file into the model, in place, after checking that all of them fit."""
    layers = architecture(model)["layers"]
    if list(info.get("layers", {}).items()) != list(layers.items()):  # the order counts too
        raise FileError(
            f"{path} holds a model of the layers {_listed(info.get('layers', {}))}; this one has "
            f"{_listed(layers)}: build the model that was saved"
        )
    targets = model_arrays(model)
    saved = {n for n in arrays if n.startswith(("parameters/", "state/"))}
    for name in sorted(saved ^ set(targets)):
        where = "lacks" if name in targets else "holds, unlike this model,"
        raise FileError(f"{path} {where} {name!r}: build the model that was saved")
    for name, target in targets.items():
        new = arrays[name]
        if new.shape != target.shape or new.dtype != target.dtype:
            raise FileError(
                f"{path}: {name!r} is {new.shape} {new.dtype}, but this model's is "
                f"{target.shape} {target.dtype}: build the model that was saved"
            )
    for name, target in targets.items():
        target[...] = xp_of(target).asarray(arrays[name])


def architecture(model):
    """{"layers": {path: class}}: what a file says about the build of its model."""
    layers = model.named_layers()
    return {"layers": {path: type(layer).__name__ for path, layer in layers.items()}}


def _listed(layers):
    return ", ".join(kind for path, kind in layers.items() if kind != "Sequential")


def write(path, info, arrays):
    """Write arrays and an info dictionary to path, all or nothing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"scratchnet": VERSION, **info})
    arrays = {name: to_numpy(array) for name, array in arrays.items()}
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            np.savez(file, info=np.array(line), **arrays)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read(path, kinds):
    """(info, arrays) of a file that `write` made, if it is of one of these kinds."""
    if Path(path).is_dir():
        raise FileError(f"{path} is a folder: name the .npz file in it")
    if not Path(path).exists():
        raise FileNotFoundError(f"{path} does not exist: nothing to load")
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        info = json.loads(str(arrays.pop("info")))
    except UNREADABLE:
        raise FileError(
            f"{path} is not a whole scratchnet file (.npz with an 'info' entry): "
            "damaged, or made by another program"
        ) from None
    if not isinstance(info, dict) or info.get("scratchnet") != VERSION:
        found = info.get("scratchnet") if isinstance(info, dict) else None
        raise FileError(
            f"{path} is of format version {found}; this scratchnet reads version {VERSION}: "
            "load it with the version that wrote it"
        )
    if info.get("kind") not in kinds:
        raise FileError(f"{path} holds a {info.get('kind')!r}; expected {' or '.join(kinds)}")
    return info, arrays
