"""Search for a data file: in the user's own folder, in the cache, on the mirrors.

    1. $SCRATCHNET_DATA     files that the user already has, used as they are
    2. cache_dir()          files downloaded before, checked by their SHA-256
    3. the mirrors          in their order, until one sends a file with the right SHA-256

A file is downloaded only when a program loads it. A file with a wrong SHA-256 is deleted.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scratchnet.data.idx import DataError
from scratchnet.paths import expanded

TORCHVISION = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}  # its folders
TIMEOUT = 30.0  # seconds without an answer, after which the next mirror is tried


def cache_dir() -> Path:
    """Return the folder of downloaded files, which need not exist yet.

    It is $SCRATCHNET_CACHE if that is set, or else the user's cache folder for scratchnet.

    >>> isinstance(cache_dir(), Path)
    True
    """
    chosen = os.environ.get("SCRATCHNET_CACHE")
    if chosen:
        return expanded(chosen)
    import pooch  # here, so that `import scratchnet.data` stays quick

    return Path(pooch.os_cache("scratchnet"))


def locate(dataset: str, filename: str, sha256: str, mirrors: Sequence[str]) -> Path:
    """Find one data file, or download it into the cache.

    Parameters
        dataset   subfolder of the data set, such as "fashion-mnist"
        filename  name of the file, the same on every mirror
        sha256    64 hexadecimal digits; cached and downloaded files must match it, files in
                  SCRATCHNET_DATA need not (they may have been compressed again; the parser checks
                  their content)
        mirrors   URLs of folders, each ending in "/", in the order in which they are tried

    Returns the path of an existing file. Raises DataError if SCRATCHNET_DATA names no folder, a
    cached file does not match, the cache cannot be written, or every mirror fails.
    """
    return find(dataset, filename, sha256) or _downloaded(dataset, filename, sha256, mirrors)


def find(dataset: str, filename: str, sha256: str) -> Path | None:
    """Find one data file like `locate`, without downloading it: its path, or None.

    >>> find("mnist", "no-such-file.gz", sha256="0" * 64) is None
    True
    """
    return find_user_file(dataset, filename) or _cached(dataset, filename, sha256)


def find_user_file(dataset: str, filename: str) -> Path | None:
    """Find a file in SCRATCHNET_DATA: its path, or None.

    The folders $SCRATCHNET_DATA/dataset and $SCRATCHNET_DATA are searched, and that of torchvision,
    such as $SCRATCHNET_DATA/MNIST/raw. A file whose name ends in .gz may also be there unpacked,
    without .gz, and train-images-idx3-ubyte also as train-images.idx3-ubyte. Raises DataError if
    SCRATCHNET_DATA is set but is not a folder.
    """
    chosen = os.environ.get("SCRATCHNET_DATA")
    if not chosen:
        return None
    folder = expanded(chosen)
    if not folder.is_dir():
        raise DataError(
            f"SCRATCHNET_DATA should name a folder with data files, but {folder} is "
            f"not a folder; correct the variable or unset it."
        )
    places = (folder / dataset, folder, folder / TORCHVISION.get(dataset, dataset))
    names = dict.fromkeys((filename, filename.removesuffix(".gz")))
    names |= dict.fromkeys(name.replace("-idx", ".idx") for name in list(names))
    candidates = (place / name for name in names for place in places)
    return next((path for path in candidates if path.is_file()), None)


def _cached(dataset, filename, sha256):
    """The path of a file downloaded before, or None; DataError if its content has changed."""
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
        temporary = tempfile.TemporaryDirectory(dir=folder)  # same disk: the move is atomic
    except OSError as error:
        raise DataError(
            f"The cache folder {folder} cannot be written ({error}); set "
            f"SCRATCHNET_CACHE to a folder with write permission."
        ) from error
    failures = []
    with temporary as download_folder:  # deleted at the end, also after an error
        for url in (mirror + filename for mirror in mirrors):
            part = Path(download_folder, filename)
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
        "If you are offline, use the digits, which are bundled: --dataset digits",
    ]
    raise DataError("\n".join(report))


def _fetch(url, path, sha256):
    """Download one URL to `path` and check it; the progress bar is shown on a terminal only."""
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
