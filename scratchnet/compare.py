"""Two runs of a lesson side by side: `scratchnet compare 01 --break big_step`.

The second run has the flags given, the first one only those of them that say where and how long a
lesson runs: --quick, --device, --parity and --workers. A run whose report.json exists is not
repeated. The second run comes first, so that a wrong flag is reported before any training.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from scratchnet.lesson import run_flags
from scratchnet.pages.run_page import write_comparison
from scratchnet.paths import expanded


def compare(lesson: Path, words: list[str]) -> Path:
    """Run what is missing of two runs, and write compare.html in the folder of the second one.

    Parameters
        lesson   path of the lesson's file
        words    flags of the second run, and --out for the folder of both

    Returns the path of the page. Raises ValueError if the flags change nothing, or if a run fails.
    """
    flags = run_flags(words)
    if os.environ.get("SCRATCHNET_QUICK") == "1" and "--quick" not in flags:
        flags.append("--quick")
    first = common_flags(flags)
    if first == flags:
        raise ValueError(
            "compare expects a flag that the first run does not have: "
            f"scratchnet compare {lesson.name[:2]} --break NAME"
        )
    out = _out(words)
    second = _find_or_run(lesson, flags, out)  # before the first: a wrong flag ends it at once
    folders = [_find_or_run(lesson, first, out), second]
    records = [_read(folder) for folder in folders]
    names = [os.path.relpath(folder, second).replace(os.sep, "/") for folder in folders]
    return write_comparison(second / "compare.html", records, names)


def common_flags(flags: list[str]) -> list[str]:
    """Flags that both runs have.

    >>> common_flags(["--break", "zeros", "--quick", "--device", "gpu"])
    ['--quick', '--device', 'gpu']
    """
    common = []
    for word, following in zip(flags, [*flags[1:], ""], strict=True):
        if word in ("--quick", "--parity"):
            common.append(word)
        elif word in ("--device", "--workers"):
            common += [word, following]
    return common


def find_run(out: Path, lesson: str, flags: list[str]) -> Path | None:
    """Folder of the run of a lesson with these flags, in any order; None if there is none."""
    for report in sorted(out.glob(f"{lesson}*/report.json")):
        record = json.loads(report.read_text(encoding="ascii"))
        if record["lesson"] == lesson and sorted(record.get("flags", ["?"])) == sorted(flags):
            return report.parent
    return None


def _find_or_run(lesson, flags, out):
    folder = find_run(out, lesson.stem, flags)
    if folder is None:
        print(f"run     {lesson.name} {' '.join(flags)}", flush=True)
        command = [sys.executable, str(lesson), *flags, "--out", str(out)]
        done = subprocess.run(command, env={**os.environ, "SCRATCHNET_QUICK": ""}, check=False)
        folder = find_run(out, lesson.stem, flags)
        if done.returncode or folder is None:
            raise ValueError(f"{lesson.name} {' '.join(flags)} has failed: see its output above")
    return folder


def _out(words):
    """Folder of the lessons' output: that of --out, or the default of `scratchnet.lesson`."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--out":
            return expanded(following)
        if word.startswith("--out="):
            return expanded(word.removeprefix("--out="))
    return expanded(os.environ.get("SCRATCHNET_OUT", "lessons_out"))


def _read(folder):
    return json.loads((folder / "report.json").read_text(encoding="ascii"))
