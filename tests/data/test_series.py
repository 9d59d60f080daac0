"""The series of days. Those on the real taxi counts run where SCRATCHNET_DATA holds them."""

import os
from pathlib import Path

import numpy as np
import pytest
from data_sandbox import refusal, write
from numpy.testing import assert_allclose, assert_array_equal

from scratchnet.data import load_days
from scratchnet.data.series import FILE, LABELLED, PLANTED, read_days

pytestmark = pytest.mark.usefixtures("sandbox")

REAL_DATA = os.environ.get("SCRATCHNET_DATA")  # taken before the sandbox hides it


def lines(counts=None, header="timestamp,value"):
    """The content of a file like the benchmark's, with these counts or 0, 1, 2, ..."""
    clock = np.datetime64("2014-07-01T00:00") + 30 * np.arange(215 * 48)
    counts = range(len(clock)) if counts is None else counts
    stamps = [str(moment).replace("T", " ") + ":00" for moment in clock]
    return [header, *(f"{s},{c}" for s, c in zip(stamps, counts, strict=True))]


def file_of(tmp_path, content):
    return write(tmp_path / FILE, "\n".join(content).encode())


def expect_days(days, odd):
    assert days.counts.shape == (215, 48) and days.counts.dtype == np.float32
    assert str(days.dates[0]) == "2014-07-01" and str(days.dates[-1]) == "2015-01-31"
    assert days.n_normal == 121 and str(days.dates[days.n_normal]) == "2014-10-30"
    assert [str(date) for date in days.dates[days.is_odd]] == sorted(odd)
    assert not days.is_odd[: days.n_normal].any() and days.is_odd.sum() == 5
    assert days.weekdays[:7].tolist() == [1, 2, 3, 4, 5, 6, 0]  # 2014-07-01 was a Tuesday


def test_the_synthetic_days_are_the_same_on_every_call():
    days = load_days("pattern")
    expect_days(days, PLANTED)
    assert_array_equal(load_days("pattern").counts, days.counts)
    assert days.counts.min() == 0 and 20000 < days.counts.max() < 40000
    assert repr(days) == "Days('pattern': 215 from 2014-07-01, 5 of 94 odd)"


def test_an_synthetic_day_is_like_those_of_its_weekday_unless_it_was_made_odd():
    days = load_days("pattern")
    usual = np.stack([days.counts[:121][days.weekdays[:121] == w].mean(axis=0) for w in range(7)])
    away = ((days.counts - usual[days.weekdays]) ** 2).mean(axis=1) ** 0.5  # in rides
    assert away[days.is_odd].min() > 1.5 * away[~days.is_odd].max()
    like_sunday = days.counts[days.dates == np.datetime64("2014-11-27")][0]
    assert ((like_sunday - usual[6]) ** 2).mean() ** 0.5 < away[~days.is_odd].max()


def test_a_file_is_read_day_by_day(tmp_path, monkeypatch):
    path = file_of(tmp_path, lines())
    assert_array_equal(read_days(path), np.arange(215 * 48).reshape(215, 48))
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path))
    expect_days(load_days("taxi"), LABELLED)


BROKEN = {
    "empty": (lambda content: [], "expected the columns timestamp,value; got nothing"),
    "another header": (lambda content: ["time,rides", *content[1:]], "got time,rides"),
    "cut short": (lambda content: content[:-48], "expected 215 days of 48 half hours; got 10272"),
    "a gap": (
        lambda content: content[:3] + content[4:],
        "expected a line for 2014-07-01 01:00:00; got 2014-07-01 01:30:00,3",
    ),
    "a word": (
        lambda content: [*content[:-1], "2015-01-31 23:30:00,many"],
        "expected a number in each line; .*many",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_file_gets_a_sentence(how, tmp_path):
    breaking, says = BROKEN[how]
    path = file_of(tmp_path, breaking(lines()))
    with pytest.raises(ValueError, match=f"{FILE}: .*{says}"):
        read_days(path)


def test_a_missing_file_gets_one_sentence_that_says_what_to_do():
    message = refusal(load_days, "taxi")
    assert "\n" not in message
    for part in (FILE, "github.com/numenta/NAB", "SCRATCHNET_DATA", "--dataset pattern"):
        assert part in message
    with pytest.raises(ValueError, match="unknown series of days 'taxis'.*did you mean 'taxi'"):
        load_days("taxis")


@pytest.mark.skipif(not REAL_DATA, reason="SCRATCHNET_DATA is not set")
def test_the_real_taxi_counts(monkeypatch):
    if not list(Path(REAL_DATA).rglob(FILE)):
        pytest.skip(f"SCRATCHNET_DATA has no {FILE}")
    monkeypatch.setenv("SCRATCHNET_DATA", REAL_DATA)
    days = load_days("taxi")
    expect_days(days, LABELLED)
    assert (days.counts.min(), days.counts.max()) == (8, 39197)
    assert_allclose(days.counts.mean(dtype="float64"), 15137.57, atol=0.01)
