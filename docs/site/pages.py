"""Changes of the pages: docstrings, downloads of a lesson, the current branch in the sidebar."""

import re
from pathlib import Path

from docs.site.api import documented_names
from docs.site.docstrings import Names, to_rst

LESSON = re.compile(r"lessons/((\d\d)_\w+)")
NOTE = re.compile(r"\.\. only:: html\n\n    \.\. note::\n.*?(?=\n\.\. rst-class::)", re.DOTALL)
FOOTER = re.compile(r"\n\.\. _sphx_glr_download_.*", re.DOTALL)
DOWNLOADS = """.. container:: downloads

   :download:`Notebook <{name}.ipynb>` :download:`Script <{name}.py>`
   ``scratchnet run {number}``
"""


def replace_downloads(app, docname, source):
    """Put the downloads of a lesson at its top; the notebook is that of `scratchnet notebook`."""
    if lesson := LESSON.fullmatch(docname):
        links = DOWNLOADS.format(name=lesson[1], number=lesson[2])
        text = FOOTER.sub("\n", NOTE.sub("", source[0], count=1))
        source[0] = re.sub(r"(\n={4,}\n)", lambda line: f"{line[1]}\n{links}\n", text, count=1)


def collapse_sidebar(app, pagename, templatename, context, doctree):
    """Open the current branch alone: with all branches, the sidebar is most of each file."""
    if toctree := context.get("toctree"):
        context["toctree"] = lambda **options: toctree(**options | {"collapse": True})


def setup(app):
    """Register the three changes."""
    names = Names(documented_names(Path(__file__).parents[2]))

    def convert_docstring(app, what, name, obj, options, lines):
        lines[:] = [*to_rst(lines, lambda short: names.resolve(short, name)), ""]

    app.connect("autodoc-process-docstring", convert_docstring)
    app.connect("source-read", replace_downloads)
    app.connect("html-page-context", collapse_sidebar, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
