"""Settings, figures and reports of the lessons.

    cfg = knobs("01_dense_autoencoder", epochs=50, quick=dict(epochs=2))
    show(cfg, figure, "samples", "sixteen digits")
    report(cfg, metrics)
    print(layer_table(model, loss))

The reference values that `report` prints beside the metrics are in references.json.
"""

import argparse
import importlib.resources
import inspect
import json
import os
import sys
import time
from types import SimpleNamespace

from scratchnet.backend import gpu_problem, set_device
from scratchnet.layers import Layer, Sequential
from scratchnet.losses import Loss
from scratchnet.paths import expanded
from scratchnet.validation import unknown_name


class Knobs(SimpleNamespace):
    """Settings of one run of a lesson, as attributes.

    Besides the lesson's own knobs: lesson (its name), dataset, device, parity, quick, broken (name
    of the fault to insert, or None), out (folder of the figures), check (exit with status 1 if a
    metric is off) and changed (names of the knobs set on the command line).
    """


def knobs(lesson, *, datasets=None, breaks=None, quick=None, **defaults):
    """Read the settings of a lesson from its command line; each default becomes a flag.

    Parameters
        lesson     its name, "01_dense_autoencoder"
        datasets   {name: knobs that differ on that data set}; the first is the default
        breaks     {name: description of the fault}, for --break
        quick      values in quick mode (--quick or SCRATCHNET_QUICK=1), which runs in seconds
        defaults   the knobs and their default values; a flag has the type of its default

    The order of precedence is: flag, quick mode, data set, default. In a notebook the command line
    belongs to the kernel and is not read. Sets the device of new arrays until the process ends.

    Raises ValueError for a value of an unknown knob; a wrong flag exits with status 2.
    """
    datasets, breaks = datasets or {}, breaks or {}
    for values in (quick or {}, *datasets.values()):
        for name in values:
            if name not in defaults:
                raise unknown_name("knob", name, defaults)
    parser = _parser(lesson, datasets, breaks, defaults)
    in_notebook = "ipykernel" in sys.modules
    given = vars(parser.parse_args([] if in_notebook else None))
    chosen = dict(defaults)
    chosen |= datasets.get(given["dataset"], {})
    is_quick = given["quick"] or os.environ.get("SCRATCHNET_QUICK") == "1"
    chosen |= (quick or {}) if is_quick else {}
    by_hand = {name: given[name] for name in defaults if given[name] is not None}
    if given["device"] == "gpu" and gpu_problem():
        parser.error(f"no GPU to use: {gpu_problem()}")
    set_device(given["device"], given["parity"])
    cfg = Knobs(
        lesson=lesson,
        dataset=given["dataset"],
        device=given["device"],
        parity=given["parity"],
        quick=is_quick,
        broken=given["broken"],
        check=given["check"],
        out=expanded(given["out"]) / lesson,
        changed=sorted(by_hand),
        figures={},
        began=time.perf_counter(),
        **(chosen | by_hand),
    )
    cfg.out.mkdir(parents=True, exist_ok=True)
    print(f"{lesson}  " + "  ".join(f"{k}={v}" for k, v in settings(cfg).items()), flush=True)
    if cfg.broken:
        print(f"broken on purpose: {breaks[cfg.broken]}")
    return cfg


def _parser(lesson, datasets, breaks, defaults):
    parser = argparse.ArgumentParser(prog=lesson, description=f"Lesson {lesson}")
    parser.add_argument("--quick", action="store_true", help="seconds instead of a full run")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument(
        "--parity", action="store_true", help="let the GPU draw the CPU's noise, to compare runs"
    )
    parser.add_argument("--check", action="store_true", help="fail if a number is off")
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
    hidden = {"lesson", "out", "changed", "figures", "began", "check"}
    return {
        k: v for k, v in vars(cfg).items() if k not in hidden and v is not None and v is not False
    }


def show(cfg, figure, name, alt):
    """Save a figure as lessons_out/<lesson>/NN_name.png and print the path.

    Parameters
        figure   a Matplotlib figure
        name     part of the file name
        alt      text alternative: one sentence that describes the figure
    """
    from scratchnet.plots import save

    path = cfg.out / f"{len(cfg.figures) + 1:02d}_{name}.png"
    save(figure, path)
    cfg.figures[path.name] = alt
    print(f"figure  {path}", flush=True)


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
    """Print the metrics beside their references and write lessons_out/<lesson>/report.json.

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
    written = {
        "lesson": cfg.lesson,
        "settings": settings(cfg),
        "metrics": metrics,
        "seconds": round(seconds, 2),
        "figures": cfg.figures,
        "expected": [dict(zip(head, row, strict=True)) for row in rows],
    }
    path = cfg.out / "report.json"
    path.write_text(json.dumps(written, indent=1) + "\n", encoding="ascii")
    print(f"report  {path}  ({seconds:.1f} s in all)", flush=True)
    if cfg.check and any(row[4].startswith("off") for row in rows):
        sys.exit(1)
    return rows


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
