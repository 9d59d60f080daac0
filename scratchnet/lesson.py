"""Settings, figures and reports of the lessons.

    cfg = knobs("01_dense_autoencoder", epochs=50, quick=dict(epochs=2))
    show(cfg, figure, "samples", "sixteen digits")
    report(cfg, metrics)
    print(layer_table(model, loss))

The reference values that `report` prints beside the metrics are in references.json.
"""

import argparse
import atexit
import importlib.resources
import inspect
import json
import os
import re
import shlex
import sys
import tempfile
import time
from types import SimpleNamespace

from scratchnet.backend import gpu_problem, set_device
from scratchnet.layers import Layer, Sequential
from scratchnet.losses import Loss
from scratchnet.pages.run_page import write_run_page
from scratchnet.paths import expanded
from scratchnet.validation import unknown_name
from scratchnet.workers import rank, set_workers


class Knobs(SimpleNamespace):
    """Settings of one run of a lesson, as attributes.

    Besides the lesson's own knobs: lesson (its name), dataset, device, parity, quick, broken (name
    of the fault to insert, or None), out (folder of the figures), check (exit with status 1 if a
    metric is off), svg (write the figures as SVG, too), changed (names of the knobs set on the
    command line), fault (description of the fault, or None) and flags (words of the command line
    that determine the results).
    """


def knobs(lesson, *, datasets=None, breaks=None, quick=None, flags=None, **defaults):
    """Read the settings of a lesson from its command line; each default becomes a flag.

    Parameters
        lesson     its name, "01_dense_autoencoder"
        datasets   {name: knobs that differ on that data set}; the first is the default
        breaks     {name: description of the fault}, for --break
        quick      values in quick mode (--quick or SCRATCHNET_QUICK=1), which runs in seconds
        flags      text to read in place of the command line: "--quick --units 8", in a notebook
        defaults   the knobs and their default values; a flag has the type of its default

    The order of precedence is: flag, quick mode, data set, default. In a notebook the command line
    belongs to the kernel and is not read. Sets the device of new arrays until the process ends.

    A run with a fault, in quick mode, with another data set or with other knobs has a folder of its
    own, lessons_out/<lesson>-<what is different>, so that two runs can be compared.

    Raises ValueError for a value of an unknown knob; a wrong flag exits with status 2.
    """
    datasets, breaks = datasets or {}, breaks or {}
    for values in (quick or {}, *datasets.values()):
        for name in values:
            if name not in defaults:
                raise unknown_name("knob", name, defaults)
    parser = _parser(lesson, datasets, breaks, defaults)
    if flags is not None:
        words = shlex.split(flags)
    else:
        words = [] if _in_notebook() else sys.argv[1:]
    given = vars(parser.parse_args(words))
    chosen = dict(defaults)
    chosen |= datasets.get(given["dataset"], {})
    is_quick = given["quick"] or os.environ.get("SCRATCHNET_QUICK") == "1"
    chosen |= (quick or {}) if is_quick else {}
    by_hand = {name: given[name] for name in defaults if given[name] is not None}
    other_dataset = given["dataset"] if given["dataset"] != next(iter(datasets), None) else None
    if given["device"] == "gpu" and gpu_problem():
        parser.error(f"no GPU to use: {gpu_problem()}")
    set_device(given["device"], given["parity"])
    try:
        set_workers(given["workers"])
    except ValueError as problem:
        parser.error(str(problem))
    if rank() > 0:
        given["out"] = _silence()
    cfg = Knobs(
        lesson=lesson,
        dataset=given["dataset"],
        device=given["device"],
        parity=given["parity"],
        quick=is_quick,
        broken=given["broken"],
        check=given["check"],
        svg=given["svg"],
        out=expanded(given["out"]) / _folder(lesson, other_dataset, by_hand, given, is_quick),
        changed=sorted(by_hand),
        fault=breaks.get(given["broken"]),
        flags=run_flags(words),
        figures={},
        began=time.perf_counter(),
        **(chosen | by_hand),
    )
    cfg.out.mkdir(parents=True, exist_ok=True)
    print(f"{lesson}  " + "  ".join(f"{k}={v}" for k, v in settings(cfg).items()), flush=True)
    if cfg.broken:
        print(f"broken on purpose: {cfg.fault}")
    return cfg


def _in_notebook():
    return "ipykernel" in sys.modules


def _silence():
    """Folder for the files of a process of mpiexec that is not the first, which prints nothing."""
    folder = tempfile.TemporaryDirectory(prefix="scratchnet-")
    atexit.register(folder.cleanup)
    sys.stdout = open(os.devnull, "w")  # until the process ends
    return folder.name


def _folder(lesson, dataset, by_hand, given, is_quick):
    """Name of the folder of a run: 01_dense_autoencoder-units_8-break-big_step-quick."""
    parts = [lesson, dataset, *(f"{name}_{value}" for name, value in sorted(by_hand.items()))]
    parts += ["break", given["broken"]] if given["broken"] else []
    parts += ["quick"] if is_quick else []
    return "-".join(re.sub(r"[^\w.+-]+", "_", part) for part in parts if part)


def run_flags(words):
    """Flags of a run that determine its results: without --out, --workers, --check and --svg.

    >>> run_flags(["--units", "8", "--out", "figures", "--check", "--break=zeros"])
    ['--units', '8', '--break', 'zeros']
    """
    words = [
        part for word in words for part in (word.split("=", 1) if word[:2] == "--" else [word])
    ]
    for flag in ("--out", "--workers"):
        if flag in words:
            at = words.index(flag)
            words = words[:at] + words[at + 2 :]
    return [word for word in words if word not in ("--check", "--svg")]


def _parser(lesson, datasets, breaks, defaults):
    parser = argparse.ArgumentParser(prog=lesson, description=f"Lesson {lesson}")
    parser.add_argument("--quick", action="store_true", help="seconds instead of a full run")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument(
        "--parity", action="store_true", help="let the GPU draw the CPU's noise, to compare runs"
    )
    parser.add_argument(
        "--workers", type=int, help="number of workers that train; by default as many as help"
    )
    parser.add_argument("--check", action="store_true", help="fail if a number is off")
    parser.add_argument("--svg", action="store_true", help="write the figures as SVG, too")
    parser.add_argument(
        "--out",
        default=os.environ.get("SCRATCHNET_OUT", "lessons_out"),
        help="folder for figures and report",
    )
    names = list(datasets)
    parser.add_argument("--dataset", choices=names or None, default=names[0] if names else None)
    listed = "; ".join(f"{name}: {what}" for name, what in breaks.items())
    parser.add_argument(
        "--break", dest="broken", choices=list(breaks), help=f"show a pitfall. {listed}"
    )
    for name, value in defaults.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None)
        else:
            parser.add_argument(flag, type=type(value), default=None, help=f"default {value}")
    return parser


def settings(cfg):
    """Settings that determine the results of a run, {name: value}."""
    hidden = {"lesson", "out", "changed", "fault", "flags", "figures", "began", "check", "svg"}
    return {
        k: v for k, v in vars(cfg).items() if k not in hidden and v is not None and v is not False
    }


def show(cfg, figure, name, alt):
    """Save a figure as NN_name.png in the folder of the run, add it to index.html, print the path.

    In a notebook, the figure is displayed in the output of the cell.

    Parameters
        figure   a Matplotlib figure
        name     part of the file name
        alt      text alternative: one sentence that describes the figure
    """
    from scratchnet.plots.style import display, save

    path = cfg.out / f"{len(cfg.figures) + 1:02d}_{name}.png"
    save(figure, path)
    if cfg.svg:
        save(figure, path.with_suffix(".svg"))
    cfg.figures[path.name] = alt
    write_run_page(cfg.out, _record(cfg))
    print(f"figure  {path}", flush=True)
    if _in_notebook():
        display(figure, alt)


def log(cfg, epoch, history):
    """Print the last value of each list in the history, about ten times in a run."""
    if (epoch + 1) % max(cfg.epochs // 10, 1) == 0:
        numbers = "  ".join(f"{name} {column[-1]:.4f}" for name, column in history.items())
        print(f"epoch {epoch + 1:3}/{cfg.epochs}  {numbers}", flush=True)


def table(head, rows):
    """Aligned table as text; head and rows are sequences of strings and numbers.

    >>> print(table(("epoch", "loss"), [(1, 0.5), (10, 0.25)]))
    epoch  loss
    -----------
    1      0.5
    10     0.25
    """
    cells = [[f"{c:.4g}" if isinstance(c, float) else str(c) for c in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells]
    lines.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
    return "\n".join(line.rstrip() for line in lines)


def references(lesson, dataset):
    """Reference rows [(metric, value, tolerance, source)] of a lesson on one of its data sets.

    dataset is None for a lesson without a choice of data sets.

    >>> references("01_dense_autoencoder", "digits")[0]
    ('val BCE', 0.3399, 0.003, 'PyTorch 2.13, Glorot weights, mean of 5 seeds')
    """
    file = importlib.resources.files("scratchnet") / "references.json"
    lessons = json.loads(file.read_text(encoding="ascii"))
    if lesson not in lessons:
        raise unknown_name("lesson in references.json", lesson, lessons)
    if (dataset or "") not in lessons[lesson]:
        raise unknown_name(f"data set of {lesson} in references.json", dataset, lessons[lesson])
    return [tuple(row) for row in lessons[lesson][dataset or ""]]


def report(cfg, metrics):
    """Print the metrics beside their references; write report.json and index.html.

    Both files are in the folder of the run. index.html shows the figures, the numbers, the settings
    and the source of the layers that the lesson imports.

    Returns the printed rows. With --check, the process exits with status 1 if a metric is off by
    more than its tolerance. With other knobs, in quick mode or with --break, the reference is shown
    for comparison and gets no verdict. A reference without a metric is listed as "not computed".

    Parameters
        metrics   {name: number}
    """
    metrics = {name: _number(value) for name, value in metrics.items()}
    comparable = not (cfg.quick or cfg.changed or cfg.broken)
    rows = []
    for name, reference, tolerance, source in references(cfg.lesson, cfg.dataset):
        if name not in metrics:
            verdict = "not computed"
        elif not comparable:
            verdict = "other settings"
        else:
            close = abs(metrics[name] - reference) <= tolerance
            verdict = "close" if close else "off - see Pitfalls"
        yours = metrics.get(name, "-")
        rows.append((name, yours, reference, f"+- {tolerance:g}", verdict, source))
    head = ("metric", "yours", "expected", "tolerance", "verdict", "reference")
    print(table(head, rows))
    seconds = time.perf_counter() - cfg.began
    written = _record(cfg) | {
        "metrics": metrics,
        "seconds": round(seconds, 2),
        "expected": [dict(zip(head, row, strict=True)) for row in rows],
    }
    path = cfg.out / "report.json"
    path.write_text(json.dumps(written, indent=1) + "\n", encoding="ascii")
    page = write_run_page(cfg.out, written, _sources(vars(sys.modules["__main__"])))
    print(f"report  {path}  ({seconds:.1f} s in all)\npage    {page}", flush=True)
    if cfg.check and any(row[4].startswith("off") for row in rows):
        sys.exit(1)
    return rows


def _record(cfg):
    """Description of a run, for report.json and index.html."""
    title = (vars(sys.modules["__main__"]).get("__doc__") or "").strip().split("\n")[0]
    return {
        "lesson": cfg.lesson,
        "title": title if title.startswith(cfg.lesson[:2]) else cfg.lesson,
        "flags": cfg.flags,
        "fault": cfg.fault,
        "settings": settings(cfg),
        "figures": cfg.figures,
    }


def _sources(names):
    """(name, file, source) of each layer, loss and other part among the variables of a lesson."""
    places = ("layers", "losses", "boltzmann", "models")
    found = []
    for name, part in names.items():
        if not (inspect.isclass(part) or inspect.isfunction(part)):
            continue
        own = part.__module__ == "__main__" and inspect.isclass(part)
        package, _, rest = part.__module__.partition(".")
        if own or (package == "scratchnet" and rest.split(".")[0] in places):
            file = "this lesson" if own else part.__module__.replace(".", "/") + ".py"
            try:
                found.append((name, file, inspect.getsource(part)))
            except OSError:  # a class of a notebook's cell has no file
                continue
    return found


def _number(value):
    """A Python number, for JSON, from a Python, NumPy or 0-d array value."""
    return value.item() if hasattr(value, "item") else value


def layer_table(*parts):
    """Table of the layers, losses and other parts that a lesson uses: name, file, check.

    Parameters
        parts   layers or models (their layers are listed), losses, estimators, classes, functions

    >>> from scratchnet.layers import Dense, ReLU, Sequential
    >>> print(layer_table(Sequential([Dense(3), ReLU(), Dense(2)])))
    part   defined in                        checked by
    -------------------------------------------------------------------
    Dense  scratchnet/layers/dense.py        scratchnet gradcheck Dense
    ReLU   scratchnet/layers/activations.py  scratchnet gradcheck ReLU
    """
    found = {}
    for part in parts:
        layers = part.named_layers().values() if isinstance(part, Layer) else [part]
        for used in layers:
            kind = used if inspect.isclass(used) or inspect.isfunction(used) else type(used)
            if kind is not Sequential:
                found.setdefault(kind.__name__, kind)
    rows = []
    for name, kind in found.items():
        file = kind.__module__.replace(".", "/") + ".py"
        if kind.__module__ == "__main__":
            file, check = "this lesson", "the section Check before you train"
        elif inspect.isclass(kind) and issubclass(kind, (Layer, Loss)):
            check = f"scratchnet gradcheck {name}"
        else:  # the tests mirror the package
            folder, _, module = file.removeprefix("scratchnet/").rpartition("/")
            check = "/".join(filter(None, ("tests", folder, f"test_{module}")))
        rows.append((name, file, check))
    return table(("part", "defined in", "checked by"), rows)
