"""Settings, figures, tables and reports of the lessons."""

import base64
import json
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from scratchnet import plots
from scratchnet.boltzmann import CD, exact
from scratchnet.layers import Dense, ReLU, Sequential
from scratchnet.lesson import knobs, layer_table, log, references, report, settings, show, table
from scratchnet.losses import MeanSquaredError


@pytest.fixture(autouse=True)
def no_figure_left_open():
    yield
    plt.close("all")


@pytest.fixture
def command_line(monkeypatch, tmp_path):
    """Set the flags that the next `knobs` reads; figures and reports go to tmp_path."""

    def flags(*given):
        monkeypatch.setattr(sys, "argv", ["lesson", "--out", str(tmp_path), *given])

    monkeypatch.delenv("SCRATCHNET_QUICK", raising=False)
    flags()
    return flags


def some_knobs():
    return knobs(
        "00_trial",
        units=32,
        rate=0.1,
        shuffle=True,
        datasets={"digits": {"units": 16}, "mnist": {}},
        breaks={"fuse": "it burns"},
        quick={"units": 2, "rate": 0.5},
    )


def test_a_knob_comes_from_flag_then_quick_then_data_set_then_default(command_line):
    command_line("--dataset", "mnist")
    assert some_knobs().units == 32
    command_line()
    assert some_knobs().units == 16
    command_line("--quick")
    assert (some_knobs().units, some_knobs().rate) == (2, 0.5)
    command_line("--quick", "--units", "7")
    cfg = some_knobs()
    assert (cfg.units, cfg.rate, cfg.changed) == (7, 0.5, ["units"])


def test_flags_have_the_type_of_their_default(command_line):
    command_line("--rate", "3", "--no-shuffle")
    cfg = some_knobs()
    assert cfg.rate == 3.0 and isinstance(cfg.rate, float) and cfg.shuffle is False


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (("--units", "many"), "invalid int value: 'many'"),
        (("--dataset", "letters"), "invalid choice: 'letters'"),
        (("--break", "leg"), "invalid choice: 'leg'"),
        (("--nonsense",), "unrecognized arguments: --nonsense"),
        (("--device", "gpu"), "no GPU to use: "),
    ],
)
def test_a_wrong_flag_gets_one_sentence(command_line, capsys, monkeypatch, flags, sentence):
    monkeypatch.setattr("scratchnet.lesson.gpu_problem", lambda: "no GPU in this test")
    command_line(*flags)
    with pytest.raises(SystemExit) as stopped:
        some_knobs()
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err


def test_quick_mode_by_environment(command_line, monkeypatch):
    monkeypatch.setenv("SCRATCHNET_QUICK", "1")
    assert some_knobs().quick is True


def test_in_a_notebook_the_command_line_belongs_to_the_kernel(monkeypatch, tmp_path):
    monkeypatch.setenv("SCRATCHNET_OUT", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["kernel", "-f", "connection.json"])
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    assert some_knobs().units == 16
    assert knobs("00_trial", flags="--units 8 --rate=0.5", units=32, rate=0.1).units == 8


def test_in_a_notebook_a_figure_is_displayed_and_closed(monkeypatch, command_line):
    displayed = []

    def display(data, **options):
        displayed.append((data, options))

    monkeypatch.setitem(sys.modules, "ipykernel", object())
    ipython = SimpleNamespace(get_ipython=lambda: None, version_info=(9, 0))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    monkeypatch.setattr(sys, "argv", ["kernel"])
    cfg = knobs("00_trial", flags="", units=32)
    show(cfg, plots.curves({"a": [3, 2, 1]}, "falling", "epoch", "loss"), "loss", "a line")
    ((data, options),) = displayed
    assert base64.b64decode(data["image/png"]) == (cfg.out / "01_loss.png").read_bytes()
    assert data["text/plain"] == "a line"
    assert options == {"metadata": {"image/png": {"alt": "a line"}}, "raw": True}
    assert not plt.get_fignums()  # Jupyter would display an open figure again


def test_figures_are_numbered_and_their_paths_printed(command_line, tmp_path, capsys):
    cfg = some_knobs()
    figure = plots.curves({"a": [3, 2, 1]}, "falling", "epoch", "loss")
    show(cfg, figure, "loss", "a line that falls")
    show(cfg, figure, "again", "the same line again")
    paths = [tmp_path / "00_trial" / name for name in ("01_loss.png", "02_again.png")]
    printed = capsys.readouterr().out
    assert all(path.exists() and str(path) in printed for path in paths)


@pytest.mark.parametrize(
    "flags, folder",
    [
        ((), "00_trial"),
        (("--dataset", "digits"), "00_trial"),
        (("--check", "--svg", "--parity"), "00_trial"),
        (("--quick",), "00_trial-quick"),
        (("--break", "fuse"), "00_trial-break-fuse"),
        (("--dataset", "mnist"), "00_trial-mnist"),
        (("--units", "8", "--no-shuffle"), "00_trial-shuffle_False-units_8"),
        (("--quick", "--dataset=mnist", "--break=fuse"), "00_trial-mnist-break-fuse-quick"),
    ],
)
def test_a_run_with_other_settings_has_a_folder_of_its_own(command_line, tmp_path, flags, folder):
    command_line(*flags)
    assert some_knobs().out == tmp_path / folder


def test_a_text_knob_gives_a_name_that_every_file_system_takes(command_line, tmp_path):
    command_line("--file", "../my data/a:b.csv")
    assert knobs("00_trial", file="").out == tmp_path / "00_trial-file_.._my_data_a_b.csv"


def test_a_run_writes_its_page_with_each_figure_and_at_the_end(command_line, reference):
    command_line("--break", "fuse")
    cfg = some_knobs()
    show(cfg, plots.curves({"a": [3, 2]}, "falling", "epoch", "loss"), "loss", "a line that falls")
    page = cfg.out / "index.html"
    early = page.read_text(encoding="ascii")
    assert 'alt="a line that falls"' in early and "This run has not ended" in early
    report(cfg, {"loss": 0.5})
    late = page.read_text(encoding="ascii")
    assert "PyTorch, seed 0" in late and "Broken on purpose: it burns." in late
    written = json.loads((cfg.out / "report.json").read_text())
    assert (written["flags"], written["fault"]) == (["--break", "fuse"], "it burns")


def test_the_page_has_the_source_of_the_layers_that_a_lesson_imports(
    command_line, reference, monkeypatch
):
    class Own(ReLU):
        """A layer of the lesson."""

    Own.__module__ = "__main__"
    lesson = SimpleNamespace(__doc__="00 - Trial", Dense=Dense, CD=CD, Own=Own, table=table, x=3)
    monkeypatch.setitem(sys.modules, "__main__", lesson)
    cfg = some_knobs()
    report(cfg, {"loss": 0.5})
    text = (cfg.out / "index.html").read_text(encoding="ascii")
    assert "<h1>00 - Trial</h1>" in text
    assert "Dense, scratchnet/layers/dense.py" in text and "def backward(" in text
    assert "CD, scratchnet/boltzmann/learning/trainers.py" in text
    assert "scratchnet/lesson.py" not in text


def test_figures_are_written_as_svg_too(command_line):
    command_line("--svg")
    cfg = some_knobs()
    show(cfg, plots.curves({"a": [3, 2]}, "falling", "epoch", "loss"), "loss", "a line that falls")
    assert (cfg.out / "01_loss.svg").read_text(encoding="utf-8").count("<svg") == 1
    assert list(cfg.figures) == ["01_loss.png"]


def test_log_prints_about_ten_lines_of_a_long_run(command_line, capsys):
    cfg = some_knobs()
    cfg.epochs = 50
    capsys.readouterr()
    for epoch in range(50):
        log(cfg, epoch, {"loss": [1.0, 0.5]})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10 and lines[-1] == "epoch  50/50  loss 0.5000"


def test_a_table_is_aligned():
    assert table(("a", "long head"), [("xyz", 0.123456), ("", 3)]).splitlines() == [
        "a    long head",
        "--------------",
        "xyz  0.1235",
        "     3",
    ]


@pytest.fixture
def reference(monkeypatch):
    """One reference row for the trial lesson."""
    rows = [("loss", 0.5, 0.1, "PyTorch, seed 0")]
    monkeypatch.setattr("scratchnet.lesson.references", lambda lesson, dataset: rows)


@pytest.mark.parametrize(
    "flags, loss, verdict",
    [
        ((), 0.55, "close"),
        ((), 0.65, "off - see Pitfalls"),
        ((), float("nan"), "off - see Pitfalls"),
        (("--quick",), 0.5, "other settings"),
        (("--units", "3"), 0.5, "other settings"),
        (("--break", "fuse"), 0.5, "other settings"),
    ],
)
def test_the_verdict_of_a_report(command_line, reference, flags, loss, verdict):
    command_line(*flags)
    cfg = some_knobs()
    (row,) = report(cfg, {"loss": np.float32(loss)})
    assert row[4] == verdict
    written = json.loads((cfg.out / "report.json").read_text())
    assert written["expected"][0]["verdict"] == verdict
    assert written["settings"] == settings(cfg)


def test_check_makes_an_off_number_fail_and_a_close_one_pass(command_line, reference):
    command_line("--check")
    report(some_knobs(), {"loss": 0.5})
    with pytest.raises(SystemExit) as stopped:
        report(some_knobs(), {"loss": 0.7})
    assert stopped.value.code == 1


def test_a_reference_without_a_metric_is_listed(command_line, reference):
    (row,) = report(some_knobs(), {"accuracy": 1.0})
    assert row[:2] == ("loss", "-") and row[4] == "not computed"


@pytest.mark.parametrize(
    "lesson, dataset, sentence",
    [
        ("00_trial", None, "unknown lesson in references.json '00_trial'"),
        ("01_dense_autoencoder", "letters", "unknown data set of 01_dense_autoencoder in"),
    ],
)
def test_a_lesson_or_data_set_without_references_is_named(lesson, dataset, sentence):
    with pytest.raises(ValueError, match=sentence):
        references(lesson, dataset)


@pytest.mark.parametrize("where", ["quick", "datasets"])
def test_a_value_for_an_unknown_knob_is_refused(command_line, where):
    values = {"unit": 3}
    with pytest.raises(
        ValueError, match="unknown knob 'unit': choose one of units .did you mean 'units'"
    ):
        knobs("00_trial", units=1, **{where: values if where == "quick" else {"digits": values}})


def test_the_table_of_layers_names_each_part_once_with_its_file_and_its_check():
    class Own(ReLU):
        """A layer of the lesson."""

    Own.__module__ = "__main__"
    model = Sequential([Dense(3), Own(), Sequential([Dense(2)])])
    lines = layer_table(model, MeanSquaredError(), CD, exact.log_partition).splitlines()[2:]
    assert [line.split()[:2] for line in lines] == [
        ["Dense", "scratchnet/layers/dense.py"],
        ["Own", "this"],
        ["MeanSquaredError", "scratchnet/losses.py"],
        ["CD", "scratchnet/boltzmann/learning/trainers.py"],
        ["log_partition", "scratchnet/boltzmann/likelihood/exact.py"],
    ]
    assert lines[0].endswith("  scratchnet gradcheck Dense")
    assert lines[3].endswith("  tests/boltzmann/learning/test_trainers.py")


# --------------------------------------------------------------------------------------- figures


def test_a_mosaic_puts_each_image_in_its_place():
    images = np.arange(3 * 2 * 2).reshape(3, 2, 2)
    canvas = plots.mosaic(images, 2, gap=1, background=-1)
    assert canvas.shape == (5, 5)
    assert np.array_equal(canvas[:2, 3:], images[1]) and np.array_equal(canvas[3:, :2], images[2])
    assert (canvas[2] == -1).all() and (canvas[3:, 2:] == -1).all()


def test_a_mosaic_of_colour_pictures_keeps_their_colours():
    images = np.random.default_rng(0).uniform(size=(3, 2, 2, 3))
    canvas = plots.mosaic(images, 2)
    assert canvas.shape == (5, 5, 3)
    assert np.array_equal(canvas[:2, 3:], images[1]) and (canvas[2] == 1).all()


def test_a_roc_has_a_point_for_every_threshold():
    usual, odd = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
    line = plots.roc({"a": (usual, odd)}, "title").axes[0].lines[0]
    points = {tuple(np.round(point, 6)) for point in line.get_xydata()}
    third = round(1 / 3, 6)
    assert points == {(0, 0), (0, 0.5), (third, 0.5), (round(2 / 3, 6), 1), (1, 1)}


def test_named_bars_stand_from_the_top_down_in_the_order_given():
    axis = plots.named_bars({"a": 1, "b": 2}, "title", "x", {"level": 1.5}).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]
    assert axis.yaxis_inverted() and [bar.get_width() for bar in axis.patches] == [1, 2]


DATES = np.datetime64("2014-07-01") + np.arange(3)


@pytest.mark.parametrize(
    "figure",
    [
        lambda: plots.image_grid(np.zeros((5, 4, 6, 1)), 3, "title"),
        lambda: plots.image_rows({"a": np.ones((4, 5, 5)), "b": np.ones((4, 1, 3))}, "title"),
        lambda: plots.signed_grid(np.ones((5, 4, 6)), 3, "title"),
        lambda: plots.curves({"a": [1, 2], "b": [3]}, "title", "x", "y", {"level": 2}, log=True),
        lambda: plots.captioned(np.zeros((9, 4, 4)), "abcdefghi", "title"),
        lambda: plots.captioned(np.zeros((9, 4, 4, 3)), "abcdefghi", "title"),
        lambda: plots.confusion(np.eye(3, dtype=int), ("a", "b", "long name"), "title"),
        lambda: plots.curves({"a": [1, 2]}, "title", "x", "y", x=[0.3, 0.5]),
        lambda: plots.curves({"a": [1, 2]}, "title", "x", "y", x=[64, 128], log=True),
        lambda: plots.panels({"a": {"b": [1, 2]}, "c": {"b": [3]}}, "title", "x", "y"),
        lambda: plots.timeline(DATES, [1, 2, 3], {"2014-07-02": "b"}, "title", "x", "y"),
        lambda: plots.heat_map({"a": [1, 2]}, "title", "x", "ab", log=True),
        lambda: plots.heat_map(
            {"a": [0, 2], "b": [1, np.nan]}, "title", "x", "ab", numbers="{:.1f}"
        ),
        lambda: plots.bars({"a": [1, 2], "b": [2, 3]}, "title", "x", "y"),
        lambda: plots.run_means({"a": np.ones((2, 3))}, ("x", "y"), "title", "x", "y"),
        lambda: plots.scatter({"a": np.ones((2, 2)), "7": np.ones((1, 2))}, "title", "x", "y"),
        lambda: plots.histogram({"a": np.ones((2, 3)), "b": np.arange(9)}, "title", "x"),
    ],
)
def test_every_figure_can_be_drawn_and_says_what_it_is(figure, tmp_path):
    drawn = figure()
    plots.save(drawn, tmp_path / "figure.png")
    titles = [axis.get_title() for axis in drawn.axes] + [drawn.get_suptitle()]
    assert "title" in titles
    for axis in drawn.axes:
        if axis.lines or axis.containers:
            assert axis.get_xlabel() == "x" and axis.get_ylabel() in ("y", "share")
