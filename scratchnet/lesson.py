"""What every lesson shares: its knobs, where its figures go, and its report beside the reference.

cfg = knobs("01_dense_autoencoder", epochs=50, quick=dict(epochs=2))
show(cfg, figure, "samples", "sixteen digits")
report(cfg, metrics, expected)
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from scratchnet.backend import gpu_problem, set_device
from scratchnet.validation import unknown_name


class Knobs(SimpleNamespace):
    """The settings of one run of a lesson, as attributes: those of the lesson, and

    lesson, dataset, device, parity, quick, broken (name of the pitfall to reproduce, or None), out
    (where figures go), check (fail if a number is off) and changed (knobs turned by hand).
    """


def knobs(lesson, *, datasets=None, breaks=None, quick=None, **defaults):
    """Read a lesson's settings from its command line; each default becomes a flag of its type.

    Parameters
        lesson     its name, "01_dense_autoencoder"
        datasets   {name: knobs that differ on that data set}; the first is the default
        breaks     {name: what goes wrong}, for --break
        quick      knobs of the quick mode, --quick or SCRATCHNET_QUICK=1: seconds, poor results
        defaults   the knobs

    A flag beats the quick mode, which beats the data set's value. In a notebook the command line
    belongs to the kernel and is left alone. New arrays go to the chosen device from now on.
    """
    datasets, breaks = datasets or {}, breaks or {}
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
        out=Path(given["out"]) / lesson,
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
    """{name: value} of everything that decides the numbers of a run."""
    hidden = {"lesson", "out", "changed", "figures", "began", "check"}
    return {
        k: v for k, v in vars(cfg).items() if k not in hidden and v is not None and v is not False
    }


def show(cfg, figure, name, alt):
    """Save a figure as lessons_out/<lesson>/NN_name.png and print the path.

    alt says in one sentence what can be seen, for readers who cannot see it.
    """
    from scratchnet.plots import save

    path = cfg.out / f"{len(cfg.figures) + 1:02d}_{name}.png"
    save(figure, path)
    cfg.figures[path.name] = alt
    print(f"figure  {path}", flush=True)


def log(cfg, epoch, history):
    """Print the last number of each list in the history, about ten times in a whole run."""
    if (epoch + 1) % max(cfg.epochs // 10, 1) == 0:
        numbers = "  ".join(f"{name} {column[-1]:.4f}" for name, column in history.items())
        print(f"epoch {epoch + 1:3}/{cfg.epochs}  {numbers}", flush=True)


def table(head, rows):
    """An aligned table as text: head and rows are sequences of strings and numbers."""
    cells = [[f"{c:.4g}" if isinstance(c, float) else str(c) for c in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells]
    lines.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
    return "\n".join(line.rstrip() for line in lines)


def report(cfg, metrics, expected):
    """Print the numbers beside the reference and write lessons_out/<lesson>/report.json.

    Parameters
        metrics    {name: number}
        expected   {data set: [(name, reference, tolerance, where the reference comes from)]}

    Returns the rows. With --check, exits with 1 if a number is off. Where knobs were turned (or in
    quick mode, or broken on purpose) the reference stands there to compare, without a verdict.
    """
    if cfg.dataset is not None and cfg.dataset not in expected:
        raise unknown_name("data set in the table of references", cfg.dataset, expected)
    comparable = not (cfg.quick or cfg.changed or cfg.broken)
    rows = []
    for name, reference, tolerance, source in expected[cfg.dataset]:
        close = abs(metrics[name] - reference) <= tolerance
        verdict = ("close" if close else "off - see Pitfalls") if comparable else "other settings"
        rows.append((name, metrics[name], reference, f"+- {tolerance:g}", verdict, source))
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
