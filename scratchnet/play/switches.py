"""Switches: the faults of the zoo that fit a network of dense layers on points of a plane.

Faults of convolutions, recurrent layers, VAEs, Boltzmann machines and regression are shown by
`scratchnet zoo` and by the lesson about them.
"""

from collections.abc import Iterable

from scratchnet.validation import unknown_name
from scratchnet.zoo import FAULTS, Fault
from scratchnet.zoo.batch_faults import PlainBatchNorm, PlainDropout
from scratchnet.zoo.dense_faults import (
    GlorotDense,
    PlainDense,
    PlainReLU,
    PlainSigmoid,
    PlainTanh,
    Residual,
    Tied,
)
from scratchnet.zoo.loss_faults import Logits, PlainCrossEntropy
from scratchnet.zoo.optimizer_faults import PlainAdam, PlainMomentum, PlainRMSprop

PARTS = {  # right code of a fault: the part of the network that the wrong code replaces
    PlainDense: "Dense",
    GlorotDense: "Dense",
    PlainReLU: "ReLU",
    PlainSigmoid: "Sigmoid",
    PlainTanh: "Tanh",
    PlainBatchNorm: "BatchNormalization",
    PlainDropout: "Dropout",
    Residual: "Residual",
    Tied: "Tied",
    PlainCrossEntropy: "softmax loss",
    Logits: "softmax output",
    PlainAdam: "Adam",
    PlainMomentum: "Momentum",
    PlainRMSprop: "RMSprop",
}
SWITCHES: dict[str, Fault] = {n: fault for n, fault in FAULTS.items() if fault.right in PARTS}
OF_START = ("equal_weights", "large_weights")  # they act when the weights are drawn
SQUARE = ("not_transposed", "transposed_weights")  # their shapes fit a square W only


def part(name: str) -> str:
    """Name of the part of the network that a fault replaces.

    >>> part("relu_without_mask")
    'ReLU'
    """
    return PARTS[SWITCHES[name].right]  # type: ignore[index]


def wrong_parts(names: Iterable[str]) -> dict[str, str]:
    """The faults by the part that they replace, {part: name of the fault}.

    Raises ValueError for an unknown fault, and for two of one part.

    >>> wrong_parts(["adam_no_root"])
    {'Adam': 'adam_no_root'}
    """
    found: dict[str, str] = {}
    for name in names:
        if name not in SWITCHES:
            raise unknown_name("fault", name, SWITCHES)
        other = found.setdefault(part(name), name)
        if other != name:
            raise ValueError(
                f"the faults {other} and {name} are both in {part(name)}: switch one of them off"
            )
    return found
