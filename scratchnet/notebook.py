"""Jupyter notebooks made from the lessons.

A lesson is a script in which each block begins with a line `# %%`: comment lines in
reStructuredText, then code. Each block becomes a Markdown cell and a code cell.
"""

import ast
import json
import re
import textwrap
from pathlib import Path

HEADINGS = {"=": "#", "-": "##"}  # underline in reStructuredText: heading in Markdown
FLAGS = '    flags="",  # flags of the command line: flags="--quick"\n'
ABOUT_FLAGS = """
In this notebook, flags such as ``--quick``, ``--break`` and those of the knobs are written into
``flags``, as in ``flags="--quick"``. Then run all cells again.
"""


def write_notebook(lesson: Path, folder: Path, force: bool = False) -> Path:
    """Write the notebook of a lesson, such as 01_dense_autoencoder.ipynb, and return its path.

    Parameters
        lesson   script of the lesson
        folder   existing folder for the notebook
        force    write over an existing file

    Raises FileExistsError if the file exists and force is False, ValueError for a script that is
    not in the form of the lessons.
    """
    path = folder / f"{lesson.stem}.ipynb"
    if path.exists() and not force:
        raise FileExistsError(f"{path} exists; add --force to write over it")
    content = notebook(lesson.stem, lesson.read_text(encoding="ascii"))
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="ascii")
    return path


def notebook(name: str, source: str) -> dict:
    """Content of the notebook of a lesson, in the format nbformat 4.5.

    Parameters
        name     name of the lesson, which its call of `knobs` repeats
        source   text of the script

    Source: "The notebook format", nbformat.readthedocs.io.

    >>> made = notebook("00_trial", 'cfg = knobs(\\n    "00_trial",\\n    epochs=3,\\n)\\n')
    >>> print("".join(made["cells"][0]["source"]))
    cfg = knobs(
        "00_trial",
        flags="",  # flags of the command line: flags="--quick"
        epochs=3,
    )
    """
    call = f'knobs(\n    "{name}",\n'
    if source.count(call) != 1:
        raise ValueError(
            f"the notebook of {name} needs one call of knobs with {name!r} on its second line, "
            f"and the script has {source.count(call)}: write the call as the other lessons do"
        )
    parts = []
    for kind, text in blocks(source):
        if kind == "code":
            text = _without_output(text.replace(call, call + FLAGS))
        else:
            text = markdown(text + ABOUT_FLAGS if text.startswith("Knobs\n") else text)
        parts.append((kind, text))
    cells = [_cell(f"{name[:2]}-{i:02d}", *part) for i, part in enumerate(parts, 1)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(key, kind, text):
    """One cell; key is its id, kind "markdown" or "code"."""
    cell = {"cell_type": kind, "id": key, "metadata": {}, "source": text.splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _without_output(code):
    """Code with a semicolon behind a last call, whose return value Jupyter would print."""
    last = (ast.parse(code).body or [None])[-1]
    if not isinstance(last, ast.Expr) or not isinstance(last.value, ast.Call):
        return code
    if ast.unparse(last.value.func) in ("print", "show"):  # they return None
        return code
    lines = code.splitlines()
    line, end = lines[last.end_lineno - 1], last.end_col_offset
    lines[last.end_lineno - 1] = f"{line[:end]};{line[end:]}"
    return "\n".join(lines)


def blocks(source: str) -> list[tuple[str, str]]:
    """Texts and codes of a lesson in their order: [("markdown", text), ("code", code), ...].

    A text is in reStructuredText. The first is the docstring of the script.

    >>> blocks("# %%\\n# Idea\\n# ----\\n\\nx = 1\\n\\n# %%\\ny = 2\\n")
    [('markdown', 'Idea\\n----'), ('code', 'x = 1'), ('code', 'y = 2')]
    """
    docstring = ast.get_docstring(ast.parse(source))
    found = []
    if docstring is not None:
        found.append(("markdown", docstring))
        end = ast.parse(source).body[0].end_lineno
        source = "".join(source.splitlines(keepends=True)[end:])
    source = re.sub(r"^# sphinx_gallery_\w+ = .*\n?", "", source, flags=re.MULTILINE)
    for block in re.split(r"^# %%.*\n", source, flags=re.MULTILINE):
        lines = block.splitlines()
        comment = _take(lines, "#")
        text = "\n".join(re.sub("^# ?", "", line) for line in comment).strip()
        code = "\n".join(lines).strip()
        found += [("markdown", text)] if text else []
        found += [("code", code)] if code else []
    return found


def markdown(text: str) -> str:
    r"""Markdown of a text in reStructuredText, as far as the lessons use it.

    Translates headings, formulas, blocks of code, literals, bold text and lists with hyphens. The
    lines of a paragraph are joined. Raises ValueError for another directive.

    >>> print(markdown("Idea\n----\nThe array ``x`` is\nM*N wide.\n\n.. math:: y = x W"))
    ## Idea
    <BLANKLINE>
    The array `x` is M\*N wide.
    <BLANKLINE>
    $$
    y = x W
    $$
    """
    parts, lines = [], text.splitlines()
    while lines:
        line = lines.pop(0)
        if directive := re.fullmatch(r"\.\. ([\w-]+):: *(.*)", line):
            parts.append(_directive(directive[1], directive[2], _take(lines, r" |$")))
        elif lines and re.fullmatch(r"(=|-)\1+", lines[0]):
            parts.append(f"{HEADINGS[lines.pop(0)[0]]} {_inline(line)}")
        elif line:
            paragraph = "\n".join([line, *_take(lines, r"(?!\.\. )\S| +\S")])
            parts.append(_inline(re.sub(r"\n(?!- ) *", " ", paragraph)))
    return "\n\n".join(parts)


def _take(lines, pattern):
    """Remove the first lines that begin with the pattern, and return them."""
    taken = []
    while lines and re.match(pattern, lines[0]):
        taken.append(lines.pop(0))
    return taken


def _directive(name, argument, body):
    """Markdown of a directive, `.. name:: argument` with the indented lines below it."""
    content = textwrap.dedent("\n".join(body)).strip("\n")
    if name == "math":
        return "$$\n" + f"{argument}\n{content}".strip() + "\n$$"
    if name == "code-block":
        return f"```{argument}\n{content}\n```"
    raise ValueError(
        f"a notebook shows the directives math and code-block, and a text of the lesson has "
        f"{name!r}: write it as a paragraph"
    )


def _inline(text):
    """Markdown of a paragraph: literals with single backticks; other * and < get a backslash."""
    parts = re.split(r"(``.+?``|`.+?`|\*\*.+?\*\*)", text)
    parts[::2] = [re.sub(r"[*<\\]", r"\\\g<0>", part) for part in parts[::2]]
    parts[1::2] = [part.replace("``", "`") for part in parts[1::2]]
    return "".join(parts)
