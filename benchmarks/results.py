"""The results as a Markdown page, with a figure."""

import os

from benchmarks import figures, speedup, summary
from benchmarks.report import processor

HEAD = """# Results of the benchmarks

Written by `python -m benchmarks --report {path}`; [README.md](README.md) explains rows and columns.

A peer's cell is its time in ms and, in parentheses, scratchnet's time divided by it: below 1
scratchnet is faster. "To the best" is the ratio to the fastest peer of the row. "Products" are the
matrix products of the step alone, a lower bound. "NumPy alone" is scratchnet without Numba (see
`scratchnet/compiled.py`), equal up to rounding. MB is memory beyond that of the process before, of
all workers together."""


def page(everything, path, figure):
    """Lines of the page at `path`, which shows the figure if there is one."""
    machine, settings = everything["machine"], everything["settings"]
    yield HEAD.format(path=path.as_posix() if not path.is_absolute() else path.name)
    yield ""
    loads = ", ".join(map(str, machine["load"])) or "unknown"
    yield f"Machine: {processor(machine)}. Load average at the start: {loads}."
    yield f"float32; medians of {settings['rounds']} interleaved rounds of {settings['seconds']} s."
    yield ""
    yield from summary.markdown(("contestant", "versions"), list(_versions(everything)))
    for comparison in everything["tables"]:
        threads = comparison["threads"]
        yield ""
        yield f"## {threads} threads" if threads > 1 else "## One thread"
        yield ""
        if figure and comparison is everything["tables"][0]:
            yield f"![Ratios of all rows]({os.path.relpath(figure, path.parent)})"
            yield ""
        yield from summary.tables(comparison["models"])
    if "speedup" in everything:
        yield ""
        yield "## Several workers against one"
        yield ""
        yield "How many times as fast as one worker with one thread of BLAS."
        yield ""
        yield from speedup.table(everything["speedup"])


def _versions(everything):
    for name, about in everything["contestants"].items():
        known = {what: value for what, value in about.items() if what not in ("threads", "kind")}
        yield name, ", ".join(f"{what} {value}" for what, value in known.items())
    for name, why in everything["skipped"].items():
        yield name, f"skipped: {why}"


def write(everything, path, figure):
    """Write the page and, if there are peers, the figure."""
    first = everything["tables"][0]
    drawn = bool(summary.conclusions(first["models"]))
    if drawn:
        figures.ratio_figure(first["models"], first["threads"], figure)
    lines = page(everything, path, figure if drawn else None)
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
