"""Settings of the playground, and the model, loss and optimizer that they describe."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scratchnet.backend import RNG
from scratchnet.cross_entropy import SoftmaxCrossEntropy
from scratchnet.layers import (
    BatchNormalization,
    Dense,
    Dropout,
    Layer,
    LeakyReLU,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)
from scratchnet.losses import BinaryCrossEntropy, Loss
from scratchnet.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from scratchnet.play.layer_file import make_layer
from scratchnet.play.switches import OF_START, SQUARE, SWITCHES, part, wrong_parts
from scratchnet.validation import check_float, check_positive_int, unknown_name
from scratchnet.zoo.dense_faults import Residual, Tied

ACTIVATIONS: dict[str, type[Layer] | None] = {
    "Tanh": Tanh,
    "ReLU": ReLU,
    "Sigmoid": Sigmoid,
    "LeakyReLU": LeakyReLU,
    "none": None,
}
OTHER_LAYERS = ("BatchNormalization", "Dropout", "Residual", "Tied")  # beside Dense
OPTIMIZERS = ("Adam", "SGD", "Momentum", "RMSprop", "Adagrad", "AdamW")
OUTPUTS = ("sigmoid", "softmax")
MAX_LAYERS, MAX_UNITS = 6, 32


@dataclasses.dataclass(frozen=True)
class LayerSpec:
    """One row of the page: a Dense layer with its activation, or a layer of another kind.

    kind         "Dense", one of OTHER_LAYERS, or the name of a class in the reader's file
    units        of a Dense layer, and of a layer of the file that takes `units`
    activation   after a Dense layer, one of ACTIVATIONS
    """

    kind: str = "Dense"
    units: int = 8
    activation: str = "Tanh"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the page; `checked` makes them from the numbers and words that it sends.

    layers      hidden layers, first to last
    output      "sigmoid": one unit for two classes; "softmax": one unit for each class
    optimizer   one of OPTIMIZERS
    rate        learning rate
    batch       samples of a step
    steps       training steps of a frame
    """

    layers: tuple[LayerSpec, ...] = (LayerSpec(), LayerSpec())
    output: str = "sigmoid"
    optimizer: str = "Adam"
    rate: float = 0.01
    batch: int = 32
    steps: int = 20


def checked(sent: Mapping[str, Any], own: Iterable[str] = ()) -> Settings:
    """Settings that the page sent; what is missing has its default.

    Parameters
        own   names of the layers of the reader's file

    Raises ValueError for a value that the playground does not have.

    >>> checked({"rate": 0.1}).rate
    0.1
    """
    fields = {f.name for f in dataclasses.fields(Settings)}
    if unknown := set(sent) - fields:
        raise unknown_name("setting", min(unknown), fields)
    rows = sent.get("layers", [dataclasses.asdict(row) for row in Settings.layers])
    if not isinstance(rows, list) or len(rows) > MAX_LAYERS:
        raise ValueError(f"the playground expects a list of at most {MAX_LAYERS} hidden layers")
    layers = tuple(_checked_layer(row, ["Dense", *OTHER_LAYERS, *own]) for row in rows)
    found = Settings(**{**sent, "layers": layers})
    for what, value, choices in (
        ("output", found.output, OUTPUTS),
        ("optimizer", found.optimizer, OPTIMIZERS),
    ):
        if value not in choices:
            raise unknown_name(what, value, choices)
    check_float("the playground", "learning rate", found.rate, above=0, at_most=100)
    for name, limit in (("batch", 5000), ("steps", 200)):
        _check_number(name, getattr(found, name), limit)
    return dataclasses.replace(found, rate=float(found.rate))


def _checked_layer(row, kinds):
    if not isinstance(row, dict) or not set(row) <= {"kind", "units", "activation"}:
        raise ValueError("a layer expects kind, units and activation")
    layer = LayerSpec(**row)
    if layer.kind not in kinds:
        raise unknown_name("layer", layer.kind, kinds)
    if layer.activation not in ACTIVATIONS:
        raise unknown_name("activation", layer.activation, ACTIVATIONS)
    _check_number("units", layer.units, MAX_UNITS)
    return layer


def _check_number(name, value, limit):
    if check_positive_int("the playground", name, value) > limit:
        raise ValueError(f"the playground expects {name} <= {limit}; got {value}")


@dataclasses.dataclass
class Network:
    """A built model with its loss and optimizer.

    ends      for each hidden row of the page and the output: index of its last layer
    targets   "sigmoid" or "softmax", see `Settings`
    """

    model: Sequential
    loss: Loss
    optimizer: Optimizer
    ends: list[int]
    targets: str

    def encoded(self, c: np.ndarray) -> np.ndarray:
        """Targets of the loss: (N, 1) numbers 0 and 1, or (N,) classes."""
        return c[:, None].astype("float32") if self.targets == "sigmoid" else c

    def probabilities(self, z: np.ndarray) -> np.ndarray:
        """Probabilities (N, K) of the classes from the outputs z."""
        if self.targets == "sigmoid":
            p = 0.5 * (np.tanh(0.5 * z) + 1)  # (N, 1)
            return np.concatenate([1 - p, p], axis=1)
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)


def make_network(
    settings: Settings,
    n_classes: int,
    faults: Iterable[str] = (),
    own: Mapping[str, type[Layer]] | None = None,
    seed: int = 0,
) -> Network:
    """A network for points of a plane; a fault replaces each part of its kind.

    >>> len(make_network(Settings(), 2).model.layers)  # Dense and Tanh, twice, and Dense
    5
    """
    wrong = wrong_parts(faults)
    targets = "softmax" if n_classes > 2 else settings.output
    layers: list[Layer] = []
    ends: list[int] = []
    width: int | None = 2  # units before a layer; None after a layer of the reader's file
    for i, row in enumerate(settings.layers):
        if row.kind == "Dense":
            layers.append(_part("Dense", wrong, Dense, row.units, row.units == width, i))
            width = row.units
            if (activation := ACTIVATIONS[row.activation]) is not None:
                layers.append(_part(row.activation, wrong, activation, None, True, i))
        elif row.kind in OTHER_LAYERS:
            kinds = {"BatchNormalization": BatchNormalization, "Residual": Residual, "Tied": Tied}
            argument = 0.5 if row.kind == "Dropout" else None
            kind = kinds.get(row.kind, Dropout)
            layers.append(_part(row.kind, wrong, kind, argument, True, i))
        else:
            layers.append(make_layer((own or {})[row.kind], row.units, f"own_{i}"))
            width = None
        ends.append(len(layers) - 1)
    units = 1 if targets == "sigmoid" else n_classes
    layers.append(_part("Dense", wrong, Dense, units, units == width, "output"))
    loss: Loss = BinaryCrossEntropy(from_logits=True)
    if targets == "softmax":
        loss = SoftmaxCrossEntropy()
        if "softmax loss" in wrong:
            loss = SWITCHES[wrong["softmax loss"]].wrong("mean")
        if "softmax output" in wrong:
            layers.append(SWITCHES[wrong["softmax output"]].wrong(name="softmax"))
    ends.append(len(layers) - 1)
    model = Sequential(layers)
    model.build((2,), seed)
    model.set_rng(RNG(seed).fork(1))
    return Network(model, loss, make_optimizer(settings, wrong), ends, targets)


def _part(name, wrong, kind, argument, square, i):
    """A layer, from the zoo if a fault replaces it; its name does not depend on the fault."""
    fault = wrong.get(name)
    if fault is not None and (square or fault not in SQUARE):
        wrong_kind = SWITCHES[fault].wrong
        own_name = f"{name.lower()}_{i}"
        return wrong_kind(argument, name=own_name) if name == "Dense" else wrong_kind(name=own_name)
    options = {"name": f"{name.lower()}_{i}"}
    return kind(**options) if argument is None else kind(argument, **options)


def make_optimizer(settings: Settings, wrong: Mapping[str, str] | None = None) -> Optimizer:
    """The optimizer of the settings, from the zoo if a fault is in it.

    >>> make_optimizer(Settings(optimizer="SGD", rate=0.1)).learning_rate
    0.1
    """
    if settings.optimizer in (wrong or {}):
        return SWITCHES[wrong[settings.optimizer]].wrong(settings.rate)  # type: ignore[index]
    if settings.optimizer == "Momentum":
        return SGD(settings.rate, momentum=0.9)
    kinds = {"Adam": Adam, "SGD": SGD, "RMSprop": RMSprop, "Adagrad": Adagrad, "AdamW": AdamW}
    return kinds[settings.optimizer](settings.rate)


def missing_part(name: str, settings: Settings, n_classes: int) -> str:
    """Part that a fault needs and the network does not have; "" if it has it.

    >>> missing_part("relu_without_mask", Settings(), 2)
    'ReLU'
    """
    needed = part(name)
    if needed in ("softmax loss", "softmax output"):
        return "" if n_classes > 2 or settings.output == "softmax" else "the output softmax"
    if needed in OPTIMIZERS:
        return "" if settings.optimizer == needed else f"the optimizer {needed}"
    kinds = {row.kind for row in settings.layers}
    activations = {row.activation for row in settings.layers if row.kind == "Dense"}
    if needed != "Dense":
        return "" if needed in kinds | activations else needed
    if name in SQUARE:
        widths = [2, *(row.units for row in settings.layers if row.kind == "Dense")]
        square = any(a == b for a, b in zip(widths, widths[1:], strict=False))
        return "" if square else "two Dense layers of equal units"
    return ""


def copy_weights(old: Network, new: Network) -> bool:
    """Copy parameters and averages where names and shapes agree; True if all parameters did."""
    arrays = old.model.named_parameters() | old.model.named_state()
    complete = True
    for path, target in new.model.named_parameters().items():
        source = arrays.get(path)
        if source is not None and source.shape == target.shape:
            target[...] = source
        else:
            complete = False
    for path, target in new.model.named_state().items():
        source = arrays.get(path)
        if source is not None and source.shape == target.shape:
            target[...] = source
    return complete and len(old.model.named_parameters()) == len(new.model.named_parameters())


def starts_anew(before: Iterable[str], after: Iterable[str]) -> bool:
    """Whether a change of switches draws new weights: a fault of the start was switched.

    >>> starts_anew([], ["equal_weights"]), starts_anew([], ["adam_no_root"])
    (True, False)
    """
    return any(name in OF_START for name in set(before) ^ set(after))
