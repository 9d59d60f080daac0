"""Points of a plane with class labels: built-in sets, CSV files, drawn points."""

import csv
import dataclasses
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.validation import unknown_name

COLUMNS = ("x1", "x2", "label")
MAX_POINTS = 5000
MAX_CLASSES = 5  # as many as the page has colours
SHOWN_PROBLEMS = 3  # bad lines that a message describes


@dataclasses.dataclass(frozen=True)
class Points:
    """Points x (N, 2) with classes c (N,).

    x         scaled so that the data lie in [-1, 1], float32
    c         indices of classes, 0 to K - 1
    classes   their K names, at least two
    bounds    ((low, high), (low, high)): the values of x1 and x2 at -1 and 1
    title     name of the set

    >>> len(Points.empty().x)
    0
    """

    x: np.ndarray
    c: np.ndarray
    classes: tuple[str, ...]
    bounds: tuple[tuple[float, float], tuple[float, float]] = ((-1.0, 1.0), (-1.0, 1.0))
    title: str = "drawn points"

    @classmethod
    def empty(cls) -> "Points":
        """No point, of two classes."""
        return cls(np.zeros((0, 2), "float32"), np.zeros(0, "int64"), ("0", "1"))

    def added(self, x1: Any, x2: Any, label: Any) -> "Points":
        """These points and one more; a new label is a new class.

        Parameters
            x1, x2   scaled, from -1.5 to 1.5
            label    name of the class

        Raises ValueError for a place outside of the map, a sixth class, or too many points.

        >>> Points.empty().added(0.5, 0.0, "2").classes
        ('0', '1', '2')
        """
        try:
            place = [float(x1), float(x2)]
        except (TypeError, ValueError):
            place = [math.nan]
        if not all(abs(number) <= 1.5 for number in place):
            raise ValueError(f"a point expects two numbers from -1.5 to 1.5; got {x1!r}, {x2!r}")
        if len(self.x) >= MAX_POINTS:
            raise ValueError(f"a set has at most {MAX_POINTS} points: clear it first")
        label = str(label)
        if label not in self.classes:
            label = label[:20]
        classes = self.classes if label in self.classes else (*self.classes, label)
        if len(classes) > MAX_CLASSES:
            raise ValueError(f"a set has at most {MAX_CLASSES} classes; got a new one, {label!r}")
        x = np.vstack([self.x, np.array([place], "float32")])
        c = np.append(self.c, classes.index(label))
        return dataclasses.replace(self, x=x, c=c, classes=classes, title="drawn points")

    def without(self, x1: float, x2: float) -> "Points":
        """These points without the one that is nearest to a place."""
        if not len(self.x):
            return self
        d = ((self.x - np.array([float(x1), float(x2)])) ** 2).sum(axis=1)  # (N,)
        keep = np.arange(len(self.x)) != d.argmin()
        return dataclasses.replace(self, x=self.x[keep], c=self.c[keep])


def _moons(rng, n):
    angle, c = rng.uniform(0, np.pi, n), np.arange(n) % 2
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x[c == 1] = [1.0, 0.5] - x[c == 1]
    return (x - [0.5, 0.25]) / [1.6, 1.0], c


def _circles(rng, n):
    angle, c = rng.uniform(0, 2 * np.pi, n), np.arange(n) % 2
    radius = np.where(c == 1, 0.4, 0.9)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), c


def _xor(rng, n):
    x = rng.uniform(-0.95, 0.95, (n, 2))
    return x, (x[:, 0] * x[:, 1] < 0).astype(int)


def _spirals(rng, n):
    r, c = 0.05 + 0.9 * rng.uniform(0, 1, n) ** 0.7, np.arange(n) % 2
    angle = 3 * np.pi * r + np.pi * c
    return r[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), c


SETS: dict[str, Callable] = {
    "two moons": _moons,
    "circles": _circles,
    "xor": _xor,
    "spirals": _spirals,
}


def built_in(name: str, n: int = 200, noise: float = 0.05, seed: int = 0) -> Points:
    """A set of `SETS` with n points of two classes and Gaussian noise.

    Raises ValueError for an unknown name.

    >>> built_in("xor").x.shape
    (200, 2)
    """
    if name not in SETS:
        raise unknown_name("set", name, SETS)
    rng = np.random.default_rng(seed)
    x, c = SETS[name](rng, n)
    x = np.clip(x + noise * rng.standard_normal((n, 2)), -1.3, 1.3)
    return Points(x.astype("float32"), c.astype("int64"), ("0", "1"), title=name)


def read_csv(text: str, name: str) -> Points:
    """Points of a CSV text with the columns x1, x2 and label.

    Other columns are ignored, and so are empty lines. Each axis is scaled to [-1, 1].

    Raises ValueError, with the numbers of the lines, if a line cannot be used.

    >>> read_csv("x1,x2,label" + chr(10) + "0,5,a" + chr(10) + "10,6,b", "p.csv").x
    array([[-1., -1.],
           [ 1.,  1.]], dtype=float32)
    """
    rows = csv.reader(io.StringIO(text.removeprefix(chr(0xFEFF))), strict=True)
    places, labels, problems = [], [], []
    try:
        header = [column.strip() for column in next(rows, [])]
        if missing := [column for column in COLUMNS if column not in header]:
            raise ValueError(
                f"{name}, line 1: expected the columns x1,x2,label; missing: {', '.join(missing)}"
            )
        where = [header.index(column) for column in COLUMNS]
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if problem := _problem(row, header, where):
                problems.append(f"line {rows.line_num}: {problem}")
                continue
            places.append([float(row[i]) for i in where[:2]])
            labels.append(row[where[2]].strip())
    except csv.Error as error:
        problems.append(f"line {rows.line_num}: {error}")
    if problems:
        more = len(problems) - SHOWN_PROBLEMS
        tail = f"; and {more} more lines" if more > 0 else ""
        raise ValueError(f"{name}, {'; '.join(problems[:SHOWN_PROBLEMS])}{tail}")
    classes = tuple(sorted(set(labels)))
    if not 2 <= len(classes) <= MAX_CLASSES or len(places) > MAX_POINTS:
        raise ValueError(
            f"{name}: expected 2 to {MAX_CLASSES} labels and at most {MAX_POINTS} points; got "
            f"{len(classes)} labels and {len(places)} points"
        )
    x = np.array(places)
    low, high = x.min(axis=0), x.max(axis=0)
    low, high = np.where(high > low, low, low - 1), np.where(high > low, high, high + 1)
    bounds = (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))
    scaled = (2 * (x - low) / (high - low) - 1).astype("float32")
    return Points(scaled, np.array([classes.index(k) for k in labels]), classes, bounds, name)


def _problem(row, header, where):
    """The reason why a line cannot be used, or None."""
    if len(row) != len(header):
        return f"expected {len(header)} values, got {len(row)}"
    for i in where[:2]:
        try:
            number = float(row[i])
        except ValueError:
            number = math.nan
        if not abs(number) <= 1e30:
            return f"expected a number for {header[i]}, got {row[i][:30]!r}"
    return None if row[where[2]].strip() else "the label is empty"
