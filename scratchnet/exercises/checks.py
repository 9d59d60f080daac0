"""One check of an answer, and the sentence about a gradient that a check found wrong."""

import dataclasses
from collections.abc import Callable

from scratchnet.exercises.explain import two_numbers
from scratchnet.gradcheck import Report

_FOLLOWS = ("it follows from", "as for ")  # causes that refer to another array


@dataclasses.dataclass(frozen=True)
class Check:
    """One check: `run(module)` returns "" if the answer passes, otherwise one sentence.

    >>> Check("always passes", lambda module: "").run(None)
    ''
    """

    label: str
    run: Callable


def wrong_gradient(report: Report) -> str:
    """Sentence about the first wrong row of a gradient check; "" if all rows pass.

    >>> from scratchnet.gradcheck import Row
    >>> row = Row("W", (2, 1), 2, 0, 0.5, (1, 0), analytic=2.0, numeric=1.0, verdict="WRONG")
    >>> wrong_gradient(Report("Dense", [row], 1e-6))
    'dW[1, 0] is 2; finite differences give 1'
    """
    wrong = [row for row in report.rows if row.verdict != "ok"]
    if not wrong:
        return ""
    told = [row for row in wrong if row.cause and not row.cause.startswith(_FOLLOWS)]
    row = (told or [row for row in wrong if row.cause] or wrong)[0]
    if row.returned is not None:
        has = f"has the shape {row.returned}" if row.returned else "is one number"
        hint = f": {row.cause}" if row.cause else f", that of {row.name}"
        return f"d{row.name} {has}; expected {row.shape}{hint}"
    if row.verdict != "WRONG":
        return f"d{row.name}: {row.cause or row.verdict}"
    place = ", ".join(str(int(i)) for i in row.index)
    entry = f"d{row.name}[{place}]" if place else f"d{row.name}"
    numbers = two_numbers(row.analytic, row.numeric, "finite differences give")
    if row.cause.startswith("it "):
        return f"d{row.name} {row.cause[3:]} ({entry} is {numbers})"
    numbers = f"{entry} is {numbers}"
    return f"d{row.name}: {row.cause} ({numbers})" if row.cause else numbers
