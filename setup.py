"""Description and links of the package for PyPI; everything else is in setup.cfg."""

import os
import re
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).resolve().parent
IMAGES = (".png", ".svg", ".gif", ".jpg", ".webp")


def absolute_links(text, url, tag):
    """README in which links and images inside the repository have the address of a release.

    PyPI shows the README outside of the repository, where relative links lead nowhere.

    Parameters
        text  the README
        url   address of the repository, "https://host/owner/name"
        tag   tag of the release, "v0.2.0"
    """

    def absolute(match):
        before, path = match.groups()
        if not (HERE / path.partition("#")[0]).exists():
            return match[0]  # an address, or no link
        return f"{before}{url}/{'raw' if path.endswith(IMAGES) else 'blob'}/{tag}/{path}"

    return re.sub(r"""(\]\(|(?:src|srcset|href)=["'])([\w./#-]+)(?=[)"'])""", absolute, text)


def description():
    """Options of `setup`; PROJECT_URL is the address of the repository, set for a release."""
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    url = os.environ.get("PROJECT_URL", "").rstrip("/")
    if not url:
        return {"long_description": readme}
    package = (HERE / "scratchnet" / "__init__.py").read_text(encoding="utf-8")
    tag = "v" + re.search(r'__version__ = "(.+)"', package)[1]
    return {
        "long_description": absolute_links(readme, url, tag),
        "url": url,
        "project_urls": {"Changelog": f"{url}/blob/{tag}/CHANGELOG.md", "Issues": f"{url}/issues"},
    }


if __name__ == "__main__":
    setup(**description())
