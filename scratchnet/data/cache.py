"""Where a data file comes from: the reader's own folder, else the cache, else a mirror.

    1. $SCRATCHNET_DATA     files the reader has already, used as they are
    2. cache_dir()          files downloaded before, checked by their SHA-256
    3. the mirrors          in their order, until one sends the right bytes

Nothing is downloaded before somebody asks for the file, and nothing wrong is ever kept.
"""

import os
import tempfile
from pathlib import Path

from scratchnet.data.idx import DataError

TIMEOUT = 30.0  # seconds a mirror may stay silent before the next one is asked


def cache_dir():
    """The folder of downloaded files: $SCRATCHNET_CACHE, else the system's cache for scratchnet."""
    chosen = os.environ.get("SCRATCHNET_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import pooch  # here, so that `import scratchnet.data` stays quick

    return Path(pooch.os_cache("scratchnet"))


def locate(dataset, filename, sha256, mirrors):
    """Find one data file; download it where the reader neither brought it nor has it cached.

    dataset   the data set's subfolder, such as "fashion-mnist"
    filename  the file's name, the same on every mirror
    sha256    64 hexadecimal digits; cached and downloaded files must match it, while files in
              SCRATCHNET_DATA need not (they may have been compressed anew; the parser checks them)
    mirrors   URLs of folders, each ending in "/", the one to try first in front
    returns   pathlib.Path of an existing file
    raises    DataError where SCRATCHNET_DATA names no folder, a cached file does not match, the
              cache cannot be written, or every mirror fails
    """
    return find(dataset, filename, sha256) or _downloaded(dataset, filename, sha256, mirrors)


def find(dataset, filename, sha256):
    """`locate` without its download: the Path of a file that is here already, else None."""
    return find_user_file(dataset, filename) or _cached(dataset, filename, sha256)


def find_user_file(dataset, filename):
    """The file in SCRATCHNET_DATA, in a folder of its data set or directly; None without one."""
    chosen = os.environ.get("SCRATCHNET_DATA")
    if not chosen:
        return None
    folder = Path(chosen).expanduser()
    if not folder.is_dir():
        raise DataError(
            f"SCRATCHNET_DATA should name a folder with data files, but {folder} is "
            f"not a folder; correct the variable or unset it."
        )
    candidates = (folder / dataset / filename, folder / filename)
    return next((path for path in candidates if path.is_file()), None)


def _cached(dataset, filename, sha256):
    """The file downloaded before, if it is still what it was; None without one."""
    path = cache_dir() / dataset / filename
    if not path.is_file():
        return None
    found = _sha256(path)
    if found != sha256:
        raise DataError(
            f"The cached file {path} has changed: expected SHA-256 {sha256}, found "
            f"{found}; delete it, and the next call downloads it again."
        )
    return path


def _downloaded(dataset, filename, sha256, mirrors):
    """Fetch the file from the first mirror that has it, and put it into the cache."""
    folder = cache_dir() / dataset
    try:
        folder.mkdir(parents=True, exist_ok=True)
        workplace = tempfile.TemporaryDirectory(dir=folder)  # same disk: the last move is atomic
    except OSError as error:
        raise DataError(
            f"The cache folder {folder} cannot be written ({error}); set "
            f"SCRATCHNET_CACHE to a folder that can."
        ) from error
    failures = []
    with workplace as room:  # gone at the end, whatever happens
        for url in (mirror + filename for mirror in mirrors):
            part = Path(room, filename)
            try:
                _fetch(url, part, sha256)
                return part.replace(folder / filename)
            except (OSError, ValueError) as error:  # requests' errors are OSErrors
                failures.append(f"  {url}: {error}")
    report = [
        f"No mirror could deliver {dataset}/{filename}:",
        *failures,
        f"The cache folder, where the file belongs, is {folder}",
        "If you have the file, set SCRATCHNET_DATA to the folder that holds it.",
        "If you are offline, go on with the digits, which are bundled: --dataset digits",
    ]
    raise DataError("\n".join(report))


def _fetch(url, path, sha256):
    """Download one URL to `path` and check it; a progress bar on a terminal, else silence."""
    import pooch
    from tqdm import tqdm

    # disable=None: no bar where stderr is redirected. pooch asks bool(bar), so total must be set.
    with tqdm(desc=path.name, total=1, unit="B", unit_scale=True, leave=False, disable=None) as bar:
        fetch = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, timeout=TIMEOUT)
        fetch(url, str(path), None)
    found = _sha256(path)
    if found != sha256:
        raise DataError(f"sent a wrong file: expected SHA-256 {sha256}, got {found}")


def _sha256(path):
    import pooch

    return pooch.file_hash(str(path))
