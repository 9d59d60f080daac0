"""Shorter HTML without marks that have no colour, and what screen readers need to know."""

import re

PRE = re.compile(r"(<pre\b.*?</pre>)", re.DOTALL)
UNCOLOURED = re.compile(r'<span class="(?:n|p|o|w|nn|bp|fm|pre)">([^<]*)</span>')
TWO_EQUAL = re.compile(r'(<span class="(\w+)">[^<]*)</span><span class="\2">')
BACKREF = re.compile(r"sphx-glr-backref-(?:module|type)-\S+ ")
TITLES = re.compile(r' title="(?:scratchnet\.[^"]*|Link to this \w+)"')  # repeat the address
REPAIRS = {  # in the markup of the theme: the attributes that are missing
    'role="heading">': 'role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Site">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="Page">',
}


def shrink(page):
    """HTML of equal appearance, about two thirds as long; a second call changes nothing.

    >>> shrink('<div>\\n    <pre><span class="n">a</span>\\n  <span class="mi">1</span></pre>')
    '<div>\\n<pre>a\\n  <span class="mi">1</span></pre>'
    """
    parts = PRE.split(page)
    for i, part in enumerate(parts):
        if i % 2 == 0:
            parts[i] = UNCOLOURED.sub(r"\1", re.sub(r"\n\s+", "\n", part))
            continue
        part = BACKREF.sub("", UNCOLOURED.sub(r"\1", part))
        while (joined := TWO_EQUAL.sub(r"\1", part)) != part:
            part = joined
        parts[i] = part
    page = TITLES.sub("", "".join(parts))
    for theirs, ours in REPAIRS.items():
        page = page.replace(theirs, ours)
    return page


def shrink_site(site):
    """Replace each page of a site by its shorter form, and remove the theme's source maps."""
    for path in site.rglob("*.map"):
        path.unlink()
    for path in site.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        if (shorter := shrink(page)) != page:
            path.write_text(shorter, encoding="utf-8")
