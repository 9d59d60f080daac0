"""Schedules: the learning rate of update t = 0, 1, 2, ..."""

import numpy as np
import pytest

from scratchnet.schedules import CosineDecay, ExponentialDecay, StepDecay, WarmUp, rate_at

STAIRS = StepDecay(0.8, factor=0.5, every=10)
SMOOTH = ExponentialDecay(0.8, factor=0.5, steps=10)
COSINE = CosineDecay(0.8, steps=100, final=0.2)

LANDMARKS = [
    (STAIRS, {0: 0.8, 9: 0.8, 10: 0.4, 19: 0.4, 20: 0.2, 35: 0.1}),
    (SMOOTH, {0: 0.8, 5: 0.8 * 0.5**0.5, 10: 0.4, 20: 0.2}),
    (COSINE, {0: 0.8, 25: 0.5 + 0.3 * 0.5**0.5, 50: 0.5, 100: 0.2, 101: 0.2, 10**9: 0.2}),
    (CosineDecay(0.8, steps=3), {0: 0.8, 1: 0.6, 2: 0.2, 3: 0.0}),
    (WarmUp(0.8, steps=4), {0: 0.16, 1: 0.32, 2: 0.48, 3: 0.64, 4: 0.8, 5: 0.8, 10**9: 0.8}),
    (WarmUp(STAIRS, steps=4), {0: 0.16, 3: 0.64, 4: 0.8, 13: 0.8, 14: 0.4, 24: 0.2}),
]


@pytest.mark.parametrize("schedule, landmarks", LANDMARKS)
def test_each_passes_its_landmarks(schedule, landmarks):
    for t, rate in landmarks.items():
        assert schedule(t) == pytest.approx(rate, rel=1e-12, abs=1e-16), t


@pytest.mark.parametrize("schedule", [STAIRS, SMOOTH, COSINE])
def test_a_decay_never_rises(schedule):
    assert (np.diff([schedule(t) for t in range(200)]) <= 0).all()


def test_a_warm_up_rises_evenly_from_above_zero_and_then_is_the_schedule_from_its_start():
    rates = [WarmUp(COSINE, steps=7)(t) for t in range(120)]
    assert np.allclose(np.diff([0, *rates[:8]]), 0.1, rtol=0, atol=1e-15)
    assert rates[7:] == [COSINE(t) for t in range(113)]


def test_a_learning_rate_is_a_number_or_a_schedule():
    assert rate_at(0.25, 7) == 0.25
    assert rate_at(STAIRS, 10) == 0.4


@pytest.mark.parametrize(
    "schedule, arguments",
    [
        (StepDecay, {"initial": 0.1, "factor": 0.5, "every": 0}),
        (ExponentialDecay, {"initial": 0.1, "factor": 0.5, "steps": 0}),
        (CosineDecay, {"initial": 0.1, "steps": -5}),
        (WarmUp, {"then": 0.1, "steps": 0}),
    ],
)
def test_a_length_below_one_update_is_refused(schedule, arguments):
    length = list(arguments)[-1]
    with pytest.raises(ValueError, match=rf"^{schedule.__name__} expects {length} >= 1.*got [-\d]"):
        schedule(**arguments)
