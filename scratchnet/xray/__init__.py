"""X-ray: outputs, gradients and updates of each layer of a model, recorded during training.

    with xray(model) as seen:
        fit(model, x, t, loss=loss, optimizer=Adam())
    print(seen.table())          # numbers of each layer at the last recorded step
    print(*seen.verdicts())      # vanishing or exploding gradients, dead or saturated units
    seen.page("xray.html")       # heat map layer by step, with a slider

    print(xray(model, x, t, loss).table())   # one batch, without an update

A step ends with the update of an optimizer. With several workers, see `fit`, the calling thread
records its part of each batch, and the others record nothing.
"""

from scratchnet.xray.measures import MEASURES
from scratchnet.xray.recorder import XRay, xray

__all__ = ["MEASURES", "XRay", "xray"]
