"""Sentences about what an X-ray of a model shows: faults that its numbers make certain.

Thresholds are far from the values of a healthy network: between its layers, gradients differ by
less than a factor of 100, few units are dead, and an update changes the weights by about 0.1 %.
"""

import math
import statistics

import numpy as np

FACTOR = 1000  # between the gradients of the first and the last layer
DEAD, DEAD_ONCE = 0.3, 0.5  # share of the units of a ReLU, in the last batches or in one batch
SATURATED = 0.5  # share of the outputs of a Sigmoid or Tanh
LARGE_UPDATE, SMALL_UPDATE = 0.1, 1e-7  # relative to the weights
LAST = 5  # recorded steps that dead units, saturation and updates are judged by


def verdicts(seen):
    """List of sentences about an `XRay`; one sentence that no fault was found, if there is none.

    >>> from types import SimpleNamespace
    >>> gradient = {"first": [1e-7, 1e-7], "last": [1.0, 1.0]}
    >>> other = {name: dict.fromkeys(gradient, [math.nan]) for name in ("saturated", "update")}
    >>> seen = SimpleNamespace(values={"gradient": gradient, **other}, alive={}, steps=[0, 1])
    >>> verdicts(seen)[0].split(":")[0]
    'The gradient vanishes'
    """
    dead = _dead(seen)
    found = dead + _gradients(seen, dead) + _saturated(seen) + _updates(seen)
    fine = "No fault found: no gradient vanishes or explodes, few units are dead or saturated."
    return found or [fine]


def _gradients(seen, dead):
    """Compare the norms of the parameters' gradients, layer with layer and step with step.

    A gradient of 0 below dead units is not called vanishing.
    """
    norms = {n: v for n, v in seen.values["gradient"].items() if not all(map(math.isnan, v))}
    for name, values in norms.items():
        for step, norm in zip(seen.steps, values, strict=True):
            if not math.isfinite(norm):
                return [f"The gradient explodes: that of {name} is infinite or NaN at step {step}."]
    if not norms:
        return []
    typical = {name: statistics.median(values) for name, values in norms.items()}
    first, last = next(iter(typical)), list(typical)[-1]
    if typical[last] == 0:
        return [f"No gradient arrives: that of {last}, the last layer with parameters, is 0."]
    if typical[first] * FACTOR < typical[last] and not (dead and typical[first] == 0):
        return [
            f"The gradient vanishes: its norm is {typical[last]:.1e} in {last} and "
            f"{typical[first]:.1e} in {first}, so that the first layers hardly learn."
        ]
    largest = max(typical, key=typical.get)
    if typical[largest] > FACTOR * typical[last]:
        return [
            f"The gradient explodes: its norm is {typical[last]:.1e} in {last} and "
            f"{typical[largest]:.1e} in {largest}."
        ]
    for name, values in norms.items():
        peak = int(np.argmax(values))
        if values[peak] > FACTOR * typical[name] > 0:
            return [
                f"The gradient explodes: the norm of {name} is usually {typical[name]:.1e}, and "
                f"{values[peak]:.1e} at step {seen.steps[peak]}."
            ]
    return []


def _dead(seen):
    found = []
    for name, records in seen.alive.items():
        last = records[-LAST:]
        if not last:
            continue
        dead = ~np.any(last, axis=0)  # (M,)
        if dead.mean() >= (DEAD if len(last) == LAST else DEAD_ONCE):
            batches = "batch" if len(last) == 1 else f"{len(last)} batches"
            found.append(
                f"{dead.sum()} of {dead.size} units of {name} are dead: their output is 0 for "
                f"every sample of the last recorded {batches}, and they pass no gradient."
            )
    return found


def _saturated(seen):
    found = []
    for name, values in seen.values["saturated"].items():
        share = statistics.median(values[-LAST:])
        if share > SATURATED:
            found.append(
                f"{name} is saturated: {share:.0%} of its outputs are close to a limit, where its "
                "derivative is almost 0."
            )
    return found


def _updates(seen):
    typical = {n: statistics.median(v[-LAST:]) for n, v in seen.values["update"].items()}
    typical = {n: ratio for n, ratio in typical.items() if not math.isnan(ratio)}
    if not typical:
        return []
    name = max(typical, key=typical.get)
    if typical[name] > LARGE_UPDATE:
        return [
            f"Updates are large: one changes the parameters of {name} by {typical[name]:.0%} of "
            "their norm, and about 0.1% is usual. Try a smaller learning rate."
        ]
    if typical[name] < SMALL_UPDATE:
        return [
            f"Updates are tiny: one changes the parameters of {name}, which move most, by "
            f"{typical[name]:.0e} of their norm, and about 1e-3 is usual."
        ]
    return []
