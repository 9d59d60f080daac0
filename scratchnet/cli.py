"""The command line: scratchnet lessons | run | gradcheck | data | doctor."""

import argparse
import os
import runpy
import sys
from pathlib import Path

from scratchnet import __version__
from scratchnet.validation import unknown_name


def main(arguments=None):
    """Run one command; the return value is the exit code."""
    parser = argparse.ArgumentParser(prog="scratchnet", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=f"scratchnet {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("lessons", help="list the lessons")
    command.set_defaults(do=list_lessons)

    command = commands.add_parser("run", help="run a lesson: scratchnet run 01 --quick")
    command.add_argument("number", help="the lesson's number, as in 01")
    command.add_argument("flags", nargs=argparse.REMAINDER, help="the lesson's own flags")
    command.set_defaults(do=run_lesson)

    command = commands.add_parser("gradcheck", help="check every gradient of the library")
    command.add_argument("name", nargs="?", help="only this layer or loss, with full tables")
    command.set_defaults(do=check_gradients)

    command = commands.add_parser("data", help="show the data sets, or fetch one")
    command.add_argument("name", nargs="?", help="digits, mnist or fashion: load it now")
    command.set_defaults(do=show_data)

    command = commands.add_parser("doctor", help="show versions, BLAS, GPU, folders")
    command.set_defaults(do=show_doctor)

    options = parser.parse_args(arguments)
    try:
        return options.do(options)
    except (ValueError, OSError) as problem:  # a sentence for the user, not a traceback
        print(f"scratchnet: {problem}", file=sys.stderr)
        return 2


def find_lessons():
    """{"01": path, ...} of the lessons folder: the current one's, else the repository's."""
    for root in (Path.cwd(), Path(__file__).resolve().parent.parent):
        found = {path.name[:2]: path for path in sorted(root.glob("lessons/[0-9][0-9]_*.py"))}
        if found:
            return found
    raise FileNotFoundError(
        "no lessons folder here: change to the repository, or clone it (lessons are not part of "
        "the installed package)"
    )


def list_lessons(options):
    """Number and title of each lesson."""
    for path in find_lessons().values():
        title = path.read_text(encoding="ascii").split("\n", 2)[1]
        print(f"{title}    python {os.path.relpath(path)}")
    return 0


def run_lesson(options):
    """Run a lesson as `python lessons/NN_name.py` would, with its own flags."""
    lessons = find_lessons()
    if options.number not in lessons:
        raise unknown_name("lesson", options.number, lessons)
    path = str(lessons[options.number])
    sys.argv = [path, *options.flags]
    runpy.run_path(path, run_name="__main__")
    return 0


def check_gradients(options):
    """Every case, one line a layer or loss; with a name, its tables. Exit code 1 on a failure."""
    from scratchnet.gradcheck_cases import LAYERS, LOSSES, all_cases

    names = [*LAYERS, *LOSSES]
    if options.name is not None:
        if options.name not in names:
            raise unknown_name("layer or loss", options.name, names)
        names = [options.name]
    reports = {name: [] for name in names}
    for case in all_cases():
        if case.name in reports:
            reports[case.name].append(case.run())
            if options.name is not None or not reports[case.name][-1].ok:
                print(reports[case.name][-1], end="\n\n")

    print(f"{'layer or loss':22}  {'cases':>5}  {'largest error':>13}")
    for name, found in reports.items():
        failed = sum(not report.ok for report in found)
        verdict = f"{failed} WRONG" if failed else "ok"
        print(f"{name:22}  {len(found):5}  {max(r.error for r in found):13.1e}  {verdict}")
    wrong = sum(not report.ok for found in reports.values() for report in found)
    total = sum(map(len, reports.values()))
    print(f"{total - wrong} of {total} cases agree with finite differences (float64, limit 1e-6)")
    return 1 if wrong else 0


def show_data(options):
    """Where data is looked for; with a name, load it (which may download it) and describe it."""
    from scratchnet.data import cache_dir, load_images

    if options.name is None:
        print("digits    bundled with scikit-learn, 8x8 or enlarged to 28x28")
        print("mnist     28x28, looked for in the folders below, else downloaded")
        print("fashion   28x28, likewise")
        print(f"SCRATCHNET_DATA  {os.environ.get('SCRATCHNET_DATA', '(not set)')}")
        print(f"cache            {cache_dir()}")
        return 0
    data = load_images(options.name)
    for part in ("x_train", "y_train", "x_test", "y_test"):
        array = getattr(data, part)
        print(f"{part:8}  {array.shape!s:18}  {array.dtype}  {array.min():g} .. {array.max():g}")
    return 0


def show_doctor(options):
    """What this installation runs on."""
    from scratchnet.doctor import findings

    for name, finding in findings():
        print(f"{name:16}  {finding}")
    return 0
