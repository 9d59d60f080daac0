"""Links of the built site: each leads to an existing file and an existing anchor."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag


class Page(HTMLParser):
    """Anchors, links and loaded files of one page.

    Attributes
        anchors   values of the attributes id and name
        links     targets of <a href>
        loaded    addresses that the browser fetches: scripts, images, style sheets
    """

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and values.get("href"):
            self.links.add(values["href"])
        if tag == "link" and values.get("rel") not in ("index", "search", "next", "prev"):
            self.loaded.add(values.get("href", ""))
        if values.get("src"):
            self.loaded.add(values["src"])


def broken_links(site):
    """List of sentences about links without a target and files loaded from another site.

    Links of <a href> to other sites are allowed and not checked, as this needs a network.
    """
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in Path(site).rglob("*.html")}
    broken = []
    for path, page in pages.items():
        name = path.relative_to(Path(site).resolve())
        for address in sorted(page.links | page.loaded):
            if address.startswith(("http:", "https:", "//")):
                if address in page.loaded:
                    broken.append(f"{name} loads {address} from another site")
                continue
            if address.startswith(("data:", "mailto:")):
                continue
            file, anchor = urldefrag(address)
            target = (path.parent / unquote(file.split("?")[0])).resolve() if file else path
            if not target.is_file():
                broken.append(f"{name} links to {address}, which does not exist")
            elif anchor and target in pages and unquote(anchor) not in pages[target].anchors:
                broken.append(f"{name} links to {address}, and the page has no such anchor")
    return broken
