"""Faulty layers, and the sentence that gradcheck is expected to give for each."""

import re

import numpy as np
import pytest

from scratchnet.gradcheck import gradcheck

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 5))
IMAGES = RNG.standard_normal((3, 5, 4, 2))
STEPS = RNG.standard_normal((4, 6, 3))


class Faults(list):
    """Cases of one test file, for pytest.mark.parametrize."""

    def __call__(self, x, expected, *options, **keywords):
        """Decorator: a faulty layer with these options, and {array: pattern of its sentence}."""

        def register(kind):
            self.append(pytest.param(kind, options, keywords, x, expected, id=kind.__name__))
            return kind

        return register


def changed(kind, change, *names):
    """A subclass in which change(gradient), or change(gradient, N), replaces those gradients.

    "x" is dx, and N the batch size.
    """
    with_n = change.__code__.co_argcount == 2

    class Changed(kind):
        def backward(self, dy, cache):
            dx, grads = kind.backward(self, dy, cache)
            n = (len(dy),) if with_n else ()
            if "x" in names:
                dx = change(dx, *n)
            return dx, {name: change(g, *n) if name in names else g for name, g in grads.items()}

    return Changed


def check(kind, options, keywords, x, expected):
    """Assert that exactly the expected arrays are wrong, each with its sentence."""
    report = gradcheck(kind(*options, **keywords), x)
    assert not report.ok
    compare({row.name: row.cause for row in report.rows if row.verdict != "ok"}, expected, report)


def compare(causes, expected, report):
    """Assert that the causes match the expected patterns, and that the report shows them."""
    for name, pattern in expected.items():
        assert re.search(pattern, causes[name]), f"{name}: {causes[name]!r}\n{report}"
        assert f"{name}: {causes[name] or 'no known cause fits'}" in str(report)
    assert set(causes) == set(expected), str(report)
