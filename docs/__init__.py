"""Documentation of scratchnet: Markdown pages, and the site that is made of them.

python -m docs             the whole site, in docs/_build/full/html; runs all lessons
python -m docs --quick     the same pages without running the lessons, in docs/_build/quick/html
"""
