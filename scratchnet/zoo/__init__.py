"""Bug zoo: typical errors in gradients, losses, optimizers and samplers, and their effects.

`FAULTS` is the catalogue {name: Fault}: wrong code beside the right code. Two tables show for each
fault

    checks    which of five checks finds it: gradcheck, reference values, the overfitting of twenty
              samples, the loss at the start, the training curve
    effects   whether a model with the fault still learns, and how much worse it is

`scratchnet zoo` prints both tables, `scratchnet zoo NAME` the code of one fault.
"""

from scratchnet.zoo import (
    batch_faults,
    dense_faults,
    image_faults,
    loss_faults,
    machine_faults,
    optimizer_faults,
    recurrent_faults,
    vae_faults,
)
from scratchnet.zoo.fault import Fault

FAULTS: dict[str, Fault] = (
    dense_faults.FAULTS
    | batch_faults.FAULTS
    | image_faults.FAULTS
    | recurrent_faults.FAULTS
    | loss_faults.FAULTS
    | optimizer_faults.FAULTS
    | vae_faults.FAULTS
    | machine_faults.FAULTS
)

__all__ = ["FAULTS", "Fault"]
