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
    assert_array_equal(read_days(path)[1], np.arange(215 * 48).reshape(215, 48))
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path))
    expect_days(load_days("taxi"), LABELLED)


BROKEN = {
    "empty": (lambda content: [], "there is nothing in this file"),
    "another header": (lambda content: ["time,rides", *content[1:]], "got time, rides"),
    "cut short": (lambda content: content[:-48], "expected 215 days of 48 half hours .* got 214"),
    "a gap": (
        lambda content: content[:3] + content[4:],
        "line 4: expected a timestamp 0:30:00 .* after 2014-07-01 00:30:00, but got "
        "'2014-07-01 01:30:00'",
    ),
    "a doubled line": (lambda content: content[:10] + content[9:], "line 11: .*keep_first=True"),
    "a word": (
        lambda content: [*content[:-1], "2015-01-31 23:30:00,many"],
        "line 10321: expected a number, but got 'many'",
    ),
    "nan": (lambda content: [*content[:-1], "2015-01-31 23:30:00,nan"], "line 10321: .*'nan'"),
    "infinite": (lambda content: [*content[:-1], "2015-01-31 23:30:00,1e39"], "line 10321: .*1e39"),
    "no value": (lambda content: [*content[:-1], "2015-01-31 23:30:00,"], "line 10321: .*''"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_file_gets_a_sentence(how, tmp_path, monkeypatch):
    breaking, says = BROKEN[how]
    file_of(tmp_path, breaking(lines()))
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=f"{FILE}.*{says}"):
        load_days("taxi")


# ------------------------------------------------------------------------------------- own series


def series(start, n, minutes, separator=","):
    """Lines of a series as the Numenta Anomaly Benchmark has them."""
    stamps = np.datetime64(start) + minutes * np.arange(n)
    texts = [f"{str(s).replace('T', ' ')}:00{separator}{i / 4}" for i, s in enumerate(stamps)]
    return [f"timestamp{separator}value", *texts]


def own(path, content):
    path.write_text("\n".join(content) + "\n", encoding="utf-8")
    return path


def test_any_series_with_equal_intervals_is_read_day_by_day(tmp_path):
    days = load_days(own(tmp_path / "art.csv", series("2014-04-01T00:00", 3 * 288, 5)))
    assert repr(days) == "Days('art': 3 from 2014-04-01, 0 of 0 odd)"
    assert_array_equal(days.counts, np.arange(3 * 288, dtype="f4").reshape(3, 288) / 4)
    assert [str(date) for date in days.dates] == ["2014-04-01", "2014-04-02", "2014-04-03"]
    assert not days.is_odd.any() and days.is_odd.shape == (3,)


@pytest.mark.parametrize("start, before", [("2013-12-02T21:15", 33), ("2013-12-02T21:17", 33)])
def test_only_whole_days_of_a_series_are_taken(tmp_path, start, before):
    days = load_days(own(tmp_path / "machine.csv", series(start, before + 2 * 288 + 100, 5)))
    assert_array_equal(days.counts.ravel(), (before + np.arange(2 * 288)) / 4)
    assert [str(date) for date in days.dates] == ["2013-12-03", "2013-12-04"]


def test_a_series_by_the_hour_with_other_separators_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    content = series("2014-04-01T00:00", 48, 60, ";")
    own(tmp_path / "hours.csv", ["\ufeff" + content[0], *content[1:]])
    assert load_days("~/hours.csv").counts.shape == (2, 24)


@pytest.mark.parametrize("at, n", [(1, 1), (5, 1), (40, 12)])
def test_of_doubled_lines_the_first_is_kept_on_request(tmp_path, at, n):
    content = series("2014-04-01T00:00", 288, 5)
    again = [line.split(",")[0] + ",-1" for line in content[at : at + n]]
    path = own(tmp_path / "doubled.csv", content[: at + n] + again + content[at + n :])
    assert f"line {at + n + 1}" in refusal(load_days, path)
    days = load_days(path, keep_first=True)
    assert_array_equal(days.counts.ravel(), np.arange(288, dtype="f4") / 4)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda s: s[:5] + s[6:], ["line 6"]),
        (lambda s: s[:5] + ["yesterday,3"] + s[6:], ["line 6", "'yesterday'"]),
        (lambda s: s[:5] + ["2014-04-01T00:20:00+01:00,3"] + s[6:], ["line 6", "time zone"]),
        (lambda s: s[:50], ["whole day"]),
        (lambda s: s[:2], ["whole day"]),
        (lambda s: s[:1] + s[1::11], ["line 3", "a day is a multiple"]),
        (lambda s: ["a,b"] + s[1:], ["timestamp, value"]),
        (lambda s: s[:5] + [s[5] + ",7"] + s[6:], ["line 6", "expected 2 values"]),
    ],
)
def test_a_broken_series_is_refused_with_its_line(tmp_path, change, words):
    content = series("2014-04-01T00:00", 3 * 288, 5)
    message = refusal(load_days, own(tmp_path / "art.csv", change(content)))
    for word in ["art.csv", *words]:
        assert word in message


def test_a_missing_file_gets_one_sentence_that_says_what_to_do():
    message = refusal(load_days, "taxi")
    assert "\n" not in message
    for part in (FILE, "github.com/numenta/NAB", "SCRATCHNET_DATA", "--dataset pattern"):
        assert part in message
    with pytest.raises(
        ValueError, match="unknown series of days, and no file 'taxis'.*did you mean 'taxi'"
    ):
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
