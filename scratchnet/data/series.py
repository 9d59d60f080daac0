"""Time series of whole days, some of them anomalous: New York's taxi rides, or synthetic.

The taxi series is part of the Numenta Anomaly Benchmark: A. Lavin, S. Ahmad (2015), Evaluating
real-time anomaly detection algorithms; MIT licence. Its counts come from the trip records of the
NYC Taxi and Limousine Commission.
"""

import csv
import os
from dataclasses import dataclass

import numpy as np

from scratchnet.backend import RNG
from scratchnet.data.cache import find
from scratchnet.data.idx import DataError
from scratchnet.validation import unknown_name

HALF_HOURS = 48  # in a day
NORMAL = 121  # days before the first anomalous window of the benchmark, 2014-10-30
START, LENGTH = "2014-07-01", 215  # first day, number of days
FILE = "nyc_taxi.csv"
SHA256 = "d8fa6f7f0734bf5c8be12c52a94e20a82664c397d9dec4449156bd453d32856d"
LABELLED = {  # as in the benchmark's combined_labels.json
    "2014-11-01": "marathon weekend",
    "2014-11-27": "Thanksgiving",
    "2014-12-25": "Christmas",
    "2015-01-01": "New Year",
    "2015-01-27": "snow storm",
}
PLANTED = {
    "2014-11-12": "nothing from 14:00 to 17:00",
    "2014-11-27": "a Thursday like a Sunday",
    "2014-12-13": "all two hours late",
    "2014-12-31": "a busy night",
    "2015-01-20": "a third of the usual",
}


@dataclass(frozen=True, eq=False, repr=False)
class Days:
    """Whole days of a series, in order.

    Attributes
        name      name of the data set
        dates     (N,) datetime64[D]
        counts    (N, 48) float32, one number per half hour, from midnight
        odd       {date: description} of the anomalous days, all after the normal ones
        n_normal  the first n_normal days are known to be normal

    >>> load_days("pattern")
    Days('pattern': 215 from 2014-07-01, 5 of 94 odd)
    """

    name: str
    dates: np.ndarray
    counts: np.ndarray
    odd: dict[str, str]
    n_normal: int

    def __repr__(self):
        n, after = len(self.dates), len(self.dates) - self.n_normal
        return f"Days({self.name!r}: {n} from {self.dates[0]}, {len(self.odd)} of {after} odd)"

    @property
    def weekdays(self) -> np.ndarray:
        """Weekday of each date, (N,): 0 for Monday to 6 for Sunday."""
        return _weekdays(self.dates)

    @property
    def is_odd(self) -> np.ndarray:
        """Boolean array (N,), True for the days in `odd`."""
        return np.isin(self.dates, np.array(list(self.odd), "datetime64[D]"))


def _weekdays(dates):
    return (dates.astype("int64") + 3) % 7  # day 0 of datetime64 was a Thursday


def load_days(name: str) -> Days:
    """Load a series of days by name.

    Parameters
        name  "pattern"  synthetic: weekdays and weekends, noise, five planted anomalies
              "taxi"     taxi passengers in New York, 2014-07-01 to 2015-01-31, five labelled
                         anomalies; the file is searched in SCRATCHNET_DATA and the cache

    Returns a `Days`. Raises ValueError for an unknown name, and DataError for a file that is
    missing or damaged.

    >>> days = load_days("pattern")
    >>> days.counts.shape, int(days.is_odd.sum())
    ((215, 48), 5)
    """
    known = {"pattern": _synthetic, "taxi": _taxi}
    if name not in known:
        raise unknown_name("series of days", name, known)
    return known[name]()


def _taxi():
    path = find("nab/data/realKnownCause", FILE, SHA256)
    if path is None:
        raise DataError(
            f"The taxi series needs {FILE} of the Numenta Anomaly Benchmark: copy it from "
            "github.com/numenta/NAB, folder data/realKnownCause, and set SCRATCHNET_DATA to the "
            "folder that contains it, or use the synthetic series: --dataset pattern"
        )
    return Days("taxi", _calendar(), read_days(path), LABELLED, NORMAL)


def read_days(path: str | os.PathLike) -> np.ndarray:
    """Read the counts of a CSV file with a line `timestamp,value` for each half hour.

    Returns (N, 48) float32. Raises DataError, which names the line, if the file has another header,
    another timestamp or a value that is not a number.
    """
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    if rows[:1] != [["timestamp", "value"]]:
        found = ",".join(rows[0]) if rows else "nothing"
        raise DataError(f"{path}: expected the columns timestamp,value; got {found}")
    first, clock = np.datetime64(START, "m"), 30 * np.arange(len(rows) - 1)  # minutes
    stamps = [str(moment).replace("T", " ") + ":00" for moment in first + clock]
    for stamp, row in zip(stamps, rows[1:], strict=True):
        if len(row) != 2 or row[0] != stamp:
            raise DataError(f"{path}: expected a line for {stamp}; got {','.join(row)}")
    if len(stamps) != LENGTH * HALF_HOURS:
        raise DataError(f"{path}: expected {LENGTH} days of 48 half hours; got {len(stamps)} lines")
    try:
        counts = np.array([value for _, value in rows[1:]], np.float32)
    except ValueError as error:
        raise DataError(f"{path}: expected a number in each line; {error}") from None
    return counts.reshape(LENGTH, HALF_HOURS)


def _calendar():
    return np.datetime64(START) + np.arange(LENGTH)


def _synthetic():
    """Generate days: a profile for each weekday, scaled by 1 + N(0, 0.05^2), and noise."""
    hour, rng = np.arange(HALF_HOURS) / 2, RNG(0).host

    def peak(at, width):
        away = np.minimum(abs(hour - at), 24 - abs(hour - at))  # hours, across midnight too
        return np.exp(-(away**2) / (2 * width**2))

    work = 4000 + 11000 * peak(8.5, 1.5) + 8000 * peak(13, 2.5) + 14000 * peak(19, 2.5)
    friday = work + 7000 * peak(23.5, 2)
    saturday = 6000 + 9000 * peak(14, 4) + 14000 * peak(23, 3) + 6000 * peak(1, 2)
    sunday = 5000 + 10000 * peak(14.5, 4) + 11000 * peak(1, 2.5)
    week = np.stack([work] * 4 + [friday, saturday, sunday])  # (7, 48), from Monday
    dates = _calendar()
    counts = week[_weekdays(dates)]  # (N, 48)
    row = {str(date): i for i, date in enumerate(dates)}
    counts[row["2014-11-12"], 28:34] = 0
    counts[row["2014-11-27"]] = sunday
    counts[row["2014-12-13"]] = np.roll(saturday, 4)
    counts[row["2014-12-31"]] += 12000 * peak(1, 2)
    counts[row["2015-01-20"]] /= 3
    counts *= 1 + 0.05 * rng.standard_normal((LENGTH, 1))
    counts += 400 * rng.standard_normal(counts.shape) * (counts > 0)
    return Days("pattern", dates, counts.clip(0).astype(np.float32), PLANTED, NORMAL)
