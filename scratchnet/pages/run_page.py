"""Pages of the lessons: index.html of a run, and two runs side by side.

Both are plain HTML without JavaScript. The figures are files beside the page.
"""

import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scratchnet.pages.html import fill, resource

SOURCES = 30_000  # characters of source code in a page, so that it stays below 50 KB
TABLE = (
    '<div class="scroll" tabindex="0" role="region" aria-label="{0}"><table>'
    "<caption>{0}</caption>\n{1}\n</table></div>"
)


def write_run_page(folder: Path, record: dict[str, Any], sources: Iterable[tuple] = ()) -> Path:
    """Write index.html into the folder of a run: figures, numbers, settings, source of the layers.

    Parameters
        record    contents of report.json: title, settings, figures {file name: text alternative},
                  and if the run has ended, metrics, expected, seconds; `fault` if there is one
        sources   (name, file, source code) of the layers and losses used

    >>> import tempfile
    >>> record = {"title": "01", "settings": {"units": 8}, "figures": {"01_a.png": "a line"}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     text = write_run_page(Path(folder), record).read_text(encoding="ascii")
    >>> '<img src="01_a.png" alt="a line"' in text
    True
    """
    parts = []
    if record.get("fault"):
        parts.append(f'<p class="wrong">Broken on purpose: {html.escape(record["fault"])}.</p>')
    parts += [_numbers([record], [""]), _figures(record), _settings([record], [""])]
    parts.append(_sources(sources))
    return _write(Path(folder) / "index.html", record["title"], parts)


def write_comparison(path: Path, records: list[dict], folders: list[str]) -> Path:
    """Write a page with two runs side by side: settings that differ, numbers, figures.

    Parameters
        records   contents of report.json of both runs
        folders   of the runs, relative to the page

    >>> import tempfile
    >>> run = {"title": "01", "settings": {"units": 8}, "figures": {"01_a.png": "a line"}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_comparison(Path(folder, "a.html"), [run, run], [".", "../b"])
    ...     text = path.read_text(encoding="ascii")
    >>> '<img src="../b/01_a.png"' in text
    True
    """
    names = run_names(*(record.get("flags", []) for record in records))
    links = " and ".join(
        f'<a href="{html.escape(folder)}/index.html">{html.escape(name)}</a>'
        for folder, name in zip(folders, names, strict=True)
    )
    parts = [f"<p>Two runs: {links}.</p>"]
    for record, name in zip(records, names, strict=True):
        if record.get("fault"):
            fault = f"{name}, broken on purpose: {record['fault']}."
            parts.append(f'<p class="wrong">{html.escape(fault)}</p>')
    parts += [_numbers(records, names), _settings(records, names, only_different=True)]
    figures = list(dict.fromkeys(name for record in records for name in record["figures"]))
    for figure in figures:
        pair = "".join(
            _figure(record, figure, f"{folder}/", name)
            for record, folder, name in zip(records, folders, names, strict=True)
        )
        heading = html.escape(figure_name(figure))
        parts.append(f'<section><h2>{heading}</h2><div class="pair">{pair}</div></section>')
    return _write(path, f"{records[0]['title']}: two runs", parts)


def run_names(first: list[str], second: list[str]) -> list[str]:
    """Names of two runs: the flags that only one of them has, or "default" without any.

    >>> run_names(["--quick"], ["--break", "big_step", "--quick"])
    ['default', '--break big_step']
    """
    pairs = ((first, second), (second, first))
    return [" ".join(word for word in a if word not in b) or "default" for a, b in pairs]


def figure_name(file: str) -> str:
    """Name of a figure as in "03_weights.png", in words.

    >>> figure_name("03_test_loss.png")
    'test loss'
    """
    return file.split(".")[0].partition("_")[2].replace("_", " ")


def _write(path, title, parts):
    text = fill(
        resource("run.html"),
        title=html.escape(title),
        style=resource("style.css") + resource("run.css"),
        body="\n".join(filter(None, parts)),
    )
    path.write_bytes(text.encode("ascii", "xmlcharrefreplace"))
    return path


def _row(cells, tag="td", classes=()):
    """Row of a table; its first cell is the heading of the row."""
    classes = [*classes, *[""] * len(cells)]
    rest = "".join(
        f'<{tag}{_scope(tag, "col")} class="{kind}">{html.escape(str(cell))}</{tag}>'
        for cell, kind in zip(cells[1:], classes, strict=False)
    )
    first = html.escape(str(cells[0]))
    return f'<tr><th scope="{"col" if tag == "th" else "row"}" class="text">{first}</th>{rest}</tr>'


def _scope(tag, scope):
    return f' scope="{scope}"' if tag == "th" else ""


def _number(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _numbers(records, names):
    """Table of the metrics of one run, with verdicts, or of two runs."""
    if not any(record.get("metrics") for record in records):
        return '<p class="note">This run has not ended: it has no numbers yet.</p>'
    rows = []
    expected = {row["metric"]: row for record in records for row in record.get("expected", [])}
    metrics = list(dict.fromkeys(m for record in records for m in record.get("metrics", {})))
    metrics += [name for name in expected if name not in metrics]
    for metric in metrics:
        row = expected.get(metric, {})
        values = [_number(record.get("metrics", {}).get(metric, "-")) for record in records]
        cells = [metric, *values, _number(row.get("expected", "-")), row.get("tolerance", "-")]
        kinds = []
        if len(records) == 1:
            verdict = row.get("verdict", "-")
            kinds = ["", "", "", f"text {verdict.split()[0]}", "text"]
            cells += [verdict, row.get("reference", "-")]
        rows.append(_row(cells, classes=kinds))
    head = ["metric", *names, "expected", "tolerance"]
    kinds = []
    if len(records) == 1:
        head[1] = "this run"
        head += ["verdict", "reference"]
        kinds = ["", "", "", "text", "text"]
    table = TABLE.format(
        "Numbers beside the reference", "\n".join([_row(head, "th", kinds), *rows])
    )
    times = [f"{record['seconds']:.1f} s" for record in records if "seconds" in record]
    time = f'<p class="note">Duration: {" and ".join(times)}.</p>'
    return f'<section class="card"><h2>Numbers</h2>{table}{time}</section>'


def _settings(records, names, only_different=False):
    keys = list(dict.fromkeys(key for record in records for key in record["settings"]))
    rows = []
    for key in keys:
        values = [record["settings"].get(key, "-") for record in records]
        if not only_different or any(value != values[0] for value in values):
            rows.append(_row([key, *values]))
    if not rows:
        return '<p class="note">Both runs have the same settings.</p>'
    head = ["setting", *(name or "value" for name in names)]
    caption = "Settings that differ" if only_different else "Settings of this run"
    table = TABLE.format(caption, "\n".join([_row(head, "th"), *rows]))
    return f'<section class="card"><h2>Settings</h2>{table}</section>'


def _figures(record):
    figures = "".join(_figure(record, name, "", "") for name in record["figures"])
    return f'<section><h2>Figures</h2><div class="figures">{figures}</div></section>'


def _figure(record, name, folder, run):
    if name not in record["figures"]:
        return f'<p class="note">{html.escape(run)}: no such figure</p>'
    alt = html.escape(record["figures"][name])
    source = html.escape(folder + name)
    label = f"{html.escape(run)}: " if run else ""
    return (
        f'<figure class="card"><img src="{source}" alt="{alt}" loading="lazy">'
        f"<figcaption>{label}{alt}</figcaption></figure>"
    )


def _sources(sources):
    """Source of the layers used, as far as the page has space; the file of each of the others."""
    shown, left_out, space = [], [], SOURCES
    for name, file, text in sources:
        if len(text) > space:
            left_out.append(f"{name} in {file}")
            continue
        space -= len(text)
        shown.append(
            f"<details><summary>{html.escape(name)}, {html.escape(file)}</summary>"
            f'<pre tabindex="0">{html.escape(text, quote=False)}</pre></details>'
        )
    if not shown:
        return ""
    if left_out:
        shown.append(
            f'<p class="note">Too long for this page: {html.escape(", ".join(left_out))}.</p>'
        )
    return f'<section class="card"><h2>Source of the layers used</h2>{"".join(shown)}</section>'
