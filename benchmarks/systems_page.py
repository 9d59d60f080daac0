"""The page docs/results.md as text, from the table of the systems and the recorded runs."""

import re
import statistics

from scratchnet.lesson import references

HEAD = """# Results on real data

Written by `python -m benchmarks.systems` from `docs/results.json`, the record of all reports; not
edited by hand. `python -m benchmarks.systems --run` first runs what is missing.

* **reported**: the figure of the course material that the lessons rebuild (Keras, PyTorch or
  scikit-learn); empty where none was given.
* **reference**: the same architecture in another program, or a published figure, and its source.
* **ours**: the last epoch of the run, never the best one. With several seeds it is the mean and, in
  parentheses, the lowest and the highest value. **seeds** is the number of seeds that were run: 0,
  and with `--run` also 1 and 2 where a run takes less than five minutes.
* **seconds**: processor time of the whole lesson on one core (one worker, one thread), with its
  checks, comparisons and figures. Other work ran on the machine beside it.
* A figure that is worse than the reported one or the reference by more than the tolerance, which is
  about the spread over seeds, is marked with `*` and explained below its table."""

LETTERS = {
    "A": "Dense networks",
    "B": "Convolutional networks",
    "C": "Generative networks",
    "D": "Sequences",
    "E": "Boltzmann machines",
}
COLUMNS = ("system", "figure", "reported", "reference", "ours", "seeds", "seconds")
REPORTED = re.compile("course notes|source material|as reported")  # sources of references.json
OURS = re.compile("this file|scratchnet|other seeds|target")  # no reference: earlier runs of ours
SEEDS = 3  # seeds 0, 1 and 2
NOT_RUN = "not run, for lack of time"
HIDDEN = {"dataset", "device", "seed", "parity", "folder", "file", "user", "split"}


def with_seed(run, seed):
    """Key of a run with a seed: "02_digit_classifier --seed 1"; seed 0 has no flag."""
    return f"{run} --seed {seed}" if seed else run


def runs_of(entry):
    """Runs, without seeds, that an entry of the table has figures of."""
    return list(dict.fromkeys([entry["run"], *(run for _, run in figures_of(entry))]))


def figures_of(entry):
    """Pairs (figure, its run) of an entry of the table; the run is that of the entry by default."""
    return [(figure, figure.get("run", entry["run"])) for figure in entry["figures"]]


def number(value):
    """Number with four significant digits.

    >>> number(0.0915611), number(17160), number(65531096858624.0), number(-18.427)
    ('0.09156', '17160', '6.55e+13', '-18.43')
    """
    if value is None:
        return ""
    if float(value).is_integer() and abs(value) < 1e7:
        return str(int(value))
    if abs(value) >= 1e7 or abs(value) < 1e-4:
        return f"{value:.3g}"
    return f"{float(f'{value:.4g}'):.10g}"


def expected(figure, run):
    """Values (reported, reference, tolerance, source) of a figure; None for what is unknown.

    The table of the systems has precedence, then references.json.
    """
    reported, own = figure.get("reported"), figure.get("reference")
    if own:
        return reported, *own
    name, *flags = run.split()
    dataset = flags[flags.index("--dataset") + 1] if "--dataset" in flags else None
    before = ""
    for metric, value, tolerance, source in _references(name, dataset):
        source = before if source == "likewise" else source
        before = source
        if metric != figure["metric"] or OURS.search(source):
            continue
        if REPORTED.search(source):
            return (value if reported is None else reported), None, tolerance, source
        return reported, value, tolerance, source
    return reported, None, figure.get("tolerance", 0.0), None


def _references(name, dataset):
    if not re.match(r"\d\d_", name):
        return []
    if dataset is None:  # the first one of the lesson's
        for first in ("digits", "sines", ""):
            try:
                return references(name, first)
            except ValueError:
                continue
    return references(name, dataset)


def values(figure, run, record):
    """Values of a figure with seeds 0, 1, 2, of the runs that are recorded."""
    runs = (record["runs"].get(with_seed(run, seed)) for seed in range(SEEDS))
    return [r["metrics"][figure["metric"]] for r in runs if r and figure["metric"] in r["metrics"]]


def is_worse(mean, figure, run):
    """Whether a mean is worse than the reported figure or the reference beyond the tolerance."""
    reported, reference, tolerance, _ = expected(figure, run)
    for other in (reported, reference):
        if other is None or figure["good"] == "any":
            continue
        excess = {"low": mean - other, "high": other - mean, "near": abs(mean - other)}
        if excess[figure["good"]] > tolerance + 1e-9:
            return True
    return False


def unexplained(systems, record):
    """Figures that are worse than their reference and that the table does not explain, a list."""
    found_worse = []
    for entry in systems["systems"] + systems["further"]:
        for figure, run in figures_of(entry):
            found = values(figure, run, record)
            worse = found and is_worse(statistics.fmean(found), figure, run)
            if worse and "why" not in figure:
                found_worse.append(f"{entry.get('id', entry['title'])}, {figure['what']}")
    return found_worse


def ours(found):
    """Cell of our values: the mean and the range."""
    if not found:
        return NOT_RUN
    mean = statistics.fmean(found)
    if len(found) == 1 or min(found) == max(found):
        return number(mean)
    return f"{number(mean)} ({number(min(found))} to {number(max(found))})"


def rows(entry, record):
    """Rows of the table of one system, and the sentences that explain its worse figures."""
    cells, explained, shown = [], [], []
    for figure, run in figures_of(entry):
        found = values(figure, run, record)
        reported, reference, _, source = expected(figure, run)
        mark = ""
        if found and is_worse(statistics.fmean(found), figure, run):
            mark = "\\*"
            explained.append(f"{figure['what']}: {figure.get('why', 'not explained yet.')}")
        spent = record["runs"].get(run, {}).get("processor_seconds", "")
        spent = "" if run in shown else spent
        shown.append(run)
        other = "" if reference is None else f"{number(reference)} ({source})"
        cells.append(
            [
                "" if cells else f"**{entry['id']}**" if "id" in entry else entry["title"],
                figure["what"],
                number(reported),
                other,
                ours(found) + mark,
                len(found) or "",
                spent,
            ]
        )
    return cells, explained


def table(head, lines):
    """Lines of a Markdown table."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for line in lines:
        yield f"| {' | '.join(str(cell) for cell in line)} |"


def command(run):
    """Command of a run, for the page."""
    name, *flags = run.split()
    if not re.match(r"\d\d_", name):
        return f"`python -m benchmarks.systems_machines {name.removeprefix('mnist_')}`"
    return f"`{' '.join(['scratchnet run', name[:2], *flags])}`"


def settings(run, record):
    """Settings of a recorded run as "epochs 5, batch_size 64"."""
    known = record["runs"].get(run, {}).get("settings", {})
    shown = {k: v for k, v in known.items() if k not in HIDDEN and v != ""}
    return ", ".join(f"{name} {_plain(value)}" for name, value in shown.items())


def _plain(value):
    return "-".join(map(str, value)) if isinstance(value, list) else value


def explanation(entry, record, explained):
    """List item below a table: title, commands, settings, note and reasons of one system."""
    title = f"**{entry['id']}**, {entry['title']}" if "id" in entry else entry["title"]
    text = [f"* {title}."]
    for run in runs_of(entry):
        text.append(f"{command(run)}: {settings(run, record) or NOT_RUN}.")
    if "note" in entry:
        text.append(entry["note"])
    text += [f"\\* {sentence}" for sentence in explained]
    return " ".join(text)


def part(entries, record):
    """Lines of one table and the list below it."""
    cells, items = [], []
    for entry in entries:
        found, explained = rows(entry, record)
        cells += found
        items.append(explanation(entry, record, explained))
    yield from table(COLUMNS, cells)
    yield ""
    yield from items


def mistakes(entries, record):
    """Lines of the table of the mistakes of the source material."""
    lines = []
    for count, entry in enumerate(entries, 1):
        shown = [
            f"{figure['what']}: {ours(values(figure, run, record))}"
            for figure, run in figures_of(entry)
        ]
        lines.append(
            [
                count,
                entry["system"],
                entry["mistake"],
                f"{entry['shown']}: {command(entry['run'])}",
                "; ".join(shown),
            ]
        )
    yield from table(("", "system", "mistake", "experiment", "figures"), lines)


def page(systems, record):
    """The whole page, a string."""
    machine = record["machine"]
    lines = [HEAD, ""]
    about = f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}"
    lines += [f"Machine: {about}; vector instructions: {machine['vectors']}.", ""]
    for letter, title in LETTERS.items():
        entries = [entry for entry in systems["systems"] if entry["id"][0] == letter]
        lines += [f"## {letter}. {title}", "", *part(entries, record), ""]
    lines += ["## Further runs", ""]
    lines += ["Classifiers from deep machines on MNIST, and lessons on Fashion-MNIST.", ""]
    lines += [*part(systems["further"], record), ""]
    lines += ["## The mistakes of the source material", ""]
    lines += ["Each line names the experiment that shows the mistake, and its figures.", ""]
    lines += [*mistakes(systems["mistakes"], record)]
    return "\n".join(lines) + "\n"
