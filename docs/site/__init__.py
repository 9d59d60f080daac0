"""Parts of the site: its source files, API pages, docstrings, formulas, figures and link check."""
