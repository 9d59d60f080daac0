"""The page of the results: written from its record, complete, each worse figure explained."""

import copy
import json
import re

import pytest

from benchmarks import systems, systems_machines, systems_page

TABLE = json.loads(systems.TABLE.read_text(encoding="ascii"))
RECORD = json.loads(systems.RECORD.read_text(encoding="ascii"))
SEEDS = {"": 0.01, " --seed 1": 0.03, " --seed 2": 0.05}
FIGURE = {"what": "MSE", "metric": "val MSE", "good": "low"}


def test_the_page_is_what_the_command_writes():
    assert systems.PAGE.read_text(encoding="ascii") == systems_page.page(TABLE, RECORD)


def test_every_system_of_the_course_is_listed_with_a_figure():
    names = [entry["id"] for entry in TABLE["systems"]]
    groups = {"A": 9, "B": 5, "C": 5, "D": 4, "E": 4}
    assert names == [f"{letter}{n + 1}" for letter, size in groups.items() for n in range(size)]
    page = systems.PAGE.read_text(encoding="ascii")
    for name in names:
        assert f"| **{name}** |" in page and f"* **{name}**, " in page


def test_all_eleven_mistakes_have_an_experiment_and_figures():
    assert len(TABLE["mistakes"]) == 11
    listed = [entry["system"] for entry in TABLE["mistakes"]]
    assert listed == "A4 A5 A8 B1 C2 D1 D1 E1 E3 C5".split() + ["A1 to A7"]
    for entry in TABLE["mistakes"]:
        assert len(entry["figures"]) >= 2 and "lesson" in entry["shown"]


def test_each_metric_of_the_table_is_in_the_reports():
    lacking = []
    for entry in (entry for part in TABLE.values() for entry in part):
        for figure in entry["figures"]:
            run = figure.get("run", entry["run"])
            if run in RECORD["runs"] and figure["metric"] not in RECORD["runs"][run]["metrics"]:
                lacking.append((run, figure["metric"]))
    assert not lacking


def test_each_worse_figure_is_explained():
    assert not systems_page.unexplained(TABLE, RECORD)


def test_a_worse_figure_without_a_reason_is_reported(monkeypatch):
    entry = {"id": "A1", "title": "t", "run": "mnist_dbn", "figures": [FIGURE | {"reported": 1.0}]}
    table = {"systems": [entry], "further": [], "mistakes": []}
    record = {"runs": {"mnist_dbn": {"metrics": {"val MSE": 1.5}, "settings": {}}}}
    assert systems_page.unexplained(table, record) == ["A1, MSE"]
    entry["figures"][0]["why"] = "Half the epochs."
    assert not systems_page.unexplained(table, record)
    cells, explained = systems_page.rows(entry, record)
    assert cells[0][4] == "1.5\\*" and explained == ["MSE: Half the epochs."]
    record["runs"]["mnist_dbn"]["metrics"]["val MSE"] = 0.9
    assert systems_page.rows(entry, record)[0][0][4] == "0.9"


@pytest.mark.parametrize(
    "good, mean, worse",
    [
        ("low", 1.2, True),
        ("low", 1.05, False),
        ("low", 0.5, False),
        ("high", 0.8, True),
        ("high", 1.5, False),
        ("near", 1.2, True),
        ("near", 0.95, False),
        ("any", 9.0, False),
    ],
)
def test_worse_is_in_the_bad_direction_and_beyond_the_tolerance(good, mean, worse):
    figure = FIGURE | {"good": good, "reference": [1.0, 0.1, "source"]}
    assert systems_page.is_worse(mean, figure, "mnist_dbn") is worse


def test_references_come_from_the_lessons():
    run = "07_manifold --dataset mnist"
    reported, reference, tolerance, source = systems_page.expected(FIGURE, run)
    assert reported is None and reference == 0.0221 and tolerance == 0.0004
    assert source.startswith("PyTorch")
    unpooling = systems_page.expected(FIGURE, "12_unpooling --dataset mnist")
    assert unpooling[:2] == (0.0078, None)  # the course notes: reported, no reference
    own = FIGURE | {"metric": "MSE, LSTM"}  # the reference is an earlier run of the lesson
    assert systems_page.expected(own, "24_convolutional_against_lstm --dataset mnist")[1] is None
    gap = FIGURE | {"metric": "both: gap"}
    assert systems_page.expected(gap, "30_deep_boltzmann_machine")[3].startswith("the same machine")


def test_seeds_are_shown_as_mean_and_range():
    runs = {f"07_manifold{flag}": {"metrics": {"val MSE": v}} for flag, v in SEEDS.items()}
    found = systems_page.values(FIGURE, "07_manifold", {"runs": runs})
    assert systems_page.ours(found) == "0.03 (0.01 to 0.05)"
    assert systems_page.ours([0.5]) == "0.5"
    assert systems_page.ours([]).startswith("not run")


def test_only_reports_of_the_table_are_collected(tmp_path):
    for name, flags in {"listed": [], "other": ["--units", "3"]}.items():
        (tmp_path / name).mkdir()
        report = {"lesson": "22_lstm_autoencoder", "flags": flags}
        report |= {"settings": {"epochs": 2}, "metrics": {"repaired MSE": 0.123456789}}
        (tmp_path / name / "report.json").write_text(json.dumps(report))
    (tmp_path / "listed/runtime.json").write_text('{"processor_seconds": 12.3}')
    assert systems.collect(tmp_path, TABLE) == {
        "22_lstm_autoencoder": {
            "settings": {"epochs": 2},
            "metrics": {"repaired MSE": 0.123457},
            "processor_seconds": 12,
        }
    }


def test_short_runs_are_repeated_with_other_seeds():
    table = {"systems": [{"run": "02_digit_classifier", "figures": []}]}
    run, wanted = "02_digit_classifier", []
    record = {"runs": {}}
    assert next(systems.missing(table, record, wanted)) == run
    record["runs"][run] = {"processor_seconds": 299}
    others = [f"{run} --seed 1", f"{run} --seed 2"]
    assert list(systems.missing(table, record, wanted)) == others
    assert not list(systems.missing(table, record, ["03"]))
    both = {"systems": [*table["systems"], {"run": "mnist_dbn", "figures": []}]}
    assert list(systems.missing(both, record, wanted))[0] == "mnist_dbn"  # first all of seed 0
    record["runs"][run] = {"processor_seconds": 301}
    assert not list(systems.missing(table, record, wanted))


def test_the_command_runs_what_is_missing_and_writes_both_files(tmp_path, monkeypatch, capsys):
    record, page = tmp_path / "results.json", tmp_path / "results.md"
    for name, path in {"ROOT": tmp_path, "RECORD": record, "PAGE": page}.items():
        monkeypatch.setattr(systems, name, path)
    known = copy.deepcopy(RECORD)
    for seed in range(systems_page.SEEDS):
        del known["runs"][systems_page.with_seed("02_digit_classifier --dataset mnist", seed)]
    record.write_text(json.dumps(known))
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons/02_digit_classifier.py").write_text(LESSON)
    out = tmp_path / "out"
    systems.main(["--run", "02_digit_classifier --dataset mnist", "--out", str(out)])
    new = json.loads(record.read_text())["runs"]["02_digit_classifier --dataset mnist"]
    assert new["metrics"]["test accuracy"] == 0.99 and new["processor_seconds"] >= 0
    assert re.search(r"\*\*A8\*\* \| test accuracy \|.*\| 0.99 .*\| 3 \|", page.read_text())


LESSON = """
import json, pathlib, sys
words = sys.argv[1:]
out = pathlib.Path(words[words.index("--out") + 1]) / "-".join(words[2:-2]).strip("-")
out.mkdir(parents=True)
flags = words[2:words.index("--out")]
metrics = {"test accuracy": 0.99, "test accuracy, falling rate": 0.99}
report = {"lesson": "02_digit_classifier", "flags": flags, "settings": {}, "metrics": metrics}
(out / "report.json").write_text(json.dumps(report))
"""


@pytest.mark.parametrize("kind", ["dbn", "dbm"])
def test_the_classifiers_of_deep_machines_write_a_report(kind, tmp_path, capsys):
    systems_machines.main([kind, "--dataset", "digits", "--quick", "--out", str(tmp_path)])
    report = json.loads((tmp_path / f"digits_{kind}-seed_0/report.json").read_text())
    assert report["flags"] == [] and 0 <= report["metrics"]["test error"] <= 100
    assert report["settings"]["layers"] == [20] * len(systems_machines.SETTINGS[kind]["layers"])
