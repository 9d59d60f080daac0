"""The package layout, read from the source: who may import whom, where tests are, and habits."""

import ast
import functools
import graphlib
import importlib
import inspect
import operator
import re
import socket
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = sorted((ROOT / "scratchnet").rglob("*.py"))
LESSONS = sorted((ROOT / "lessons").rglob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# Imports run downward only: a module may import those before it in the list of their package.
# "*" is every module that the list does not name.
ORDER = {
    "scratchnet": """
        __init__ paths archives validation hints batch_rows backend inputs compiled
        compiled_functions compiled_layers numerics parallel initializers layers loss_base
        cross_entropy losses schedules metrics clipping optimizer_base optimizers
        saving exchange workers factored_gradient training_checks training_run training_step
        training sequence_training callbacks gradcheck_contract gradcheck_patterns gradcheck_factors
        gradcheck_formulas gradcheck_retries gradcheck_causes gradcheck_differences gradcheck
        gradcheck_cases
        models boltzmann
        data plots pages xray lesson notebook compare zoo exercises play doctor cli __main__
    """.split(),
    "scratchnet.layers": """
        plain shapes parameters gradient_vector base * conv summary sequential skip
        weight_regularization
    """.split(),
    "scratchnet.layers.conv": "im2col padding space_to_depth fast_paths *".split(),
    "scratchnet.parallel": """
        group blas placement shared_memory thread_group process_group mpi_group choice running *
    """.split(),
    "scratchnet.exchange": "tensor_files feature_order layouts transfer".split(),
    "scratchnet.exercises": """
        templates answers catalogue explain checks files running value_causes step_checks
        recurrent_steps machine_steps optimizer_checks layer_mistakes loss_mistakes
        registered_checks grading
    """.split(),
    "scratchnet.xray": "measures observers verdicts recorder".split(),
    "scratchnet.play": "points layer_file switches network frames session server command".split(),
    "scratchnet.zoo": "fault tasks checks * tables command".split(),
    "scratchnet.boltzmann": "plain machine likelihood learning estimators ratings deep".split(),
}
NO_MODULE_OF_THAT_NAME = {  # tests that are not named after one module, and their subject
    "test_architecture.py": "the source of all modules",
    "test_benchmarks.py": "the code of the benchmarks",
    "test_systems.py": "the page of results and the runs behind it",
    "test_worker_faults.py": "workers that fail, are killed or interrupted",
    "test_teaching.py": "the lectures and demonstrations of docs/teaching.md",
    "test_readme.py": "the code, commands and numbers of README.md",
    "test_thumbnails.py": "the pictures of README and gallery",
    "test_packaging.py": "the files of an installation and of the sdist",
    "test_golden.py": "values of PyTorch and Keras, of layers, losses and optimizers",
    "test_gradcheck_styles.py": "gradcheck of right layers in other styles: no false alarm",
    "test_gradcheck_tuples.py": "gradcheck of layers with several inputs or outputs",
    "test_language.py": "the texts of all modules",
    "test_recipes.py": "the examples of docs/recipes.md",
    "docs/test_pages.py": "the built site, in a browser",
    "docs/test_site.py": "the modules of docs/site",
    "exchange/test_table.py": "the table and the example of docs/exchange.md",
    "layers/test_layers.py": "the layer contract, for every layer",
    "layers/test_masks.py": "masks of steps in recurrent layers, models and losses",
    "models/test_generative.py": "VAE and GAN",
    "boltzmann/estimators/test_base_inputs.py": "input and guards of all estimators",
    "boltzmann/estimators/test_features.py": "features beside those of scikit-learn",
    "boltzmann/ratings/test_rating_inputs.py": "RatingRBM and RatingBaseline",
}
TYPED = """
    training.fit training.evaluate training.predict gradcheck.gradcheck saving.save saving.load
    data.load_images data.load_faces data.load_ratings data.load_days data.read_idx
    callbacks.EarlyStopping.__init__ callbacks.Checkpoint.__init__ models.vae.VAE models.gan.GAN
    boltzmann.BernoulliRBM boltzmann.GaussianRBM boltzmann.RatingRBM boltzmann.DBN boltzmann.DBM
    boltzmann.DBNClassifier boltzmann.DBMClassifier pages.page
""".split()  # what a user calls: each signature has types
FOLDERS_OF_THEIR_OWN = ("lessons", "device")  # of tests, with a marker of the same name
WITHOUT_NUMPY = "layers losses optimizer_base optimizers numerics training schedules".split()
SEEDED = {"default_rng", "SeedSequence", "Generator"}


def broken(files, problems):
    """The failure message of a rule: "file: problem" for each that problems(path) yields."""
    return "\n".join(
        f"{path.relative_to(ROOT)}: {found}" for path in files for found in problems(path)
    )


@functools.cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(path, *kinds):
    return [node for node in ast.walk(tree(path)) if isinstance(node, kinds)]


def module(path):
    """scratchnet/layers/base.py -> scratchnet.layers.base, .../layers/__init__.py -> ...layers."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def rank(package, name):
    """The place of a module in the order of a package: scratchnet.layers.base -> that of base."""
    order = ORDER[package]
    part = (name.split(".") + ["__init__"])[package.count(".") + 1]
    return order.index(part if part in order else "*")


@functools.cache
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


def test_every_module_has_its_place_in_the_order():
    for package in ORDER:
        for name in MODULES:
            if name.startswith(f"{package}.") or package == "scratchnet":
                rank(package, name)


def test_every_name_in_the_order_is_a_module():
    for package, order in ORDER.items():
        known = {f"{package}.{part}" for part in order} - {f"{package}.*", "scratchnet.__init__"}
        assert known <= MODULES, known - MODULES


def test_the_page_on_the_architecture_lists_the_modules_in_their_order():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    listed = page.split("```\nscratchnet/\n")[1].split("\n```")[0]
    names = re.findall(r"(?:^  |, )(\w+)(?:\.py|/)", listed, re.MULTILINE)
    assert names == [name for name in ORDER["scratchnet"] if "__" not in name]


def upward_imports(path):
    here = module(path)
    for name in imports(path):
        for package in ORDER:
            inside = here.startswith(f"{package}.") and name.startswith(f"{package}.")
            if inside and rank(package, name) > rank(package, here):
                yield f"may not import {name}: see ORDER[{package!r}]"


def test_imports_run_downward():
    assert not (problems := broken(SOURCE, upward_imports)), problems


def test_no_import_is_part_of_a_cycle():
    graph = {module(path): imports(path) & MODULES - {module(path)} for path in SOURCE}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, naming the cycle


def without_a_module(path):
    name = path.relative_to(ROOT / "tests")
    if name.parts[0] not in FOLDERS_OF_THEIR_OWN and name.as_posix() not in NO_MODULE_OF_THAT_NAME:
        tested = ROOT / "scratchnet" / name.with_name(name.name.removeprefix("test_"))
        if not tested.exists():
            yield f"tests no module {tested.relative_to(ROOT)}"


def test_a_test_file_lies_where_the_module_lies_that_it_tests():
    tests = [path for path in TESTS if path.name.startswith("test_")]
    assert not (problems := broken(tests, without_a_module)), problems
    for name in NO_MODULE_OF_THAT_NAME:
        assert (ROOT / "tests" / name).exists(), f"{name} is gone: remove its entry"


def test_cupy_is_known_to_the_backend_alone():
    assert users("cupy") | users("cupyx") == {"backend.py"}


def test_numba_is_known_to_one_module_alone():
    assert users("numba") == {"compiled.py"}


def test_matplotlib_is_known_to_the_plots_alone():
    assert {name.split("/")[0] for name in users("matplotlib")} == {"plots"}


def test_formulas_ask_the_array_which_module_computes_with_it():
    """xp_of(x), not numpy: so they run on a GPU."""
    assert not {
        name for name in users("numpy") if Path(name).parts[0].split(".")[0] in WITHOUT_NUMPY
    }


def unseeded(path):
    """Uses of a generator that is not seeded, or that the whole program shares."""
    for node in nodes(path, ast.Attribute):
        if isinstance(node.value, ast.Attribute) and node.value.attr == "random":
            if ast.unparse(node.value.value) in ("np", "numpy") and node.attr not in SEEDED:
                yield f"line {node.lineno}: np.random.{node.attr}"
    for name in imports(path) & {"random", "numpy.random"}:
        yield f"imports {name}"


def test_random_numbers_come_from_a_seeded_generator():
    files = SOURCE + LESSONS + TESTS + BENCHMARKS
    assert not (problems := broken(files, unseeded)), problems


def too_long(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > 400:
        yield f"{len(lines)} lines, more than 400"
    for i, line in enumerate(lines, 1):
        if len(line) > 100:
            yield f"line {i}: {len(line)} columns, more than 100"


def test_a_file_has_at_most_400_lines_of_100_characters():
    files = SOURCE + TESTS + BENCHMARKS  # lessons have limits of their own
    assert not (problems := broken(files, too_long)), problems


def unclear(path):
    if not path.read_bytes().isascii():
        yield "is not ASCII"
    if not ast.get_docstring(tree(path)):
        yield "has no docstring"


def test_source_is_ascii_and_each_module_has_a_docstring():
    assert not (problems := broken(SOURCE + LESSONS, unclear)), problems


def unsafe(path):
    for name in imports(path) & {"pickle", "marshal", "shelve", "dill", "joblib"}:
        yield f"imports {name}"
    for call in nodes(path, ast.Call):
        if ast.unparse(call.func) in ("eval", "exec"):
            yield f"line {call.lineno}: {ast.unparse(call.func)}"
        for keyword in call.keywords:
            if keyword.arg == "allow_pickle" and keyword.value.value is not False:
                yield f"line {call.lineno}: allow_pickle"


def test_no_file_is_read_by_running_what_it_holds():
    assert not (problems := broken(SOURCE + LESSONS, unsafe)), problems


def bare_except(path):
    for handler in nodes(path, ast.ExceptHandler):
        if not handler.type:
            yield f"line {handler.lineno}: name the error"


def test_errors_are_caught_by_name():
    files = SOURCE + LESSONS + TESTS + BENCHMARKS
    assert not (problems := broken(files, bare_except)), problems


def undescribed(path):
    for node in tree(path).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                yield f"{node.name} has no docstring"


def test_everything_public_has_a_docstring():
    assert not (problems := broken(SOURCE, undescribed)), problems


def untyped(thing, name):
    """Names of the parameters of a function, or of a class's methods, that have no type."""
    if inspect.isclass(thing):
        for attribute, method in inspect.getmembers(thing, inspect.isfunction):
            if attribute[0] != "_" and method.__module__.startswith("scratchnet"):
                yield from untyped(method, f"{name}.{attribute}")
        return
    parameters = inspect.signature(thing).parameters.values()
    for parameter in parameters:
        if parameter.name != "self" and parameter.annotation is parameter.empty:
            yield f"{name}: {parameter.name}"


def test_what_a_user_calls_has_types():
    without = []
    for name in TYPED:
        module = next(
            m for m in sorted(MODULES, reverse=True) if f"scratchnet.{name}".startswith(m)
        )
        path = f"scratchnet.{name}".removeprefix(f"{module}.")
        thing = operator.attrgetter(path)(importlib.import_module(module))
        without += untyped(thing, name)
    assert not without, without


@pytest.mark.parametrize(
    "rule, source",
    [
        (unseeded, "import numpy as np\nnp.random.random(3)"),
        (unseeded, "import random"),
        (too_long, "x = 1\n" * 401),
        (too_long, "x = " + "1" * 97),
        (unclear, "x = 1"),
        (unclear, '"""A na\u00efve module."""'),
        (unsafe, "import pickle"),
        (unsafe, "eval(text)"),
        (unsafe, "np.load(path, allow_pickle=True)"),
        (bare_except, "try:\n    pass\nexcept:\n    pass"),
        (undescribed, "def f(): ..."),
    ],
)
def test_each_rule_finds_what_breaks_it(rule, source, tmp_path):
    path = tmp_path / "module.py"
    path.write_text(source, encoding="utf-8")
    assert len(list(rule(path))) == 1


def test_the_suite_cannot_reach_the_internet():
    for host in ("192.0.2.1", "example.org"):  # reserved: they belong to no host
        with pytest.raises(RuntimeError, match=f"a test asked for the network: {host}"):
            socket.create_connection((host, 80), timeout=1)
    with socket.socket() as bare, pytest.raises(RuntimeError, match="asked for the network"):
        bare.connect(("192.0.2.1", 80))
