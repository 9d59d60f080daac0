"""Settings of Sphinx for the site, which `python -m docs` builds."""

from scratchnet import __version__

project, author, release = "scratchnet", "The scratchnet authors", __version__
project_copyright = "The scratchnet authors, MIT licence"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "myst_parser",
    "docs.site.mathml",
    "docs.site.figures",
    "docs.site.pages",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["lessons/*.py", "lessons/*.ipynb", "api/backreferences"]
smartquotes = False

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"
maximum_signature_line_length = 88
python_use_unqualified_type_names = True
toc_object_entries = False
viewcode_line_numbers = False
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

html_theme = "furo"
html_title = f"scratchnet {release}"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False

sphinx_gallery_conf = {
    "examples_dirs": "../lessons",
    "gallery_dirs": "lessons",
    "filename_pattern": r"/\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("scratchnet",),
    "backreferences_dir": "api/backreferences",
    "reference_url": {"scratchnet": None},
    "image_scrapers": ("docs.site.figures.scrape",),
    "capture_repr": (),
    "inspect_global_variables": False,
    "notebook_extensions": set(),
    "download_all_examples": False,
    "write_computation_times": False,
    "show_signature": False,
    "abort_on_example_error": True,
}
