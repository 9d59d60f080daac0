"""Data sets for the lessons. Importing them is quick and never downloads anything."""

from scratchnet.data.cache import cache_dir
from scratchnet.data.faces import Faces, load_faces
from scratchnet.data.idx import DataError, read_idx
from scratchnet.data.image_files import Images
from scratchnet.data.images import load_images
from scratchnet.data.patterns import bars_and_stripes
from scratchnet.data.ratings import Ratings, load_ratings
from scratchnet.data.series import Days, load_days

__all__ = [
    "DataError",
    "Days",
    "Faces",
    "Images",
    "Ratings",
    "bars_and_stripes",
    "cache_dir",
    "load_days",
    "load_faces",
    "load_images",
    "load_ratings",
    "read_idx",
]
