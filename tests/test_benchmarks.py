"""The benchmarks' own code: steps on workers, rounds, requests, and the numbers of the tables."""

import io

import numpy as np
import pytest

from benchmarks import machine, ours, results, speedup, summary, worker
from benchmarks.curves import CURVES
from benchmarks.models import MODELS, ROWS, SHORT, find
from benchmarks.rounds import MIN_STEPS, Rounds
from scratchnet.losses import BinaryCrossEntropy
from scratchnet.parallel import one_blas_thread


def timing(ms, mb=10.0):
    """What a contestant's rounds are summed up to."""
    numbers = {"median": ms, "min": ms, "max": ms, "cores": 1.0, "mb": mb, "rounds": [ms]}
    return numbers | {"workers": 2, "kind": "processes"}


def result(ours, torch, jax=None, mb=10.0):
    contestants = {"scratchnet": timing(ours, mb), "torch": timing(torch)}
    contestants |= {"keras on jax": timing(jax)} if jax else {}
    return {"title": "", "contestants": contestants}


MEASURED = {"shallow": result(1.0, 2.0, 4.0), "unpooling": result(8.0, 4.0, mb=20.0)}


def test_conclusions_are_geometric_means_over_the_rows():
    end = summary.conclusions(MEASURED | {"rbm": result(9.0, 1.0), "middle": result(9.0, 1.0)})
    assert end["means"]["torch"] == pytest.approx(1.0)  # of 1/2 and 2
    assert end["means"]["keras on jax"] == pytest.approx(0.25)  # has one of the rows
    assert end["means"]["best"] == pytest.approx(1.0)
    assert end["at_most_1"] == {"torch": 1, "keras on jax": 1, "best": 1}
    assert end["worst"] == ("unpooling", 2.0)
    assert end["memory"] == {"shallow": 1.0, "unpooling": 2.0}


def test_scratchnet_without_numba_has_a_column_and_conclusions_of_its_own():
    models = {name: dict(row) for name, row in MEASURED.items()}
    for row in models.values():
        ours = row["contestants"]["scratchnet"]["median"]
        row["contestants"] = row["contestants"] | {summary.NUMPY_ALONE: timing(3 * ours)}
    assert summary.conclusions(models) == summary.conclusions(MEASURED)
    assert summary.conclusions(models, summary.NUMPY_ALONE)["means"]["best"] == pytest.approx(3)
    lines = list(summary.tables(models))
    assert "| NumPy alone ms |" in lines[0] and len({line.count("|") for line in lines[:6]}) == 1
    assert any(
        "without Numba, over 2 rows: geometric mean 3.000; at most 1.00 in 0 rows" in s
        for s in lines
    )
    assert not any("NumPy alone" in line for line in summary.tables(MEASURED))


def test_the_best_peer_is_the_one_with_the_shortest_time():
    assert summary.ratios(result(3.0, 2.0, 4.0)) == {
        "torch": 1.5,
        "keras on jax": 0.75,
        "best": 1.5,
    }


def test_the_page_has_every_table_and_the_figure(tmp_path):
    times = {label: timing(ms) for label, ms in ((speedup.ALONE, 3.0), ("2 processes", 2.0))}
    everything = {
        "machine": {
            "cpu": "processor",
            "cores": 2,
            "system": "Linux",
            "load": [0.5],
            "OPENBLAS_CORETYPE": "Haswell",
        },
        "settings": {"rounds": 9, "seconds": 0.25},
        "contestants": {"scratchnet": {"numpy": "2.0"}},
        "skipped": {"keras on tensorflow": "is not installed"},
        "tables": [{"threads": 2, "models": MEASURED}, {"threads": 1, "models": MEASURED}],
        "speedup": {"columns": list(times), "skipped": {}, "rows": {"wide": times}},
    }
    results.write(everything, tmp_path / "results.md", tmp_path / "images/rows.png")
    text = (tmp_path / "results.md").read_text()
    assert "(images/rows.png)" in text and (tmp_path / "images/rows.png").stat().st_size
    assert "OPENBLAS_CORETYPE=Haswell (unset it" in text
    for part in ("processor, 2 cores", "numpy 2.0", "is not installed", "## 2 threads", "1.50"):
        assert part in text
    assert "geometric mean 1.000; at most 1.00 in 1 rows; worst row unpooling" in text


def test_each_row_has_a_name_and_two_peers():
    assert len(ROWS) == 17
    for name in ROWS:
        assert SHORT[name] and hasattr(MODELS[name], "products")
        assert hasattr(MODELS[name], "torch") or hasattr(MODELS[name], "torch_step")


@pytest.mark.parametrize("name", ["narrow", "fewer", "vae", "gan"])
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_steps_on_workers_train_every_model(name, kind, monkeypatch):
    monkeypatch.setattr(ours.Workers, "threads", 2)
    monkeypatch.setattr(ours.Workers, "kind", kind)
    steps = ours.train_step(MODELS[name])
    task = steps.task
    before = [model.parameters.copy() for model in task.models]
    numbers = steps.timed(1, 2)
    assert numbers["seconds"] > 0 and numbers["cpu"] > 0
    assert [optimizer.t for optimizer in task.optimizers] == [3] * len(task.models)
    for model, w in zip(task.models, before, strict=True):
        assert np.abs(model.parameters - w).max() > 0


def test_as_many_workers_as_fit_chooses_and_at_most_as_many_as_wanted(monkeypatch):
    monkeypatch.setattr("scratchnet.workers.cores", lambda: 8)
    task = ours.Training(*MODELS["wide"].scratchnet(), *MODELS["wide"].batch())
    assert ours.chosen_workers(task, 4) == 4
    assert ours.chosen_workers(task, 100) == 8
    task.samples = 1
    assert ours.chosen_workers(task, 4) == 1


def test_products_in_chunks_cover_all_rows():
    x, W, y, dW = (np.ones(s, np.float32) for s in ((4, 3), (3, 2), (4, 2), (3, 2)))
    rows = []
    job = ours.in_chunks(lambda x, W, y, dW: rows.append(len(x)), 10, x, W, y, dW, "F")
    job()
    assert rows == [4, 4, 2]


@pytest.mark.parametrize("name", ["fewer", "transposed", "faces", "unpooling"])
def test_the_forms_of_a_convolution_have_equally_many_multiplications(name):
    for forms in MODELS[name].products():
        assert len({n * d * m for n, d, m in forms}) == 1


def test_a_worker_answers_each_request():
    lines = [{"model": "narrow"}, {"seconds": 1e-9}, {"profile": 1}]
    answers = []
    with one_blas_thread:
        worker.serve(ours, "train_step", 1, None, lines, answers.append)
    about, built, timed, profile = answers
    assert "numpy" in about["about"]
    assert built == {"has": True, "workers": 1, "kind": "alone"}
    assert timed["steps"] == MIN_STEPS and timed["ms"] > 0
    assert {"loss", "optimizer"} <= {part for part, *_ in profile["parts"]}


def test_ranks_read_what_rank_0_reads(monkeypatch):
    sent = []

    class World:
        rank, size = 0, 3

        def send(self, line, rank):
            sent.append((rank, line))

    monkeypatch.setattr("sys.stdin", io.StringIO("a\n"))
    assert list(worker.from_rank_0(World())) == ["a\n"]
    assert sent == [(1, "a\n"), (2, "a\n"), (1, None), (2, None)]


def test_rounds_have_the_duration_that_is_asked_for():
    class Fixed:
        workers, kind = 1, ""

        def timed(self, lead, n):
            self.lead = lead
            return {"seconds": 0.01 * n, "cpu": 0.02 * n}

        def mb(self):
            return 1.0

    fixed = Fixed()
    rounds = Rounds(fixed, None)
    assert rounds.round(0.2) == {"ms": pytest.approx(10), "cores": 2.0, "steps": 20, "mb": 1.0}
    assert fixed.lead == 5  # 0.05 s without the clock


def test_the_machine_is_reported_with_the_kernel_that_the_environment_has_chosen(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert machine.machine()["OPENBLAS_CORETYPE"] == "Haswell"
    monkeypatch.delenv("OPENBLAS_CORETYPE")
    assert "OPENBLAS_CORETYPE" not in machine.machine()


@pytest.mark.parametrize("name", ["shallow", "gan"])
def test_the_targets_are_known_in_the_steps_as_in_those_of_fit(name, monkeypatch):
    monkeypatch.setattr(ours.Workers, "threads", 1)
    monkeypatch.setattr(ours.Workers, "kind", None)
    checked = []
    monkeypatch.setattr(BinaryCrossEntropy, "check_target", lambda *arguments: checked.append(1))
    ours.train_step(MODELS[name]).timed(0, 1)
    assert not checked


def test_each_point_of_a_curve_is_a_model():
    for name, curve in CURVES.items():
        for value in curve.values:
            assert hasattr(find(f"{name}/{value}"), "scratchnet")
