"""Thirty bugs that NumPy does not mind, planted in a training step: the stand-in catches 29."""

import contextlib

import numpy as np
import pytest
import test_architecture
from device_bugs import BUGS, losses, source, toy
from fake_cupy import STATS, Synchronized, module, no_sync, reset

UNSEEN = "a mask without a seed, copied properly"  # to the stand-in it is data like any other
SEEN = [bug for bug in BUGS if bug != UNSEEN]
COMPLAINTS = (AttributeError, NotImplementedError, Synchronized, TypeError, ValueError)


def on_numpy(parts):
    with np.errstate(all="ignore"):  # one bug computes with whatever lies in memory
        return losses(parts, np, np.random.default_rng(0), contextlib.nullcontext())


def on_the_stand_in(parts):
    values = losses(parts, module, module.random.default_rng(0), no_sync())
    if not np.isfinite(values).all():
        raise ValueError(f"not finite: {values}")
    return values


class Shared:
    """A generator that draws the same numbers on both: the host's, carried over."""

    def __init__(self, xp):
        self.xp, self.host = xp, np.random.default_rng(0)

    def random(self, shape, dtype):
        return self.xp.asarray(self.host.random(shape, dtype=dtype))

    def standard_normal(self, shape, dtype):
        return self.xp.asarray(self.host.standard_normal(shape, dtype=dtype))


def test_the_step_without_a_bug_never_waits_and_gives_numpys_numbers():
    reset()
    here, there = (losses(toy(), xp, Shared(xp), no_sync()) for xp in (np, module))
    assert here == there and len(set(here)) == 3
    assert STATS.syncs == 3, "the losses are read after the last step"
    assert STATS.launches < 3 * 80
    assert on_the_stand_in(toy()) != on_numpy(toy()), "they draw different random numbers"


@pytest.mark.parametrize("bug", BUGS)
def test_numpy_does_not_mind(bug):
    assert len(on_numpy(toy(bug))) == 3


@pytest.mark.parametrize("bug", SEEN)
def test_the_stand_in_catches(bug):
    with pytest.raises(COMPLAINTS, match=BUGS[bug][2]):
        on_the_stand_in(toy(bug))


def test_at_least_29_of_30_are_caught_and_the_last_one_is_forbidden_by_its_name(tmp_path):
    assert len(BUGS) == 30 and len(SEEN) >= 29
    on_the_stand_in(toy(UNSEEN))
    path = tmp_path / "unseen.py"
    path.write_text(source(UNSEEN))
    (problem,) = test_architecture.unseeded(path)
    assert "np.random.random" in problem
