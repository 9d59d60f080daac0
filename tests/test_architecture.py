"""The plan of the house, read from the source: who may import whom, and a few habits."""

import ast
import functools
import graphlib
import socket
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = sorted((ROOT / "scratchnet").rglob("*.py"))
LESSONS = sorted((ROOT / "lessons").rglob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# Imports run downward only: each room may import from those that stand before it.
ROOMS = """
    __init__ validation backend numerics initializers layers losses schedules metrics optimizers
    saving threads training callbacks gradcheck gradcheck_cases inspection models boltzmann data
    plots pages lesson doctor cli __main__
""".split()
WITHOUT_NUMPY = "layers losses optimizers numerics training schedules".split()
SEEDED = {"default_rng", "SeedSequence", "Generator"}


def each(files):
    return pytest.mark.parametrize("path", files, ids=lambda path: str(path.relative_to(ROOT)))


@functools.cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(path, *kinds):
    return [node for node in ast.walk(tree(path)) if isinstance(node, kinds)]


def module(path):
    """scratchnet/layers/base.py -> scratchnet.layers.base, .../layers/__init__.py -> ...layers."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(name):
    """scratchnet.layers.base -> layers; scratchnet itself -> __init__."""
    return (name.split(".") + ["__init__"])[1]


def imports(path):
    """Every module that a file imports, inside of functions too."""
    names = set()
    for node in nodes(path, ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        else:
            assert node.level == 0, f"{path}: write imports from the root"
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= below & MODULES or {node.module}
    return names


MODULES = {module(path) for path in SOURCE}


def users(library):
    """The files of scratchnet that import a library."""
    return {
        path.relative_to(ROOT / "scratchnet").as_posix()
        for path in SOURCE
        if any(name.split(".")[0] == library for name in imports(path))
    }


def test_every_room_has_its_place_in_the_order():
    assert {room(name) for name in MODULES} <= set(ROOMS)


@each(SOURCE)
def test_imports_run_downward(path):
    here = ROOMS.index(room(module(path)))
    for name in imports(path):
        if name.startswith("scratchnet"):
            assert ROOMS.index(room(name)) <= here, f"{path.name} may not import {name}"


def test_no_import_runs_in_a_circle():
    graph = {module(path): imports(path) & MODULES - {module(path)} for path in SOURCE}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, naming the circle


def test_cupy_is_known_to_the_backend_alone():
    assert users("cupy") | users("cupyx") == {"backend.py"}


def test_matplotlib_is_known_to_the_plots_alone():
    assert {name.split("/")[0] for name in users("matplotlib")} == {"plots"}


def test_formulas_ask_the_array_which_module_computes_with_it():
    """xp_of(x), not numpy: so they run on a GPU."""
    assert not {
        name for name in users("numpy") if Path(name).parts[0].split(".")[0] in WITHOUT_NUMPY
    }


@each(SOURCE + LESSONS + TESTS + BENCHMARKS)
def test_random_numbers_come_from_a_seeded_generator(path):
    for node in nodes(path, ast.Attribute):
        if isinstance(node.value, ast.Attribute) and node.value.attr == "random":
            if ast.unparse(node.value.value) in ("np", "numpy"):
                assert node.attr in SEEDED, f"line {node.lineno}: np.random.{node.attr}"
    assert not imports(path) & {"random", "numpy.random"}


@each(SOURCE + LESSONS + TESTS + BENCHMARKS)
def test_a_file_is_one_idea_of_at_most_300_lines_of_100_characters(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= 300
    assert max(map(len, lines), default=0) <= 100


@each(SOURCE + LESSONS)
def test_source_is_plain_ascii_and_says_at_its_head_what_it_is_for(path):
    assert path.read_bytes().isascii()
    assert ast.get_docstring(tree(path))


@each(SOURCE + LESSONS)
def test_no_file_is_read_by_running_what_it_holds(path):
    assert not imports(path) & {"pickle", "marshal", "shelve", "dill", "joblib"}
    for call in nodes(path, ast.Call):
        assert ast.unparse(call.func) not in ("eval", "exec")
        for keyword in call.keywords:
            assert keyword.arg != "allow_pickle" or keyword.value.value is False


@each(SOURCE + LESSONS + TESTS + BENCHMARKS)
def test_errors_are_caught_by_name(path):
    assert all(handler.type for handler in nodes(path, ast.ExceptHandler))


@each(SOURCE)
def test_everything_public_is_described(path):
    for node in tree(path).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


def test_the_suite_cannot_reach_the_internet():
    for host in ("192.0.2.1", "example.org"):  # an address and a name that nobody may own
        with pytest.raises(RuntimeError, match=f"a test asked for the network: {host}"):
            socket.create_connection((host, 80), timeout=1)
    with socket.socket() as bare, pytest.raises(RuntimeError, match="asked for the network"):
        bare.connect(("192.0.2.1", 80))
