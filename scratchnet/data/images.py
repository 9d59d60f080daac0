"""Image data sets by name: the bundled digits, MNIST, Fashion-MNIST; or from a file."""

import dataclasses
import os
from dataclasses import dataclass

import numpy as np

from scratchnet.data.cache import find, find_user_file, locate
from scratchnet.data.idx import DataError, read_idx
from scratchnet.data.image_files import DIGITS, Images, read_image_archive, read_image_file
from scratchnet.data.tables import named_file
from scratchnet.validation import require, unknown_name

SIZES = {"digits": (8, 28), "mnist": (28,), "fashion": (28,)}  # pixels a side, default first

CREDITS = {
    "digits": "E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI "
    "Machine Learning Repository (its test set); bundled with scikit-learn.",
    "mnist": "Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits; "
    "CC BY-SA 3.0 as commonly stated.",
    "fashion": "H. Xiao, K. Rasul, R. Vollgraf (2017), Fashion-MNIST, arXiv:1708.07747; "
    "MIT licence, copyright 2017 Zalando SE.",
}


# Every set in MNIST's format uses the same four file names: images and labels to train, to test.
FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


@dataclass(frozen=True)
class Source:
    """Download addresses and checksums of a data set in MNIST's format."""

    folder: str  # its folder in the cache and in SCRATCHNET_DATA
    mirrors: tuple  # URLs, each ending in "/", in the order in which they are tried
    sha256: tuple  # one for each of FILES
    first_labels: tuple  # the first ten training labels, which differ between the sets
    class_names: tuple


SOURCES = {
    "mnist": Source(
        folder="mnist",
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        sha256=(
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        first_labels=(5, 0, 4, 1, 9, 2, 1, 3, 1, 4),
        class_names=DIGITS,
    ),
    "fashion": Source(
        folder="fashion-mnist",
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        sha256=(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        first_labels=(9, 0, 0, 3, 0, 2, 7, 2, 5, 5),
        class_names=tuple(
            "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",")
        ),
    ),
}


def load_images(name: str | os.PathLike, size: int | None = None) -> Images:
    """Load a data set of images, by name or from a file.

    Parameters
        name  "digits"   1437 + 360 handwritten digits, bundled with scikit-learn: no network
              "mnist"    60000 + 10000 handwritten digits, 28 x 28
              "fashion"  60000 + 10000 images of clothes, 28 x 28
              a path     a table, see `read_image_table`, or an archive, see `read_image_archive`
        size  pixels per side. The digits are 8 x 8; size=28 enlarges them for models that expect
              MNIST, without adding detail. The other sets have 28 only.

    Returns an `Images`. Raises ValueError for an unknown name or a size that the set does not have,
    and DataError for files that are missing, damaged or belong to different sets (see `locate` and
    `read_idx`).

    The digits are split 80 to 20 within each class, in the same way on every call. MNIST and
    Fashion-MNIST have their authors' split and come from SCRATCHNET_DATA, the cache or a download:
    the four IDX files, packed or not, or Keras' mnist.npz. `CREDITS[name]` names their authors and
    licences.

    >>> images = load_images("digits", size=28)
    >>> images.x_train.shape, images.y_train.shape
    ((1437, 28, 28, 1), (1437,))
    """
    path = None if name in tuple(SIZES) else named_file(name)
    if name not in tuple(SIZES) and path is None:
        raise unknown_name("image data set, and no file", name, SIZES)
    sizes = SIZES.get(str(name), (28,))
    size = sizes[0] if size is None else size
    sides = " or ".join(map(str, sizes))
    message = (
        f"images of {str(name)!r} have {sides} pixels per side; got size={size!r}: use {sides}"
    )
    require(size in sizes, message)
    if path is not None:
        return read_image_file(path)
    return _load_digits(size) if name == "digits" else _load_set(str(name), SOURCES[str(name)])


def _load_digits(size):
    from sklearn.datasets import load_digits  # here, so that `import scratchnet.data` is quick
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8) / 16  # a pixel is the number of black pixels in a 4 x 4 block
    R = interpolation_matrix(8, size)  # (H, 8); the identity for size 8
    images = R @ images @ R.T  # (H, 8) (N, 8, 8) (8, H) -> (N, H, H): rows, then columns
    x = images[..., None].astype(np.float32)  # (N, H, W) -> (N, H, W, 1)
    y = labels.astype(np.int64)
    parts = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
    x_train, x_test, y_train, y_test = parts
    return Images("digits", x_train, y_train, x_test, y_test, DIGITS)


def _load_set(name, source):
    """MNIST or Fashion-MNIST, from the four IDX files or the archive of Keras."""
    files = list(zip(FILES, source.sha256, strict=True))
    paths = [find(source.folder, file, sha256) for file, sha256 in files]
    archive = find_user_file(source.folder, f"{name}.npz")
    if None in paths and archive is not None:
        found = read_image_archive(archive)
        _expect_labels_of(name, found.y_train, archive)
        return dataclasses.replace(found, name=name, class_names=source.class_names)
    paths = [
        path or locate(source.folder, file, sha256, source.mirrors)
        for path, (file, sha256) in zip(paths, files, strict=True)
    ]
    train, test = _read_pair(*paths[:2]), _read_pair(*paths[2:])
    _expect_labels_of(name, train[1], paths[1])
    return Images(name, *train, *test, source.class_names)


def _read_pair(images_path, labels_path):
    """Images (N, 28, 28, 1) float32 and their labels (N,) int64, checked against each other."""
    images, labels = read_idx(images_path), read_idx(labels_path)
    for good, path, expected, got in (
        (images.shape[1:] == (28, 28), images_path, "images (N, 28, 28)", images.shape),
        (len(images) > 0, images_path, "at least one image", images.shape),
        (labels.ndim == 1, labels_path, "labels (N,)", labels.shape),
        (len(images) == len(labels), labels_path, f"{len(images)} labels, as images", len(labels)),
        (labels.max(initial=0) <= 9, labels_path, "labels 0..9", labels.max(initial=0)),
    ):
        if not good:
            raise DataError(f"{path}: expected {expected}, but got {got}; replace this file.")
    return images[..., None] / np.float32(255), labels.astype(np.int64)


def _expect_labels_of(name, labels, path):
    """Raise DataError for the files of another set: the file names are the same in both."""
    for other, source in SOURCES.items():
        if other != name and tuple(labels[:10]) == source.first_labels:
            raise DataError(
                f"{path}: expected the labels of {name!r}, but these are the labels of {other!r}; "
                f"keep the sets apart, in folders {SOURCES[name].folder}/ and {source.folder}/."
            )


def interpolation_matrix(old: int, new: int) -> np.ndarray:
    """Matrix R (new, old) of linear interpolation from `old` pixels in a row to `new` pixels.

    Pixel i covers [i, i+1), and its value belongs to its centre i + 1/2 ("half-pixel centres").
    The centre of the new pixel i therefore has the old position s, between old pixels lo, lo + 1:

        s = (i + 1/2) old / new - 1/2       R[i, lo] = 1 - (s - lo)       R[i, lo + 1] = s - lo

    Positions beyond the first and the last old centre take the edge pixel. Every row sums to 1.

    >>> interpolation_matrix(2, 4)
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]])
    """
    s = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    lo = np.floor(s).astype(int)
    hi = np.minimum(lo + 1, old - 1)
    R = np.zeros((new, old))
    R[np.arange(new), lo] += 1 - (s - lo)
    R[np.arange(new), hi] += s - lo
    return R  # (new, old)
