"""Command `python -m docs`: build the site, check its links, report pages, size and time."""

import argparse
import shutil
import sys
import time
from pathlib import Path

from docs.site.links import broken_links
from docs.site.shrink import shrink_site
from docs.site.source import write_source

HERE = Path(__file__).parent
ENDINGS = ("html", "png", "css", "js", "ipynb", "py", "svg")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m docs", description="Build the site.")
    parser.add_argument("--quick", action="store_true", help="do not run the lessons")
    parser.add_argument(
        "--clean", action="store_true", help="run the lessons again that have not changed"
    )
    parser.add_argument("--out", type=Path, help="folder; by default docs/_build/full or quick")
    given = parser.parse_args(arguments)
    try:
        from sphinx.cmd.build import build_main
    except ImportError:
        parser.error('the site needs Sphinx: pip install -e ".[docs]"')
    out = given.out or HERE / "_build" / ("quick" if given.quick else "full")
    if given.clean and out.exists():
        shutil.rmtree(out)
    began = time.perf_counter()
    write_source(HERE.parent, out)
    shutil.rmtree(out / "html", ignore_errors=True)
    options = ["-b", "html", "-W", "--keep-going", "-q", "-E", "-j", "2", "-c", str(HERE)]
    options += ["-D", f"plot_gallery={0 if given.quick else 1}", "-d", str(out / "doctrees")]
    status = build_main([*options, str(out / "source"), str(out / "html")])
    shrink_site(out / "html")
    broken = broken_links(out / "html")
    print(*broken, sep="\n", end="\n" if broken else "")
    print(
        f"{summary(out / 'html')}; {time.perf_counter() - began:.0f} s; {len(broken)} broken links"
    )
    print(out / "html" / "index.html")
    return status or bool(broken)


def summary(site):
    """Number of pages and size of the site, in all and by kind of file."""
    sizes = dict.fromkeys((*ENDINGS, "others"), 0)
    files = [path for path in site.rglob("*") if path.is_file()]
    for path in files:
        ending = path.suffix[1:]
        sizes[ending if ending in ENDINGS else "others"] += path.stat().st_size / 1e6
    pages = sum(path.suffix == ".html" for path in files)
    kinds = ", ".join(f"{kind} {size:.1f}" for kind, size in sizes.items() if size >= 0.05)
    return f"{pages} pages, {sum(sizes.values()):.1f} MB ({kinds})"


if __name__ == "__main__":
    sys.exit(main())
