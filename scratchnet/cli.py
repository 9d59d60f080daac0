"""Command line: scratchnet lessons | run | exercise | grade | gradcheck | data | doctor | ..."""

import argparse
import functools
import itertools
import operator
import os
import re
import runpy
import sys
from pathlib import Path

from scratchnet import __version__
from scratchnet.validation import unknown_name

_OWN_LAYERS = (
    "layers of your own in Python: from scratchnet.gradcheck import gradcheck; "
    "print(gradcheck(MyLayer(), x))"
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command of `scratchnet`.

    Parameters
        arguments  words of the command line; by default those of the running program

    Returns the exit code: 0, 1 if a gradient check fails, 2 for an input that cannot be used.

    A closed pipe, as in `scratchnet lessons | head -3`, ends the command without a message.

    >>> main(["gradcheck", "Dens"])  # an unknown name, which is reported on stderr
    2
    """
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        with open(os.devnull, "w") as devnull:  # for what is left to flush at exit
            os.dup2(devnull.fileno(), sys.stdout.fileno())
        return 1


def _run(arguments):
    parser = argparse.ArgumentParser(prog="scratchnet", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=f"scratchnet {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("lessons", help="list the lessons")
    command.set_defaults(do=list_lessons)

    command = commands.add_parser("run", help="run a lesson: scratchnet run 01 --quick")
    command.add_argument("number", help="the lesson's number or name: 1, 01")
    command.add_argument("flags", nargs=argparse.REMAINDER, help="the lesson's own flags")
    command.set_defaults(do=run_lesson)

    command = commands.add_parser(
        "compare", help="two runs side by side: scratchnet compare 01 --break big_step"
    )
    command.add_argument("number", help="the lesson's number or name")
    command.add_argument("flags", nargs=argparse.REMAINDER, help="flags of the second run")
    command.set_defaults(do=compare_runs)

    command = commands.add_parser("notebook", help="write a lesson as a Jupyter notebook")
    command.add_argument("number", help="the lesson's number or name")
    command.add_argument("--force", action="store_true", help="write over an existing file")
    command.set_defaults(do=make_notebook)

    command = commands.add_parser(
        "gradcheck",
        help="check the gradients of layers and losses",
        epilog="Boltzmann machines are checked by scratchnet.boltzmann.check_gradient, "
        + _OWN_LAYERS,
    )
    command.add_argument("name", nargs="?", help="only this layer or loss, with its tables")
    command.set_defaults(do=check_gradients)

    command = commands.add_parser("data", help="show the data sets, or fetch one")
    command.add_argument(
        "name",
        nargs="?",
        help="digits, mnist, fashion, or a file of images: load it and describe it",
    )
    command.set_defaults(do=show_data)

    command = commands.add_parser(
        "page", help="write a page of a trained model: chains, latent, step"
    )
    command.add_argument("kind", choices=("chains", "latent", "step"))
    command.add_argument("--model", help=".npz file; by default a small model is trained")
    command.add_argument("--data", help="images to show with --model: digits, mnist, a file")
    command.add_argument("--to", help="file of the page, by default KIND.html")
    command.set_defaults(do=write_page)

    command = commands.add_parser("doctor", help="show versions, BLAS, GPU, folders")
    command.set_defaults(do=show_doctor)

    command = commands.add_parser("exercise", help="write an exercise, or list them")
    command.add_argument("name", nargs="*", help="its name: Dense; without one all are listed")
    command.add_argument("--to", help="folder, by default ./exercises")
    command.add_argument("--force", action="store_true", help="write over an existing file")
    command.set_defaults(do=write_exercise)

    command = commands.add_parser("grade", help="grade an answer: scratchnet grade dense.py")
    command.add_argument("file", help="the file that `scratchnet exercise` wrote, filled in")
    command.set_defaults(do=grade_answer)

    command = commands.add_parser("progress", help="list the graded exercises")
    command.add_argument("--to", help="folder, by default ./exercises")
    command.set_defaults(do=show_progress)

    command = commands.add_parser("zoo", help="show typical errors, and the checks that find them")
    command.add_argument("name", nargs="?", help="only this error, with its code")
    command.add_argument("--quick", action="store_true", help="shorter training")
    command.set_defaults(do=show_errors)

    command = commands.add_parser("play", help="train a small network live in the browser")
    command.add_argument("--data", help="CSV file with the columns x1, x2, label")
    command.add_argument("--layer", help="Python file with a layer of your own")
    command.add_argument("--port", type=int, default=0, help="by default a free port")
    command.add_argument("--no-browser", action="store_true", help="print the address only")
    command.set_defaults(do=start_playground)

    command = commands.add_parser("answer", help="answer the open question of a lesson")
    command.add_argument("lesson", help="the lesson's number: 17")
    command.add_argument("--run", action="store_true", help="run the script of the answer")
    command.set_defaults(do=show_answer)

    options = parser.parse_args(arguments)
    try:
        return options.do(options)
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as problem:  # one sentence instead of a traceback
        print(f"scratchnet: {problem}", file=sys.stderr)
        return 2


def find_lessons() -> dict[str, Path]:
    """Find the lessons: {"01": path, ...}.

    They are looked for in the folder `lessons` of the current directory, of the repository, and of
    the installed package. Raises FileNotFoundError if there is none.
    """
    package = Path(__file__).resolve().parent
    for root in (Path.cwd(), package.parent, package):
        found = {path.name[:2]: path for path in sorted(root.glob("lessons/[0-9][0-9]_*.py"))}
        if found:
            return found
    raise FileNotFoundError(
        "there is no folder `lessons` here: install scratchnet again, or change to the repository"
    )


def list_lessons(options):
    """Print number, title and path of each lesson."""
    for path in find_lessons().values():
        title = path.read_text(encoding="ascii").split("\n", 2)[1]
        print(f"{title}    python {os.path.relpath(path)}")
    return 0


def run_lesson(options):
    """Run a lesson as `python lessons/NN_name.py` would, with its own flags."""
    path = str(_find_lesson(options.number))
    sys.argv = [path, *options.flags]
    runpy.run_path(path, run_name="__main__")
    return 0


def compare_runs(options):
    """Run a lesson twice, where a run is missing, and write a page with both side by side."""
    from scratchnet.compare import compare

    print(f"page    {compare(_find_lesson(options.number), options.flags)}")
    return 0


def make_notebook(options):
    """Write the notebook of a lesson into the current folder."""
    from scratchnet.notebook import write_notebook

    path = write_notebook(_find_lesson(options.number), Path(), options.force)
    print(f"{path}: open it with jupyter lab {path}")
    return 0


def _find_lesson(name):
    """Path of the lesson with this number or name."""
    lessons = find_lessons()
    stem = Path(name).name.removesuffix(".py")
    number = stem[:2] if stem in {path.stem for path in lessons.values()} else stem.zfill(2)
    if number not in lessons:
        raise unknown_name("lesson", name, lessons)
    return lessons[number]


def check_gradients(options):
    """Check all cases of `scratchnet.gradcheck_cases`, or those of one layer or loss.

    Prints a line for each layer or loss as soon as it is checked, and the table of each case that
    fails; with a name, the table of every case. Capitals, "_" and "-" in the name make no
    difference. Returns exit code 1 if a case fails. Boltzmann machines are checked by
    `scratchnet.boltzmann.check_gradient`, layers of one's own by `scratchnet.gradcheck.gradcheck`.
    """
    from scratchnet.gradcheck_cases import LAYERS, LOSSES, all_cases

    names = [*LAYERS, *LOSSES]
    if options.name is not None:
        if options.name.endswith(".py"):
            raise ValueError(
                "gradcheck expects the name of a layer or loss of scratchnet; got the file "
                f"{options.name!r}; check {_OWN_LAYERS}"
            )
        names = [name for name in names if _plain(name) == _plain(options.name)]
        if not names:
            raise unknown_name("layer or loss", options.name, [*LAYERS, *LOSSES])
    print(f"{'layer or loss':22}  {'cases':>5}  {'largest error':>13}", flush=True)
    total = wrong = 0
    for name, cases in itertools.groupby(all_cases(), key=operator.attrgetter("name")):
        if name not in names:
            continue
        reports = [case.run() for case in cases]
        for report in reports:
            if options.name is not None or not report.ok:
                print(report, end="\n\n")
        failed = sum(not report.ok for report in reports)
        verdict = f"{failed} WRONG" if failed else "ok"
        error = max(report.error for report in reports)
        print(f"{name:22}  {len(reports):5}  {error:13.1e}  {verdict}", flush=True)
        total, wrong = total + len(reports), wrong + failed
    print(f"{total - wrong} of {total} cases agree with finite differences (float64, limit 1e-6)")
    return 1 if wrong else 0


def show_errors(options):
    """Print the tables of the bug zoo, or the code of one error and what finds it."""
    from scratchnet.zoo.command import show_zoo

    show_zoo(options.name, options.quick)
    return 0


def start_playground(options):
    """Serve the page of `scratchnet.play` until Ctrl-C."""
    from scratchnet.play.command import play

    play(options.data, options.layer, options.port, not options.no_browser)
    return 0


def _plain(name):
    return re.sub("[_-]", "", name).lower()


def write_exercise(options):
    """Write the file of one exercise, or list all with the results of those that are graded."""
    from scratchnet.exercises import catalogue, files
    from scratchnet.lesson import table

    folder = options.to or files.default_folder()
    if not options.name:
        print(table(("exercise", "lesson", "subject", "result"), files.listing(folder)))
        return 0
    path = files.write(catalogue.find(" ".join(options.name)), folder, options.force)
    print(f"{path}: fill it in, then run: {files.command(path)}")
    return 0


def grade_answer(options):
    """Grade an answer and print what passes; returns exit code 1 unless everything passes."""
    from scratchnet.exercises.grading import grade

    try:
        result = grade(options.file, functools.partial(print, flush=True))
    except KeyboardInterrupt:
        print("scratchnet grade: interrupted, the result is not stored", file=sys.stderr)
        return 130
    print(result.summary)
    return 0 if result.ok else 1


def show_progress(options):
    """Print the results of the graded exercises in a folder."""
    from scratchnet.exercises.files import default_folder, listing
    from scratchnet.lesson import table

    folder = options.to or default_folder()
    rows = [row for row in listing(folder) if row[-1] != "-"]
    if rows:
        print(table(("exercise", "lesson", "subject", "result"), rows))
    done = sum(row[-1] == "passes" for row in rows)
    print(f"{done} of {len(listing(folder))} exercises pass in {folder}")
    return 0


def show_answer(options):
    """Print the answer to the open question of a lesson, or run its script."""
    from scratchnet.exercises.answers import answer_to, run_answer

    if options.run:
        run_answer(options.lesson)
    else:
        print(answer_to(options.lesson))
    return 0


def show_data(options):
    """Print the folders in which data is looked for, or load one data set and describe it."""
    from scratchnet.data import cache_dir, load_images
    from scratchnet.data.images import SIZES

    if options.name is None:
        print("digits    bundled with scikit-learn, 8x8 or enlarged to 28x28")
        print("mnist     28x28, from one of the folders below, or downloaded")
        print("fashion   28x28, from one of the folders below, or downloaded")
        print(f"SCRATCHNET_DATA  {os.environ.get('SCRATCHNET_DATA', '(not set)')}")
        print(f"cache            {cache_dir()}")
        return 0
    name = options.name.lower()
    data = load_images(name if name in SIZES else options.name)
    for part in ("x_train", "y_train", "x_test", "y_test"):
        array = getattr(data, part)
        print(f"{part:8}  {array.shape!s:18}  {array.dtype}  {array.min():g} .. {array.max():g}")
    return 0


def write_page(options):
    """Write the page of a model to an .html file, see `scratchnet.pages`."""
    from scratchnet.pages.command import make_page

    make_page(options.kind, options.model, options.data, options.to)
    return 0


def show_doctor(options):
    """Print versions, BLAS, GPU and folders of this installation."""
    from scratchnet.doctor import findings

    for name, finding in findings():
        print(f"{name:16}  {finding}")
    return 0
