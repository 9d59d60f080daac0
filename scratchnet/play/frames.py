"""Numbers of one frame: decision map, activation map and gradient of each unit, loss."""

import functools
import math
from typing import Any

import numpy as np

from scratchnet.play.network import MAX_UNITS, Network
from scratchnet.play.points import Points

EDGE = 1.25  # the map reaches from -EDGE to EDGE on both axes
REGIONS, MAP = 60, 30  # points along an axis of the decision map, and of the maps of units


@functools.cache
def grid(size: int) -> np.ndarray:
    """Points (size^2, 2) of the map, row by row from the top.

    >>> grid(2).tolist()
    [[-1.25, 1.25], [1.25, 1.25], [-1.25, -1.25], [1.25, -1.25]]
    """
    line = np.linspace(-EDGE, EDGE, size, dtype="float32")
    x1, x2 = np.meshgrid(line, line[::-1])
    return np.stack([x1.ravel(), x2.ravel()], axis=1)


def seen(network: Network, points: Points) -> dict[str, Any]:
    """Numbers of a network, at inference, for the page.

    Returns a dictionary with

        regions    (60, 60) class + 0.999 confidence of each point of the map, row 0 at the top
        loss       over all points, None if it is not finite
        accuracy   share of the points that are in their class
        layers     for each row of the page, and the output, a dictionary

            name       of the layer
            maps       (M, 30, 30) activations y on the map
            gradient   (M,) mean |dL/dy| over the points
            spread     (M, 2) smallest and largest y of the points

    The confidence is (p - 1/K) / (1 - 1/K) for the largest probability p of K classes. Loss and
    accuracy are missing without points; the gradients and spreads are 0 then.
    """
    ys = _outputs(network, grid(REGIONS))
    p = network.probabilities(ys[-1])  # (3600, K)
    K = p.shape[1]
    confidence = np.nan_to_num((p.max(axis=1) - 1 / K) / (1 - 1 / K)).clip(0, 1)
    regions = (p.argmax(axis=1) + 0.999 * confidence).reshape(REGIONS, REGIONS)
    found: dict[str, Any] = {"regions": regions, "layers": []}
    if len(points.x):
        numbers, units = unit_numbers(network, points)
        found |= numbers
    else:
        units = [(np.zeros(y.shape[1]), np.zeros((y.shape[1], 2))) for y in ys]
    step = REGIONS // MAP
    for end, y, (gradient, spread) in zip(network.ends, ys, units, strict=True):
        maps = y.reshape(REGIONS, REGIONS, -1)[::step, ::step, :MAX_UNITS]
        found["layers"].append(
            {
                "name": network.model.layers[end].name,
                "maps": maps.transpose(2, 0, 1),
                "gradient": gradient[:MAX_UNITS],
                "spread": spread[:MAX_UNITS],
            }
        )
    return found


def _outputs(network, x):
    """Outputs (N, M) of each row of the page."""
    ys = []
    for i, layer in enumerate(network.model.layers):
        x = layer(x)
        if i in network.ends:
            ys.append(x.reshape(len(x), -1))
    return ys


def unit_numbers(
    network: Network, points: Points
) -> tuple[dict[str, float | None], list[tuple[np.ndarray, np.ndarray]]]:
    """Loss and accuracy, and for each row of the page (gradient (M,), spread (M, 2)); see `seen`.

    >>> from scratchnet.play.network import Settings, make_network
    >>> from scratchnet.play.points import built_in
    >>> numbers, units = unit_numbers(make_network(Settings(), 2), built_in("xor"))
    >>> [gradient.shape for gradient, _ in units]
    [(8,), (8,), (1,)]
    """
    n, y, ys, caches = len(points.x), points.x, [], []
    for layer in network.model.layers:
        y, cache = layer.forward(y)
        ys.append(y.reshape(n, -1))
        caches.append(cache)
    value, loss_cache = network.loss.forward(y, network.encoded(points.c))
    right = network.probabilities(y).argmax(axis=1) == points.c
    numbers = {
        "loss": float(value) if math.isfinite(value) else None,
        "accuracy": float(right.mean()),
    }
    dy, gradients = network.loss.backward(loss_cache), []
    for layer, cache in zip(reversed(network.model.layers), reversed(caches), strict=True):
        gradients.insert(0, np.abs(dy).reshape(n, -1).mean(axis=0))
        dy, _ = layer.backward(dy, cache)
    return numbers, [
        (gradients[end], np.stack([ys[end].min(axis=0), ys[end].max(axis=0)], axis=1))
        for end in network.ends
    ]
