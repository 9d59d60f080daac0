"""Measures of an X-ray: numbers of the outputs of one call, and of several parts of a batch."""

import math

from scratchnet.backend import to_numpy
from scratchnet.layers import ReLU, Sigmoid, Tanh

LIMITS = {Sigmoid: (0.02, 0.98), Tanh: (-0.96, 0.96)}  # for inputs below -3.9 and above 3.9

MEASURES = {
    "mean": "mean of the outputs",
    "deviation": "standard deviation of the outputs",
    "dead": "share of units whose output is 0 for every sample of the batch (ReLU)",
    "saturated": "share of outputs beyond 0.02 and 0.98 (Sigmoid) or -0.96 and 0.96 (Tanh)",
    "dL/dy": "norm of the gradient of the layer's output",
    "gradient": "norm of the gradient of the layer's parameters",
    "update": "norm of the update of the parameters, divided by the norm of the parameters",
}


def first_array(arrays):
    """Return the first array of a tuple or list, or the array itself."""
    return arrays[0] if isinstance(arrays, (tuple, list)) else arrays


def norm(arrays):
    """Norm of all numbers of some arrays."""
    arrays = [a.astype("float64") for a in arrays]  # its squares do not overflow
    return math.sqrt(sum(float((a * a).sum()) for a in arrays))


def describe(layer, y):
    """Mean, deviation and so on of the outputs of one call."""
    found = {"size": y.size, "shape": tuple(y.shape[1:])}
    found["mean"] = float(y.mean(dtype="float64"))
    found["deviation"] = float(y.std(dtype="float64"))
    if isinstance(layer, ReLU):
        found["alive"] = to_numpy((y > 0).reshape(-1, y.shape[-1]).any(axis=0))
    for kind, (low, high) in LIMITS.items():
        if isinstance(layer, kind):
            found["saturated"] = float(((y < low) | (y > high)).mean())
    return found


def merge(parts):
    """Numbers of a batch from those of its parts."""
    n = sum(part["size"] for part in parts)
    mean = sum(part["size"] * part["mean"] for part in parts) / n
    variance = sum(
        part["size"] * (part["deviation"] ** 2 + (part["mean"] - mean) ** 2) for part in parts
    )
    merged = {"shape": parts[0]["shape"], "mean": mean, "deviation": math.sqrt(variance / n)}
    if "alive" in parts[0]:
        merged["alive"] = sum(part["alive"] for part in parts) > 0
        merged["dead"] = float(1 - merged["alive"].mean())
    if "saturated" in parts[0]:
        merged["saturated"] = sum(part["size"] * part["saturated"] for part in parts) / n
    return merged
