"""Time series of whole days: New York's taxi rides, synthetic days, or a file.

The taxi series is part of the Numenta Anomaly Benchmark: A. Lavin, S. Ahmad (2015), Evaluating
real-time anomaly detection algorithms; MIT licence. Its counts come from the trip records of the
NYC Taxi and Limousine Commission.
"""

import array
import datetime
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchnet.backend import RNG
from scratchnet.data.cache import find
from scratchnet.data.idx import DataError
from scratchnet.data.tables import columns, named_file, number, read_table
from scratchnet.paths import expanded
from scratchnet.validation import unknown_name

HALF_HOURS = 48  # in a day
DAY, NO_TIME = datetime.timedelta(days=1), datetime.timedelta(0)
LARGEST = float(np.finfo(np.float32).max)
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
        counts    (N, values a day) float32, from midnight; 48 a day are one per half hour
        odd       {date: description} of the anomalous days, all after the normal ones; empty for a
                  file
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


def load_days(name: str | os.PathLike, keep_first: bool = False) -> Days:
    """Load a series of days, by name or from a file.

    Parameters
        name        "pattern"  synthetic: weekdays and weekends, noise, five planted anomalies
                    "taxi"     taxi passengers in New York, 2014-07-01 to 2015-01-31, five labelled
                               anomalies; the file is searched in SCRATCHNET_DATA and the cache
                    a path     a table of text, see `read_days`; all its days count as normal
        keep_first  whether of lines with one timestamp the first is kept; by default, a second
                    line is an error

    Returns a `Days`. Raises ValueError for an unknown name, and DataError for a file that is
    missing or damaged.

    >>> days = load_days("pattern")
    >>> days.counts.shape, int(days.is_odd.sum())
    ((215, 48), 5)
    """
    known = {"pattern": _synthetic, "taxi": _taxi}
    if isinstance(name, str) and name in known:
        return known[name]()
    path = named_file(name)
    if path is None:
        raise unknown_name("series of days, and no file", name, known)
    dates, counts = read_days(path, keep_first)
    return Days(path.stem, dates, counts, {}, len(dates))


def _taxi():
    path = find("nab/data/realKnownCause", FILE, SHA256)
    if path is None:
        raise DataError(
            f"The taxi series needs {FILE} of the Numenta Anomaly Benchmark: copy it from "
            "github.com/numenta/NAB, folder data/realKnownCause, and set SCRATCHNET_DATA to the "
            "folder that contains it, or use the synthetic series: --dataset pattern"
        )
    dates, counts = read_days(path)
    if counts.shape != (LENGTH, HALF_HOURS) or str(dates[0]) != START:
        raise DataError(
            f"{path}: expected {LENGTH} days of {HALF_HOURS} half hours from {START}; got "
            f"{len(counts)} days of {counts.shape[1]} values from {dates[0]}; replace the file."
        )
    return Days("taxi", dates, counts, LABELLED, NORMAL)


def read_days(path: str | os.PathLike, keep_first: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Read the whole days of a table with the columns timestamp and value, at equal intervals.

    Parameters
        path        such as a file of the Numenta Anomaly Benchmark; see `read_table`. A timestamp
                    is a date and a time without time zone, 2014-07-01 00:30:00. The interval is
                    that of the first two lines, and a day must be a multiple of it.
        keep_first  whether of lines with one timestamp the first is kept; by default, a second
                    line is an error

    Returns (dates, counts): (N,) datetime64[D], and (N, values a day) float32. Values before the
    first midnight and after the last are left out. Raises DataError, which names the line, for
    another header, a gap, a doubled or unreadable timestamp or a value that is not a finite number;
    and DataError if there is no whole day.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "days.csv")
    ...     hours = [f"2014-07-01 {hour:02}:00:00,{hour}\\n" for hour in range(24)]
    ...     _ = path.write_text("timestamp,value\\n" + "".join(hours))
    ...     dates, counts = read_days(path)
    >>> dates, counts.shape
    (array(['2014-07-01'], dtype='datetime64[D]'), (1, 24))
    """
    path = expanded(path)
    rows = read_table(path)
    places = columns(path, next(rows)[1], {"timestamp": ["timestamp"], "value": ["value"]})
    start: Any = None
    last: Any = None
    step, values = None, array.array("f")
    for line, cells in rows:
        text = cells[places[0]]
        moment = _moment(path, line, text)
        if keep_first and last is not None and start <= moment <= last:
            if moment == last or step and (moment - start) % step == NO_TIME:
                continue  # a second line of this moment
        if step is None and last is not None:
            step = _step(path, line, moment - last)
        if step is not None and moment - last != step:
            hint = "; of doubled lines, keep_first=True keeps the first" if moment <= last else ""
            raise DataError(
                f"{path}, line {line}: expected a timestamp {step} (hours:minutes:seconds) after "
                f"{last}, but got {text!r}{hint}."
            )
        start, last = start or moment, moment
        values.append(number(path, line, cells[places[1]], at_most=LARGEST))
    if step is None:
        raise DataError(f"{path}: expected at least one whole day, but got {len(values)} lines.")
    a_day = DAY // step
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    before = -((start - midnight) // step) % a_day  # values before the first midnight
    n_days = (len(values) - before) // a_day
    if n_days < 1:
        raise DataError(
            f"{path}: expected at least one whole day of {a_day} values from midnight, but got "
            f"{len(values)} values from {start}."
        )
    counts = np.array(values[before : before + n_days * a_day], np.float32)
    first = np.datetime64((start + before * step).date(), "D")
    return first + np.arange(n_days), counts.reshape(n_days, a_day)


def _moment(path, line, text):
    """The datetime of a timestamp."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise DataError(
            f"{path}, line {line}: expected a timestamp such as 2014-07-01 00:30:00, without time "
            f"zone, but got {text[:40]!r}."
        )
    return moment


def _step(path, line, step):
    """The interval of the series, which divides a day."""
    if step <= NO_TIME:
        raise DataError(
            f"{path}, line {line}: expected a later timestamp than in the line before; of doubled "
            "lines, keep_first=True keeps the first."
        )
    if DAY % step:
        raise DataError(
            f"{path}, line {line}: expected an interval of which a day is a multiple, but the "
            f"first two lines are {step} apart."
        )
    return step


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
