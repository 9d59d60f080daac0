"""The two tables of the bug zoo: the checks that find each fault, and its effect on training."""

import dataclasses
import functools
import inspect
import math
from collections.abc import Iterable, Iterator

from scratchnet.lesson import table
from scratchnet.zoo import FAULTS
from scratchnet.zoo.checks import (
    CHECKS,
    Run,
    causes,
    passes_gradcheck,
    passes_reference,
    passes_training,
    train,
)
from scratchnet.zoo.fault import Fault
from scratchnet.zoo.tasks import TASKS

MARKS = {True: "x", False: ".", None: "-"}
EFFECTS = ("as well", "slightly worse", "much worse", "not at all")


@dataclasses.dataclass(frozen=True)
class Result:
    """Results for one fault: {check: True if it finds the fault}, and the two training runs."""

    fault: Fault
    found: dict[str, bool | None]
    right: Run
    wrong: Run

    @property
    def effect(self) -> str:
        """One of `EFFECTS`: whether a model with the fault learns."""
        task = TASKS[self.fault.task]
        return effect(self.right.quality, self.wrong.quality, task.chance, task.noise)


def effect(right: float, wrong: float, chance: float, noise: float) -> str:
    """Words for a quality: relative to that of the right code and to chance.

    >>> [effect(0.97, wrong, chance=0.1, noise=0.01) for wrong in (0.965, 0.93, 0.6, 0.1)]
    ['as well', 'slightly worse', 'much worse', 'not at all']
    """
    share = (wrong - chance) / (right - chance)
    if wrong >= right - noise:
        return EFFECTS[0]
    return EFFECTS[1] if share > 0.9 else EFFECTS[2] if share > 0.2 else EFFECTS[3]


def results(names: Iterable[str] = FAULTS, quick: bool = False, seed: int = 0) -> Iterator[Result]:
    """Check and train the right and the wrong code of each fault; yields one `Result` for each.

    quick=True trains for one fifth of the epochs.
    """

    @functools.cache
    def right_run(kind, task, use, epochs):
        fault = next(f for f in FAULTS.values() if (f.right, f.task, f.use) == (kind, task, use))
        return train(fault, False, seed, epochs)

    for name in names:
        fault = FAULTS[name]
        epochs = max(1, TASKS[fault.task].epochs // 5) if quick else None
        right = right_run(fault.right, fault.task, fault.use, epochs)
        wrong = train(fault, True, seed, epochs)
        gradients = passes_gradcheck(fault, True)
        found = {
            "gradcheck": None if gradients is None else not gradients,
            "reference": not passes_reference(fault, True),
        }
        found |= {check: not ok for check, ok in passes_training(fault, True, wrong).items()}
        yield Result(fault, found, right, wrong)


def checks_table(found: Iterable[Result]) -> str:
    """Table fault x check: x where the check finds the fault, - where it cannot be applied."""
    found = list(found)
    rows = [(r.fault.name, *(MARKS[r.found[check]] for check in CHECKS)) for r in found]
    total = [sum(r.found[check] is True for r in found) for check in CHECKS]
    return table(("fault", *CHECKS), [*rows, (f"found, of {len(found)}", *total)])


def effects_table(found: Iterable[Result]) -> str:
    """Table of the quality on test data, with the right and with the wrong code."""
    rows = [
        (
            r.fault.name,
            r.fault.task,
            quality(r.right.quality),
            quality(r.wrong.quality),
            r.effect,
        )
        for r in found
    ]
    return table(("fault", "task", "right", "wrong", "learns"), rows)


def quality(number: float) -> str:
    """Accuracy or nats, with three decimals or two.

    >>> quality(0.97251), quality(-25.0), quality(-3e20)
    ('0.973', '-25.00', 'diverges')
    """
    if not math.isfinite(number) or number < -1e4:
        return "diverges"
    return f"{number:.3f}" if number >= 0 else f"{number:.2f}"


def description(result: Result) -> str:
    """Text for one fault: code, the sentences of gradcheck, and what the tables say."""
    fault = result.fault
    right, wrong = (inspect.cleandoc("\n" + code) for code in fault.code)
    found = [check for check in CHECKS if result.found[check]]
    lines = [f"{fault.name}: {fault.title}", f"seen in: {fault.seen}", "", "right:", right]
    lines += ["", "wrong:", wrong, ""]
    lines += [f"gradcheck: {cause}" for cause in causes(fault)]
    lines += [f"found by: {', '.join(found) or 'none of the checks'}"]
    numbers = f"{quality(result.right.quality)} right, {quality(result.wrong.quality)} wrong"
    return "\n".join([*lines, f"learns: {result.effect} ({numbers}, task {fault.task})"])
