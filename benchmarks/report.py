"""Tables of the results as text."""

COLUMNS = "{:20} {:>10} {:>8} {:>8} {:>8} {:>8} {:>14}"
PARTS = "{:30} {:>8} {:>8} {:>8}"


def show(lines):
    """Print lines at once."""
    print(*lines, sep="\n", flush=True)


def processor(machine):
    """The machine in one line."""
    kernel = machine.get("OPENBLAS_CORETYPE")
    limit = f", OPENBLAS_CORETYPE={kernel} (unset it: it slows NumPy alone)" if kernel else ""
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}{limit}"


def head(everything):
    """Lines about the machine and the settings."""
    machine, s = everything["machine"], everything["settings"]
    yield processor(machine)
    yield f"load average {machine['load']}: other work slows all contestants"
    yield f"float32, {s['rounds']} rounds of about {s['seconds']} s"


def versions(everything):
    """Lines about each contestant."""
    for name, about in everything["contestants"].items():
        yield f"{name:20} " + ", ".join(f"{what} {value}" for what, value in about.items())
    for name, why in everything["skipped"].items():
        yield f"{name:20} skipped: {why}"


def table(result, threads):
    """Table of one model: a row for each contestant."""
    ours = result["contestants"]["scratchnet"]
    workers = f"{ours['workers']} workers ({ours['kind']})" if ours["workers"] > 1 else "1 worker"
    yield ""
    threads = f"{threads} threads" if threads > 1 else "one thread"
    yield f"{result['title']}: {threads}; scratchnet: {workers}"
    yield COLUMNS.format("", "median ms", "min", "max", "cores", "peak MB", "scratchnet is")
    for name, t in result["contestants"].items():
        numbers = [f"{t[key]:.2f}" for key in ("median", "min", "max")]
        ratio = "" if name == "scratchnet" else f"{ours['median'] / t['median']:.2f} x"
        mb = "" if t["mb"] is None else f"{t['mb']:.0f}"
        yield COLUMNS.format(name, *numbers, f"{t['cores']:.1f}", mb, ratio)


def shares(parts):
    """Table of the parts of a scratchnet step."""
    total = sum(forward + backward for _, forward, backward in parts)
    yield "  " + PARTS.format("parts of a scratchnet step", "forward", "backward", "share")
    for part, *ms in parts:
        share = f"{100 * sum(ms) / total:.1f} %"
        yield "  " + PARTS.format(part, *(f"{t:.3f}" if t else "" for t in ms), share)
