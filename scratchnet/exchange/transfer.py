"""Weights of PyTorch and Keras models into the equal model here, and back.

    load_torch(model, path)        save_torch(model, path)
    load_keras(model, path)        save_keras(model, path)

The weights of another framework have names that depend on how the model was written there. So the
modules of the file and the layers of the model with parameters are paired in their order, first to
last, and compared by the names and shapes of their tensors.
"""

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from scratchnet.backend import to_numpy, xp_of
from scratchnet.exchange.feature_order import feature_orders
from scratchnet.exchange.layouts import Tensor, keras_tensors, torch_tensors
from scratchnet.exchange.tensor_files import read_tensors, write_tensors
from scratchnet.layers import Bidirectional, Sequential, TimeDistributed, WeightRegularization
from scratchnet.layers.base import Layer
from scratchnet.saving import FileError

__all__ = ["load_keras", "load_torch", "save_keras", "save_torch"]

RECURRENT = re.compile(r"((?:weight|bias)_(?:ih|hh))(?:_l(\d+))?(_reverse)?")
LISTED = re.compile(r"arr_(\d+)")  # names of np.savez(path, *model.get_weights())
WITHOUT_USE = ("num_batches_tracked",)  # of PyTorch's BatchNorm: a counter


class Part(NamedTuple):
    """Layer with parameters: its path here, its default module name there, and its tensors."""

    path: str
    module: str
    tensors: list[Tensor]


def load_torch(model: Layer, path: str | os.PathLike, modules: Sequence[str] | None = None) -> None:
    """Read a PyTorch state_dict from a .npz or .safetensors file into a built model.

    In PyTorch: ``np.savez(path, **{n: t.numpy() for n, t in net.state_dict().items()})``, or
    ``safetensors.torch.save_file(net.state_dict(), path)``.

    Parameters
        modules   names of PyTorch's modules in the order of our layers with parameters, such as
                  ["encoder.0", "decoder.0"]; the second layer of a stacked nn.LSTM named "rnn" is
                  "rnn:1". None: the order of the file. The library safetensors sorts by names:
                  then they must be those of `save_torch`, or numbers as in nn.Sequential

    The outputs are equal if the options are, such as epsilon (1e-5 in PyTorch's BatchNorm2d, 1e-3
    here) and padding. Raises FileNotFoundError, and FileError where a tensor is missing, without a
    layer, or of another shape. Nothing is changed then.

    >>> import tempfile
    >>> from scratchnet.layers import Dense
    >>> model = Dense(1)
    >>> model.build((2,), 0)
    (1,)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/a.npz", **{"0.weight": [[3.0, 4.0]], "0.bias": [5.0]})
    ...     load_torch(model, f"{folder}/a.npz")
    >>> model.W
    array([[3.],
           [4.]], dtype=float32)
    """
    _load(path, torch_parts(model), _torch_modules(read_tensors(path)), modules)


def save_torch(model: Layer, path: str | os.PathLike, modules: Sequence[str] | None = None) -> None:
    """Write the parameters as a PyTorch state_dict, to a .npz or .safetensors file.

    In PyTorch: ``net.load_state_dict({n: torch.from_numpy(a) for n, a in np.load(path).items()})``.

    Parameters
        modules   as for `load_torch`. None: the positions in the model, as in nn.Sequential, such
                  as "0.2" for the third layer of the first inner Sequential

    Raises ValueError for a layer that PyTorch does not have.

    >>> import tempfile
    >>> from scratchnet.layers import LSTM, Dense
    >>> model = Sequential([LSTM(1, use_bias=False), Dense(1)])
    >>> model.build((None, 2), 0)
    (1,)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_torch(model, f"{folder}/a.npz", modules=["lstm", "out"])
    ...     np.load(f"{folder}/a.npz").files
    ['lstm.weight_ih_l0', 'lstm.weight_hh_l0', 'out.weight', 'out.bias']
    """

    def full_name(module, tensor):
        recurrent = RECURRENT.fullmatch(tensor)
        if not recurrent:
            return f"{module}.{tensor}"
        module, _, number = module.partition(":")
        return f"{module}.{recurrent[1]}_l{number or 0}{recurrent[3] or ''}"

    _save(path, torch_parts(model), modules, full_name)


def load_keras(model: Layer, path: str | os.PathLike, modules: Sequence[str] | None = None) -> None:
    """Read the weights of a Keras model from a .npz or .safetensors file into a built model.

    In Keras: ``np.savez(path, *model.get_weights())``, or by names
    ``np.savez(path, **{w.path: w.numpy() for w in model.weights})``.

    Parameters
        modules   names of Keras' layers (paths without the last part) in the order of our layers
                  with parameters. None: as for `load_torch`

    Raises the errors of `load_torch`.

    >>> import tempfile
    >>> from scratchnet.layers import Dense
    >>> model = Dense(1)
    >>> model.build((2,), 0)
    (1,)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/a.npz", np.float32([[3], [4]]), np.float32([5]))
    ...     load_keras(model, f"{folder}/a.npz")
    >>> model.b
    array([5.], dtype=float32)
    """
    parts = keras_parts(model)
    tensors = read_tensors(path)
    _load(path, parts, _keras_modules(path, tensors, parts), modules)


def save_keras(model: Layer, path: str | os.PathLike, modules: Sequence[str] | None = None) -> None:
    """Write the parameters in Keras' order and layouts, to a .npz or .safetensors file.

    In Keras: ``archive = np.load(path)`` and
    ``model.set_weights([archive[name] for name in archive.files])``.

    Parameters
        modules   as for `load_keras`. None: the paths of our layers

    >>> import tempfile
    >>> from scratchnet.layers import Dense
    >>> model = Sequential([Dense(1)])
    >>> model.build((2,), 0)
    (1,)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_keras(model, f"{folder}/a.npz")
    ...     np.load(f"{folder}/a.npz").files
    ['dense/kernel', 'dense/bias']
    """
    _save(path, keras_parts(model), modules, "{}/{}".format)


# ------------------------------------------------------------------------------- layers and modules


def torch_parts(model: Layer) -> list[Part]:
    """Layers with tensors in PyTorch, first to last."""
    _check_built(model)
    orders, parts, seen = feature_orders(model), [], set()

    def visit(path, module, layer):
        if layer in seen:
            return
        seen.add(layer)
        tensors = torch_tensors(layer, *orders.get(layer, (None, None)))
        if tensors:
            parts.append(Part(path, module or "0", tensors))
        if isinstance(layer, Bidirectional):
            return  # one module with the tensors of both directions
        for name, child in layer.children.items():
            own = name
            if isinstance(layer, Sequential):
                own = str(layer.layers.index(child))
            if isinstance(layer, (TimeDistributed, WeightRegularization)):
                own = ""  # no module of its own in PyTorch
            visit(f"{path}/{name}".lstrip("/"), f"{module}.{own}".strip("."), child)

    visit("", "", model)
    return parts


def keras_parts(model: Layer) -> list[Part]:
    """Layers with tensors in Keras, first to last."""
    _check_built(model)
    layers = model.named_layers()
    found = ((path, keras_tensors(layer)) for path, layer in layers.items())
    return [Part(path, path or "layer", tensors) for path, tensors in found if tensors]


def _check_built(model):
    if not isinstance(model, Layer):
        raise TypeError(f"expected a layer or model; got {type(model).__name__}: pass its .model")
    if model.input_shape is None:
        raise ValueError(f"{model.title} is not built yet: call build(input_shape, seed) first")


def _torch_modules(tensors):
    """{module: {name: array}} of a state_dict, in the order of the file."""
    modules: dict[str, dict] = {}
    for full, a in tensors.items():
        module, _, name = full.rpartition(".")
        recurrent = RECURRENT.fullmatch(name)
        if recurrent:
            name = recurrent[1] + (recurrent[3] or "")
            module += f":{recurrent[2]}" if int(recurrent[2] or 0) else ""
        if name not in WITHOUT_USE:
            modules.setdefault(module, {})[name] = a
    return modules


def _keras_modules(path, tensors, parts):
    """{module: {name: array}} of Keras' weights; those without names are taken in their order."""
    modules: dict[str, dict] = {}
    if tensors and all(LISTED.fullmatch(name) for name in tensors):
        arrays = [tensors[f"arr_{i}"] for i in range(len(tensors))]
        names = [(part.module, tensor.name) for part in parts for tensor in part.tensors]
        if len(arrays) != len(names):
            raise FileError(
                f"{path} has {len(arrays)} arrays; this model has {len(names)}, "
                f"{', '.join(map('/'.join, names))}: build the equal model"
            )
        tensors = {"/".join(name): a for name, a in zip(names, arrays, strict=True)}
    for full, a in tensors.items():
        module, _, name = full.partition(":")[0].rpartition("/")
        modules.setdefault(module, {})[name] = a
    return modules


# ---------------------------------------------------------------------------------- load and save


def _load(path, parts, found, modules):
    names = _paired(path, parts, found, modules)
    arrays = []  # (our array, its new content); nothing is changed before all of them are checked
    for part, module in zip(parts, names, strict=True):
        theirs = found[module]
        for name in sorted(set(theirs) ^ {tensor.name for tensor in part.tensors}):
            verb = "has" if name in theirs else "lacks"
            raise FileError(
                f"{path}: module {module!r} {verb} {name!r}, unlike {_titled(part)}: build the "
                "equal model, with the same layers and use_bias"
            )
        new = {}
        for tensor in part.tensors:
            a, target = theirs[tensor.name], tensor.target()
            if a.shape != tensor.shape() or a.dtype.kind not in "fiu":
                raise FileError(
                    f"{path}: {tensor.name!r} of module {module!r} is {a.shape} {a.dtype}; "
                    f"{tensor.ours!r} of {_titled(part)} needs {tensor.shape()}: build the equal "
                    "model"
                )
            key = id(target)
            _, total = new.setdefault(key, (target, np.zeros(target.shape, target.dtype)))
            total[tensor.index] += tensor.to_ours(a).astype(total.dtype)
        arrays += new.values()
    for target, total in arrays:
        target[...] = xp_of(target).asarray(total)


def _paired(path, parts, found, modules):
    """Name of the module of each part."""
    if modules is None:
        modules = _in_order(path, parts, found)
    unknown = [name for name in modules if name not in found]
    if unknown or len(modules) != len(parts) or set(modules) != set(found):
        raise FileError(
            f"{path} has the modules {_listed(found)}"
            + (f", and not {_listed(unknown)}" if unknown else "")
            + f"; this model has the layers {_layers(parts)}: "
            "build the equal model, or name the module of each layer: modules=[...]"
        )
    return list(modules)


def _in_order(path, parts, found):
    """Modules first to last: by our default names, or in the order of the file or of numbers."""
    default = [part.module for part in parts]
    if set(default) == set(found):
        return default
    if not str(path).endswith(".safetensors") or len(found) == 1:
        return list(found)
    if all(re.fullmatch(r"\d+(\.\d+)*", name) for name in found):
        return sorted(found, key=lambda name: [int(number) for number in name.split(".")])
    raise FileError(
        f"{path} has the modules {_listed(found)}, and a .safetensors file does not keep their "
        f"order: pass modules=[...], the module of {_layers(parts)}"
    )


def _save(path, parts, modules, full_name):
    names = [part.module for part in parts] if modules is None else list(modules)
    if len(set(names)) != len(parts):
        raise ValueError(
            f"modules names {len(set(names))} modules, {_listed(names)}; this model has "
            f"{len(parts)} layers with parameters, {_layers(parts)}"
        )
    tensors = {}
    for part, module in zip(parts, names, strict=True):
        for tensor in part.tensors:
            array = tensor.to_theirs(to_numpy(tensor.target()))
            tensors[full_name(module, tensor.name)] = array
    write_tensors(path, tensors)


def _titled(part):
    return f"{type(part.tensors[0].layer).__name__} {part.path or 'layer'!r}"


def _layers(parts):
    return _listed(part.path or "layer" for part in parts)


def _listed(names):
    return ", ".join(map(repr, names)) or "(none)"
