"""Tables of the results as text."""

COLUMNS = "{:20} {:>10} {:>8} {:>8} {:>8} {:>8} {:>14}"
PARTS = "{:30} {:>8} {:>8} {:>8}"


def head(report):
    """Lines about the machine, the settings, and the versions of each contestant."""
    machine, s = report["machine"], report["settings"]
    yield f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}"
    yield f"load average {machine['load']}: other work slows all contestants"
    yield f"{s['threads']} threads, float32, {s['rounds']} rounds of {s['steps']} steps"
    yield ""
    for name, about in report["contestants"].items():
        yield f"{name:20} " + ", ".join(f"{what} {value}" for what, value in about.items())
    for name, why in report["skipped"].items():
        yield f"{name:20} skipped: {why}"


def table(result):
    """Table of one model: a row for each contestant."""
    yield ""
    yield result["title"]
    yield COLUMNS.format("", "median ms", "min", "max", "cores", "peak MB", "scratchnet is")
    for name, t in result["contestants"].items():
        numbers = [f"{t[key]:.2f}" for key in ("median", "min", "max")]
        ratio = "" if name == "scratchnet" else f"{t['scratchnet_ratio']:.2f} x"
        mb = "" if t["mb"] is None else f"{t['mb']:.0f}"
        yield COLUMNS.format(name, *numbers, f"{t['cores']:.1f}", mb, ratio)


def shares(parts):
    """Table of the parts of a scratchnet step."""
    total = sum(forward + backward for _, forward, backward in parts)
    yield "  " + PARTS.format("parts of a scratchnet step", "forward", "backward", "share")
    for part, *ms in parts:
        share = f"{100 * sum(ms) / total:.1f} %"
        yield "  " + PARTS.format(part, *(f"{t:.3f}" if t else "" for t in ms), share)
