"""Colour images for anomaly detection: normal ones to train and test with, and anomalies."""

import os
from dataclasses import dataclass

import numpy as np

from scratchnet.archives import Archive, ArchiveError
from scratchnet.data.cache import cache_dir, find
from scratchnet.data.idx import DataError
from scratchnet.data.pictures import read_rgb
from scratchnet.paths import expanded
from scratchnet.validation import require

SIDE = 64  # pixels per side
SIZES = (64, 32, 16, 8)
TRAINING_GROUPS = range(20)  # people 0 to 19; people 20 to 27 are for the test
FOLDER = "caltech101-faces"  # in SCRATCHNET_DATA or the cache
SHA256 = {
    "faces_64.npz": "cd5f0c6bf9b2bc59611bb6b5cdff2bad83e1b19d89404d09d28d3c309d5277fb",
    "objects_64.npz": "bdef38d442c67059d42c7343afd5b70e60e2b3526e5ed04e5f254fdf8071fb42",
}
CREDITS = {
    "photos": "flower.jpg (vultilion on flickr) and china.jpg (danielbuechele on flickr), CC BY "
    "2.0; bundled with scikit-learn.",
    "faces": "F.-F. Li, M. Andreeto, M. Ranzato, P. Perona (2022), Caltech 101 (1.0), "
    "doi:10.22002/D1.20086; CC BY 4.0.",
}


@dataclass(frozen=True, eq=False, repr=False)
class Faces:
    """Normal images for training and for the test, and anomalies for the test.

    Attributes
        name                        name of the data set, or the folder
        x_train, x_test, x_anomaly  (N, H, W, 3) float32 in [-1, 1], RGB, channels last
        train_groups, test_groups   (N,) the person, half of a photograph or file that each normal
                                    image comes from; no group is in both parts
        anomaly_names               (N,) name of the object in each anomaly, or of its file

    >>> load_faces("photos", size=8)
    Faces('photos': 391 to train, 108 normal and 228 anomalous to test, each 8x8x3)
    """

    name: str
    x_train: np.ndarray
    x_test: np.ndarray
    x_anomaly: np.ndarray
    train_groups: np.ndarray
    test_groups: np.ndarray
    anomaly_names: np.ndarray

    def __repr__(self):
        n_train, *shape = self.x_train.shape
        return (
            f"Faces({self.name!r}: {n_train} to train, {len(self.x_test)} normal and "
            f"{len(self.x_anomaly)} anomalous to test, each {'x'.join(map(str, shape))})"
        )


def load_faces(name: str | os.PathLike, size: int = SIDE) -> Faces:
    """Load images for anomaly detection, by name or from a folder.

    Parameters
        name  "photos"  patches of two photographs that come with scikit-learn: the left half of a
                        flower to train, its right half to test, a Chinese pagoda as the anomaly
              "faces"   faces of 20 people to train, of 8 others to test; objects as anomalies
              a path    a folder with subfolders normal/ and anomaly/; the last quarter of normal/,
                        in the order of the file names, is for the test
        size  pixels per side: 64, or 32, 16, 8, where each pixel is the mean of a block

    Returns a `Faces`. Raises ValueError for another size, and DataError for files that are missing,
    damaged or not images.

    Nothing is downloaded. Images of one person are near copies of each other, and so are
    overlapping patches: a random split would put copies of training images into the test. Therefore
    the split is between people, or between halves of the photograph. Images from a folder are
    converted to RGB (see `read_rgb`), cropped to their central square and scaled; files with
    neighbouring names are often one series, so the split does not shuffle them.

    >>> load_faces("photos", size=16).x_train.shape
    (391, 16, 16, 3)
    """
    require(
        size in SIZES,
        f"load_faces offers sizes {SIZES}, pixels per side; got size={size!r}: choose one of these",
    )
    loaders = {"photos": _photos, "faces": _caltech}
    parts, *labels = loaders[name]() if name in loaders else _folder(expanded(name))
    return Faces(str(name), *(_scaled(images, size) for images in parts), *labels)


def _scaled(images, size):
    """Convert bytes (N, 64, 64, 3) to float32 (N, size, size, 3) in [-1, 1], by block means."""
    block = SIDE // size
    blocks = images.reshape(len(images), size, block, size, block, 3)
    return (blocks.mean(axis=(2, 4)) / 127.5 - 1).astype(np.float32)


def _photos():
    from sklearn.datasets import load_sample_images  # here, so that importing this file is quick

    pagoda, flower = load_sample_images().images  # (427, 640, 3) bytes each
    half = flower.shape[1] // 2
    train, test = _patches(flower[:, :half], 16), _patches(flower[:, half:], 32)
    anomaly = _patches(pagoda, 32)
    return (
        (train, test, anomaly),
        np.full(len(train), "left half"),
        np.full(len(test), "right half"),
        np.full(len(anomaly), "pagoda"),
    )


def _patches(photo, stride):
    """Squares of 64 x 64 pixels at every `stride`-th row and column: (N, 64, 64, 3)."""
    rows, columns = (range(0, n - SIDE + 1, stride) for n in photo.shape[:2])
    return np.stack([photo[i : i + SIDE, j : j + SIDE] for i in rows for j in columns])


def _caltech():
    faces = _read_npz("faces_64.npz", "group", "kind")
    objects = _read_npz("objects_64.npz", "category")
    group = faces["group"]
    uncovered = faces["kind"] == 0  # a face itself, not an image of one, and not half covered
    train = uncovered & np.isin(group, TRAINING_GROUPS)
    test = uncovered & (group >= TRAINING_GROUPS.stop)
    parts = faces["images"][train], faces["images"][test], objects["images"]
    return parts, group[train], group[test], objects["category"]


def _read_npz(file, *labels):
    """{"images": (N, 64, 64, 3) bytes, label: (N,), ...} of one of the two files, checked."""
    path = find(FOLDER, file, SHA256[file])
    if path is None:
        data = os.environ.get("SCRATCHNET_DATA", "a folder that SCRATCHNET_DATA names")
        raise DataError(
            f"{file} was not found, and it is not downloaded: put it into {FOLDER}/ in {data}, or "
            f"into {cache_dir() / FOLDER}; or use the bundled images, --dataset photos, or your "
            "own, --folder PATH."
        )
    try:
        with Archive(path) as archive:
            arrays = {name: archive.read(name) for name in ("images", *labels)}
    except (OSError, ArchiveError) as error:
        raise DataError(f"{path} cannot be read ({error}); replace this file.") from error
    images = arrays["images"]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (SIDE, SIDE, 3):
        raise DataError(
            f"{path}: expected images (N, {SIDE}, {SIDE}, 3) of uint8, but got {images.shape} of "
            f"{images.dtype}; replace this file."
        )
    for name in labels:
        if arrays[name].shape != (len(images),):
            raise DataError(
                f"{path}: expected one {name} for each of {len(images)} images, but got "
                f"{arrays[name].shape}; replace this file."
            )
    return arrays


def _folder(folder):
    if not folder.is_dir():
        raise DataError(
            f"{str(folder)!r} is neither 'photos' nor 'faces' nor a folder: name one with two "
            "subfolders of images, normal/ and anomaly/."
        )
    normal, names = _read_images(folder / "normal")
    anomaly, anomaly_names = _read_images(folder / "anomaly")
    if len(normal) < 4:
        raise DataError(
            f"{folder / 'normal'} contains {len(normal)} images, but at least 4 are needed: three "
            "quarters to train, one quarter to test."
        )
    cut = len(normal) * 3 // 4
    return (normal[:cut], normal[cut:], anomaly), names[:cut], names[cut:], anomaly_names


def _read_images(folder):
    """Every image of a folder, by name: bytes (N, 64, 64, 3) and the file names (N,)."""
    from PIL import Image, ImageOps

    if not folder.is_dir():
        raise DataError(
            f"{folder} is missing: the folder of images needs two subfolders, normal/ and anomaly/."
        )
    kinds = Image.registered_extensions()
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in kinds)
    if not paths:
        raise DataError(f"{folder} contains no images: put .jpg or .png files into it.")
    images = []
    for path in paths:
        square = ImageOps.fit(read_rgb(path), (SIDE, SIDE), Image.Resampling.LANCZOS)
        images.append(np.asarray(square))
    return np.stack(images), np.array([path.name for path in paths])
