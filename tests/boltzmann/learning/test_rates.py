"""Learning rates over a fit, by name or as a function of the update."""

import pytest

from scratchnet.boltzmann.learning.rates import check_schedule, learning_rate_at


@pytest.mark.parametrize(
    "schedule, expected",
    [
        ("constant", [0.6, 0.6, 0.6, 0.6]),
        ("linear", [0.6, 0.3, 0.1, 0]),
        ("late", [0.6, 0.6, 0.3, 0]),
        (lambda update: 10.0 - update, [10, 7, 5, 4]),
    ],
)
def test_a_schedule_gives_the_rate_of_each_update(schedule, expected):
    check_schedule(schedule)
    rates = [learning_rate_at(schedule, 0.6, update, update / 6) for update in (0, 3, 5, 6)]
    assert rates == pytest.approx(expected)


def test_an_unknown_schedule_raises():
    with pytest.raises(ValueError, match="unknown schedule 'linea'.*did you mean 'linear'"):
        check_schedule("linea")
    with pytest.raises(ValueError, match="choose one of constant, linear"):
        check_schedule("late", ["linear", "constant"])
