"""One check of an answer, and the sentence about a gradient that a check found wrong."""

import dataclasses
from collections.abc import Callable

from scratchnet.gradcheck import Report


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
    row = next((row for row in wrong if row.cause), wrong[0])
    if row.verdict != "WRONG":
        return f"d{row.name}: {row.cause or row.verdict}"
    place = ", ".join(str(int(i)) for i in row.index)
    entry = f"d{row.name}[{place}]" if place else f"d{row.name}"
    numbers = f"{entry} is {row.analytic:.6g}; finite differences give {row.numeric:.6g}"
    return f"d{row.name}: {row.cause} ({numbers})" if row.cause else numbers
