"""All rows in one table: ratios to each peer and to the best, and their geometric means."""

import math

from benchmarks.models import MACHINES, ROWS, SHORT
from benchmarks.timing import FOUR, NUMPY_ALONE, PEERS

TITLES = {
    "torch": "PyTorch eager",
    "torch, fused Adam": "PyTorch fused Adam",
    "keras on jax": "Keras on JAX",
    "keras on tensorflow": "Keras on TensorFlow",
    "scikit-learn": "scikit-learn",
}


def ratios(result, ours="scratchnet"):
    """Scratchnet's median divided by that of each peer, and by the best: {name: ratio}.

    {} if `ours`, the name of scratchnet in the result, was not measured.
    """
    medians = {name: t["median"] for name, t in result["contestants"].items()}
    if ours not in medians:
        return {}
    ours = medians[ours]
    found = {name: ours / medians[name] for name in PEERS if name in medians}
    if found:
        found["best"] = max(found.values())
    return found


def geometric_mean(numbers):
    """Geometric mean of a sequence that is not empty."""
    return math.exp(math.fsum(map(math.log, numbers)) / len(numbers))


def conclusions(models, ours="scratchnet"):
    """Numbers over the rows of ROWS: geometric means, rows at most 1.0, worst row, memory."""
    rows = {name: ratios(models[name], ours) for name in ROWS if name in models}
    rows = {name: found for name, found in rows.items() if found}
    if not rows:
        return {}
    columns = [name for name in (*FOUR, "best") if any(name in r for r in rows.values())]
    of_column = {c: [r[c] for r in rows.values() if c in r] for c in columns}
    worst = max(rows, key=lambda name: rows[name]["best"])
    memory = {}
    for name in rows:
        mb = {who: t["mb"] for who, t in models[name]["contestants"].items()}
        if mb["scratchnet"] is not None and mb.get("torch"):
            memory[name] = mb["scratchnet"] / mb["torch"]
    return {
        "rows": len(rows),
        "means": {c: geometric_mean(numbers) for c, numbers in of_column.items()},
        "at_most_1": {c: sum(x <= 1 for x in numbers) for c, numbers in of_column.items()},
        "compared": {c: len(numbers) for c, numbers in of_column.items()},
        "worst": (worst, rows[worst]["best"]),
        "memory": memory,
    }


def markdown(head, rows):
    """Lines of a Markdown table with aligned columns; the first column is text."""
    cells = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for i, row in enumerate(cells):
        padded = [
            text.rjust(width) if k else text.ljust(width)
            for k, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield f"| {' | '.join(padded)} |"
        if i == 0:
            rules = ["-" * (width + 1) + (":" if k else "-") for k, width in enumerate(widths)]
            yield f"|{'|'.join(rules)}|"


def comparison(models, names, peers):
    """Table of the rows `names`, of those that were measured."""
    peers = [p for p in peers if any(p in models[n]["contestants"] for n in names if n in models)]
    floor = any("matrix products" in models[n]["contestants"] for n in names if n in models)
    alone = any(NUMPY_ALONE in models[n]["contestants"] for n in names if n in models)
    head = [
        "row",
        "workers",
        "scratchnet ms",
        *["NumPy alone ms"] * alone,
        *(TITLES[p] for p in peers),
        "to the best",
    ]
    head += ["products ms"] * floor + ["MB", "PyTorch's MB"]
    rows = []
    for name in names:
        if name not in models:
            continue
        contestants, found = models[name]["contestants"], ratios(models[name])
        ours = contestants["scratchnet"]
        row = [SHORT.get(name, name), ours["workers"], f"{ours['median']:.2f}"]
        if alone:
            row.append(_ms(contestants.get(NUMPY_ALONE)))
        for peer in peers:
            t = contestants.get(peer)
            row.append(f"{t['median']:.2f} ({found[peer]:.2f})" if t else "")
        row.append(f"{found['best']:.2f}" if found else "")
        if floor:
            row.append(_ms(contestants.get("matrix products")))
        row += [_mb(contestants.get(who)) for who in ("scratchnet", "torch")]
        rows.append(row)
    end = conclusions(models) if names is ROWS else {}
    if end:
        means, count, of = end["means"], end["at_most_1"], end["compared"]
        blank, before = [""] * (floor + 2), [""] * (alone + 2)
        columns = [*peers, "best"]
        rows.append(["geometric mean", *before, *(f"{means[c]:.2f}" for c in columns), *blank])
        shares = (f"{count[c]} of {of[c]}" for c in columns)
        rows.append(["rows at most 1.00", *before, *shares, *blank])
    yield from markdown(head, rows)


def _ms(timing):
    return f"{timing['median']:.2f}" if timing else ""


def _mb(timing):
    return "" if timing is None or timing["mb"] is None else f"{timing['mb']:.0f}"


def sentences(models):
    """Lines with the conclusions over the rows of ROWS."""
    end = conclusions(models)
    if not end:
        return
    (worst, ratio), mean = end["worst"], end["means"]["best"]
    yield (
        f"Ratio to the best peer over {end['rows']} rows: geometric mean {mean:.3f}; "
        f"at most 1.00 in {end['at_most_1']['best']} rows; worst row {SHORT[worst]} ({ratio:.2f})."
    )
    if without := conclusions(models, NUMPY_ALONE):
        (worst, ratio), mean = without["worst"], without["means"]["best"]
        yield (
            f"With NumPy alone, without Numba, over {without['rows']} rows: geometric mean "
            f"{mean:.3f}; at most 1.00 in "
            f"{without['at_most_1']['best']} rows; worst row {SHORT[worst]} ({ratio:.2f})."
        )
    if memory := end["memory"]:
        most = max(memory, key=memory.get)
        yield (
            f"Memory of all workers together, divided by PyTorch's: geometric mean "
            f"{geometric_mean(list(memory.values())):.2f}, at most 1.00 in "
            f"{sum(m <= 1 for m in memory.values())} of {len(memory)} rows, "
            f"highest {SHORT[most]} ({memory[most]:.2f})."
        )


def tables(models):
    """Lines of the table of ROWS, its conclusions, and the table of all other models."""
    yield from comparison(models, ROWS, FOUR)
    yield ""
    yield from sentences(models)
    others = [name for name in models if name not in ROWS and name not in MACHINES]
    for names in (others, MACHINES):
        if any(name in models for name in names):
            yield ""
            yield from comparison(models, names, PEERS)
