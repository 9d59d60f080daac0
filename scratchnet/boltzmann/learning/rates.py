"""Learning rates of a fit whose number of updates is known: constant, or falling to 0 at its end.

`scratchnet.schedules` are functions of the update alone; they are accepted as well.
"""

from scratchnet.validation import unknown_name

__all__ = ["RATES", "check_schedule", "learning_rate_at"]

RATES = {  # factor of the learning rate, for the share of all updates that are done, 0 to 1
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1 - progress,
    "late": lambda progress: min(1.0, 3 * (1 - progress)),  # constant, falls in the last third
}


def check_schedule(schedule, names=tuple(RATES)):
    """Raise ValueError unless the schedule is one of the names or a function of the update.

    >>> check_schedule("liner", ["linear"])
    Traceback (most recent call last):
    ValueError: unknown schedule 'liner': choose one of linear (did you mean 'linear'?)
    """
    if not callable(schedule) and schedule not in names:
        raise unknown_name("schedule", schedule, names)


def learning_rate_at(schedule, learning_rate, update, progress):
    """Learning rate of one update.

    Parameters
        schedule       a name in `RATES`, or a function rate = schedule(update)
        learning_rate  the rate at the start, which a function does not use
        update         number of updates done
        progress       share of the updates of the fit that are done, 0 to 1

    >>> learning_rate_at("linear", 0.1, update=50, progress=0.5)
    0.05
    """
    if callable(schedule):
        return schedule(update)
    return learning_rate * RATES[schedule](progress)
