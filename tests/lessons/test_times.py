"""The times in the lessons' Facts are not shorter than the measured ones of docs/results.json."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNS = json.loads((ROOT / "docs/results.json").read_text(encoding="utf-8"))["runs"]
RUN = re.compile(r"(\d\d_\w+)(?: --dataset (?!fashion)(\w+))?")  # seed 0, without other flags
MEASURED = {
    match.groups(): record["processor_seconds"]
    for command, record in RUNS.items()
    if (match := RUN.fullmatch(command))
}
NUMBERS = {"a": 1, "two": 2, "four": 4}


def stated(lesson, dataset):
    """Seconds that a lesson states for a data set, or with None for its default."""
    text = (ROOT / f"lessons/{lesson}.py").read_text(encoding="ascii")
    facts = " ".join(text.partition("**Facts**: ")[2].split("\n\n")[0].split())
    where = f"with ``--dataset {dataset}``" if dataset else "on a laptop"
    number, unit = re.search(rf"(\w+) (s|minutes?) {where}", facts).groups()
    return (NUMBERS.get(number) or int(number)) * (1 if unit == "s" else 60)


def test_the_runs_of_the_lessons_are_found():
    assert len(MEASURED) > 20


@pytest.mark.parametrize("lesson, dataset", MEASURED)
def test_a_lesson_takes_no_longer_than_it_states(lesson, dataset):
    assert MEASURED[lesson, dataset] <= 1.05 * stated(lesson, dataset)
