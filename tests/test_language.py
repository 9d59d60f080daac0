"""The language of code, docs and lessons: standard terms, one form of docstring, no old name.

The texts are the comments, docstrings and string literals of the library, the lessons and the
benchmarks, and the Markdown pages; tests may use any word. A failure names file, line and word.
"""

import ast
import functools
import importlib
import inspect
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("scratchnet", "lessons", "benchmarks")
PYTHON = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*.py"))
PAGES = [*ROOT.glob("docs/*.md"), ROOT / "benchmarks/README.md"]
PAGES = sorted([*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
CHANGELOG = ROOT / "CHANGELOG.md"  # contains old names

INSTEAD_OF = {  # words that a textbook does not use in this sense: what to write
    "pull pulls pulled": "gradient",
    "settle settles settled settling": "set, converge, reach a fixed point",
    "dream dreams dreaming": "sample, sampling from the model",
    "hear hears heard": "receive input from",
    "twin twins": "plain form, counterpart, copy",
    "kin": "variants",
    "pays": "helps, gains",
    "by heart": "memorize, overfit",
    "the news": "information",
    "tape tapes": "cache",
    "room rooms house": "module, package, space",
    "turned round": "flipped",
    "whoever nobody somebody anybody everybody": "the noun that is meant: the caller, no user",
    "brought": "given, found",
    "lets go": "releases",
    "go their own ways": "diverge",
    "told apart": "distinguished",
    "likes best": "has the highest probability under",
    "stand stands": "is, lies, is written",
    "price prices": "penalty, cost",
    "paint paints painting": "draws, drawing",
    "guess guesses": "estimate, prediction, chance level",
    "mood moods deed deeds": "the property that is meant",
    "swallow swallows": "ignore, hide",
    "complain complains": "raise, reject",
}
STANDARD = re.compile(r"stand-ins?\b|pull requests?\b", re.IGNORECASE)  # terms with such a word

NO_FIRST_WORD = "What How Where Which Who When Why As If".split()

PUBLIC = """
    layers losses optimizers schedules metrics initializers numerics backend training callbacks
    saving gradcheck models.vae models.gan models.judge boltzmann data plots pages xray
""".split()
WITHOUT_EXAMPLE = {  # public names whose docstring has no example, and the reason
    "backend.gpu_available": "depends on the machine",
    "backend.gpu_description": "depends on the machine",
    "losses.Loss": "a base class",
    "optimizers.Optimizer": "a base class",
    "layers.ShapeError": "an exception",
    "data.DataError": "an exception",
    "saving.FileError": "an exception",
    "training.TrainingDiverged": "an exception",
}

OLD_MODULES = """
    scratchnet.errors scratchnet.gradcases
    layers.windows layers.folding layers.geometry layers.convolution layers.pooling
    layers.unpooling layers.upsampling
    boltzmann.units boltzmann.network boltzmann.chain boltzmann.mean_field boltzmann.exact
    boltzmann.ais boltzmann.scores boltzmann.checking boltzmann.trainers boltzmann.ascent
    boltzmann.asking boltzmann.rbm boltzmann.triples boltzmann.baselines boltzmann.greedy
    boltzmann.dbm boltzmann.belief boltzmann.up_down boltzmann.dbn boltzmann.classifiers
    models.frechet models.quality plots.amounts plots.pictures plots.lines
    benchmarks.gpu_bench benchmarks.gpu_bugs benchmarks.gpu_kernels benchmarks.gpu_questions
    benchmarks.gpu_steps benchmarks.gpu_torch benchmarks.apart
""".split()

OLD_NAMES = {  # where the name was defined, as a prefix of the path: old names
    "scratchnet/validation.py": "real whole yes_or_no as_call",
    "scratchnet/backend.py": "settle",
    "scratchnet/threads.py": "pays spread",
    "scratchnet/saving.py": "described put_model",
    "scratchnet/optimizers.py": "STRETCH flush averaging running",
    "scratchnet/training.py": "pull",
    "scratchnet/layers/shapes.py": "written",
    "scratchnet/layers/conv/": "gather scatter fold unfold fold_kernel turned FEW reach mirrored",
    "scratchnet/layers/": "walk layers_within mapped commit own parts deal own_pull tape "
    "bias_of_x step_back",
    "scratchnet/boltzmann/": "Network Ascent Belief Twice Cases Learner Answers composed bound "
    "as_asked first_network first_biases first_particles belief_ ascent_ own_energy coupled",
    "scratchnet/plots/": "spreads",
    "scratchnet/data/": "brought",
}


def words(phrases):
    """A pattern of whole words; a phrase of several may be broken over lines."""
    found = "|".join(re.escape(phrase).replace(r"\ ", r"\s+") for phrase in phrases)
    return re.compile(rf"(?<![\w-])({found})(?![\w-])", re.IGNORECASE)


PHRASES = {}  # phrase: what to write instead
for line, better in INSTEAD_OF.items():
    several = {"by heart", "the news", "turned round", "lets go", "go their own ways"}
    several |= {"told apart", "likes best"}
    PHRASES |= dict.fromkeys([line] if line in several else line.split(), better)
FORBIDDEN = words(PHRASES)


@functools.cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def texts(path):
    """(first line, text) of each comment and string literal; a page is one text."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return [(1, source)]
    found = [
        (node.lineno, node.value)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            found.append((token.start[0], token.string))
    return found


def hits(pattern, paths):
    """["file:line: word", ...] of a pattern in the texts of files."""
    found = []
    for path in paths:
        for first, text in texts(path):
            text = STANDARD.sub(lambda term: "-" * len(term[0]), text)
            for match in pattern.finditer(text):
                line = first + text.count("\n", 0, match.start())
                found.append((path.relative_to(ROOT).as_posix(), line, " ".join(match[0].split())))
    return [f"{name}:{line}: {word}" for name, line, word in sorted(set(found))]


def test_texts_use_standard_terms():
    found = hits(FORBIDDEN, PYTHON + PAGES)
    advice = {word: PHRASES[word] for word in (entry.split(": ")[1].lower() for entry in found)}
    assert not found, "\n".join([*found, f"write instead: {advice}"])


def test_the_pattern_finds_a_phrase_over_a_line_break_and_leaves_the_standard_terms():
    assert FORBIDDEN.search("learned By\n    heart")[1].split() == ["By", "heart"]
    assert not FORBIDDEN.search("standard, kinds, understand, household, pay-off, priced")
    assert not FORBIDDEN.search(STANDARD.sub("", "the stand-in for CuPy"))


def public_docstrings(path):
    """(line, docstring) of the module, its public classes and functions, and their methods."""
    nodes = [tree(path)] if path.parent.name != "lessons" else []  # a lesson opens with its title

    def visit(parent):
        for node in parent.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                nodes.append(node)
                if isinstance(node, ast.ClassDef):
                    visit(node)

    visit(tree(path))
    for node in nodes:
        docstring = ast.get_docstring(node, clean=False)
        if docstring is not None:
            yield node.body[0].lineno, docstring


def first_line_problem(docstring):
    """The rule that the first line of a docstring breaks, or None."""
    line = docstring.split("\n")[0].strip()
    if not re.match(r"[A-Z`]", line):
        return "start with a capital letter or a `name`"
    if line.split()[0].strip(",:") in NO_FIRST_WORD:
        return f"start with a noun phrase or a verb, not with {line.split()[0]}"
    if re.match(r"\S+( \([^()]*\))? =|\S+ ->", line):
        return "put the formula below a first line in words"
    if not line.endswith("."):
        return "end the first line with a period: a summary on one line"


def test_a_public_docstring_opens_with_a_summary_line():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {problem}: {text.splitlines()[0]}"
        for path in PYTHON
        for line, text in public_docstrings(path)
        if (problem := first_line_problem(text))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "docstring, broken",
    [
        ("Return the mean.", None),
        ("`locate` without its download.\n\n    More.", None),
        ("the mean.", "capital"),
        ("What a layer remembers.", "not with What"),
        ("y = x W + b.", "capital"),
        ("W = x.", "formula"),
        ("The mean of\n    two lines.", "period"),
    ],
)
def test_the_rule_for_the_first_line(docstring, broken):
    problem = first_line_problem(docstring)
    assert problem is None if broken is None else broken in problem


def links(path):
    """Files that a page links to."""
    targets = re.findall(r"\]\(([^)#\s]+)\)", path.read_text(encoding="utf-8"))
    return [path.parent / target for target in targets if "://" not in target]


def test_links_between_pages_lead_to_files():
    missing = [
        f"{page.relative_to(ROOT)}: {target.relative_to(page.parent)}"
        for page in [*PAGES, CHANGELOG]
        for target in links(page)
        if not target.exists()
    ]
    assert not missing, missing


def test_the_readme_lists_every_lesson():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lessons = readme.split("\n## Lessons\n")[1].split("\n## ")[0]
    names = sorted(path.name for path in ROOT.glob("lessons/*.py"))
    assert re.findall(r"\]\(lessons/(.*?)\)", lessons) == names
    images = re.findall(r'src="(docs/images/lessons/.*?)"', lessons)
    assert images == [f"docs/images/lessons/{name[:2]}.png" for name in names]
    assert all((ROOT / image).exists() for image in images)


def public_names(module):
    """{name: object} of the functions and classes that a module offers, re-exported ones too."""
    names = getattr(module, "__all__", None)
    if names is None:
        own = vars(module).items()
        names = [n for n, v in own if getattr(v, "__module__", None) == module.__name__]
    found = {name: getattr(module, name) for name in names if not name.startswith("_")}
    return {n: v for n, v in found.items() if inspect.isclass(v) or inspect.isfunction(v)}


def test_every_public_name_has_an_example():
    without = [
        name
        for place in PUBLIC
        for n, thing in public_names(importlib.import_module(f"scratchnet.{place}")).items()
        if (name := f"{place}.{n}") not in WITHOUT_EXAMPLE and ">>>" not in (thing.__doc__ or "")
    ]
    assert not without, f"add an example that pytest --doctest-modules can run: {without}"


def test_no_module_is_called_by_its_old_name():
    dotted = "|".join(re.escape(name) for name in OLD_MODULES)
    slashed = "|".join(re.escape(name.replace(".", "/")) + r"\.py" for name in OLD_MODULES)
    pattern = re.compile(rf"(?<![\w.]){dotted}(?![\w(])|(?<!\w)(?:{slashed})")
    found = hits(pattern, PYTHON + PAGES)
    assert not found, "\n".join(found)


def definitions(path):
    """(line, name) of every function, class, constant and attribute that a file defines."""
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        if isinstance(node, (ast.Module, ast.ClassDef)):
            for line in node.body:
                for target in getattr(line, "targets", [getattr(line, "target", None)]):
                    if isinstance(target, ast.Name):
                        yield line.lineno, target.id


def test_nothing_is_defined_under_its_old_name():
    found = []
    for path in PYTHON:
        file = path.relative_to(ROOT).as_posix()
        old = " ".join(names for place, names in OLD_NAMES.items() if file.startswith(place))
        found += [
            f"{file}:{line}: {name}"
            for line, name in definitions(path)
            if name.lstrip("_") in old.split()
        ]
    assert not found, "\n".join(found)


def test_texts_do_not_mention_an_old_name():
    """As `name` or name(...); a plain English word may be the name of something old."""
    old = {name for line in OLD_NAMES.values() for name in line.split()}
    names = "|".join(old - {"scatter"})  # plots.scatter is a scatter plot
    found = hits(re.compile(rf"`({names})\b(?= *[`(.])|(?<![\w.])({names})\("), PYTHON + PAGES)
    assert not found, "\n".join(found)
