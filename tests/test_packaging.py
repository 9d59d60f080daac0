"""The package: the files of an installation and of the sdist, version, links on PyPI, workflow."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from scratchnet import __version__

ROOT = Path(__file__).parents[1]
LEFTOVERS = shutil.ignore_patterns("__pycache__", ".*_cache", "_build", "*.pyc", "*.egg-info")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what a distribution is made of."""
    copy = tmp_path_factory.mktemp("source")
    for name in (".ci", ".github", "benchmarks", "docs", "lessons", "scratchnet", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=LEFTOVERS)
    for path in ROOT.iterdir():
        if path.is_file() and path.name != "PKG-INFO":
            shutil.copy(path, copy)
    return copy


def setup_command(source, *words):
    command = [sys.executable, "-W", "ignore", "setup.py", "-q", *words]
    subprocess.run(command, cwd=source, check=True, capture_output=True)


def files_in(folder):
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def installed(source, tmp_path_factory):
    """The packages as `pip install` copies them."""
    folder = tmp_path_factory.mktemp("installed")
    setup_command(source, "build", "--build-lib", str(folder))
    shutil.rmtree(source / "build", ignore_errors=True)
    return folder


def test_an_installation_has_every_file_of_the_package_and_the_lessons(source, installed):
    lessons = {Path("scratchnet", path) for path in files_in(source) if path.parts[0] == "lessons"}
    here = {path for path in files_in(source) if path.parts[0] == "scratchnet"} | lessons
    assert files_in(installed) == {path for path in here if path.name != "ruff.toml"}


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["lessons"], "Dense autoencoder"),
        (["run", "1", "--help"], "--quick"),
        (["notebook", "01"], "01_dense_autoencoder.ipynb"),
        (["exercise", "Dense"], "scratchnet grade"),
        (["answer", "01"], "dW"),
        (["doctor"], __version__),
    ],
)
def test_an_installation_works_without_the_repository(installed, tmp_path, arguments, words):
    command = [sys.executable, "-m", "scratchnet", *arguments]
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout


def test_the_sdist_has_every_file_of_the_repository(source, tmp_path):
    before = {path for path in files_in(source) if path.parts[0] != "scratchnet.egg-info"}
    setup_command(source, "sdist", "--formats", "gztar", "--dist-dir", str(tmp_path))
    (archive,) = tmp_path.iterdir()
    assert archive.name == f"scratchnet-{__version__}.tar.gz"
    with tarfile.open(archive) as tar:
        inside = {Path(*Path(member.name).parts[1:]) for member in tar if member.isfile()}
    missing = before - inside
    assert not missing, f"name them in MANIFEST.in: {sorted(map(str, missing))}"
    made = {path for path in inside - before if path.suffix != ".txt"}
    assert made == {Path("PKG-INFO"), Path("scratchnet.egg-info/PKG-INFO")}


def test_the_files_of_the_release_have_one_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", __version__)
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in citation
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    (date,) = re.findall(rf"^## {re.escape(__version__)} - (.+)$", changelog, re.MULTILINE)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)
    assert headings[0] in ("Unreleased", f"{__version__} - {date}")
    assert f"\ndate-released: {date}\n" in citation


def package_setup():
    spec = importlib.util.spec_from_file_location("package_setup", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_of_the_readme_are_absolute_on_pypi(monkeypatch):
    setup = package_setup()
    monkeypatch.delenv("PROJECT_URL", raising=False)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert setup.description() == {"long_description": readme}
    monkeypatch.setenv("PROJECT_URL", "https://example.org/owner/name/")
    text = setup.description()["long_description"]
    base = "https://example.org/owner/name"
    assert f"]({base}/blob/v{__version__}/lessons/01_dense_autoencoder.py)" in text
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    relative = [link for link in links if not link.startswith(("https://", "#"))]
    assert not relative, f"these links of README.md lead to no file: {relative}"
    for link in links:
        if link.startswith(f"{base}/"):
            kind, tag, path = link.removeprefix(f"{base}/").split("/", 2)
            assert (ROOT / path.partition("#")[0]).exists() and tag == f"v{__version__}"
            assert kind == ("raw" if path.endswith(setup.IMAGES) else "blob")


def test_links_in_html_and_other_brackets():
    links = package_setup().absolute_links
    text = 'a[0](x) <img src="docs/images/benchmarks.png"> [c](CHANGELOG.md#new) [w](https://a.b/c)'
    assert links(text, "U", "v1") == (
        'a[0](x) <img src="U/raw/v1/docs/images/benchmarks.png"> [c](U/blob/v1/CHANGELOG.md#new) '
        "[w](https://a.b/c)"
    )
