"""Options that several commands of the benchmarks have."""

import argparse
import shutil
import sys


def add_options(parser, rounds, seconds):
    """Add the numbers of rounds and the interpreters of the peers."""
    add = parser.add_argument
    add("--rounds", type=positive, default=rounds, help=f"of each contestant; default {rounds}")
    add("--seconds", type=float, default=seconds, help=f"of a round, about; default {seconds}")
    for option, what in (
        ("torch", "torch"),
        ("keras", "keras and jax"),
        ("tensorflow", "keras and tensorflow"),
    ):
        add(
            f"--python-{option}",
            default=sys.executable,
            metavar="PATH",
            help=f"an interpreter with {what}",
        )


def parsed(parser):
    """Options of the command line, with `pythons`: {framework: interpreter}."""
    options = parser.parse_args()
    options.pythons = {"scratchnet": sys.executable} | {
        name: getattr(options, f"python_{name}") for name in ("torch", "keras", "tensorflow")
    }
    for path in options.pythons.values():
        if shutil.which(path) is None:
            parser.error(f"there is no interpreter {path}")
    return options


def positive(text):
    """The type of an option that is a number of things."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expects an integer >= 1; got {text}")
    return int(text)
