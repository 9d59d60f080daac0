"""Ratings as triples (user, item, rating): synthetic, MovieLens, or from a CSV file.

MovieLens has its own licence (no commercial use, acknowledgement, redistribution only under the
same terms), so it is not part of this library: download it and set SCRATCHNET_DATA to its folder.
"""

import csv
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scratchnet.data.cache import find_user_file
from scratchnet.data.idx import DataError
from scratchnet.validation import check_float, unknown_name

NAMES = ("synthetic", "movielens")
CREDIT = (
    "F. M. Harper, J. A. Konstan (2015), The MovieLens Datasets: History and Context, ACM TiiS "
    "5(4), 19, doi:10.1145/2827872; MovieLens latest-small under the terms of its README.txt."
)
COLUMNS = {  # accepted names of each column, in lower case
    "user": ("userid", "user_id", "user"),
    "item": ("movieid", "movie_id", "itemid", "item_id", "item", "movie"),
    "rating": ("rating", "stars", "score"),
    "title": ("title", "name"),
}


@dataclass(frozen=True, eq=False, repr=False)
class Ratings:
    """A set of ratings: one row of `triples` for each rating.

    Attributes
        name     name of the data set
        triples  (R, 3) float64: index of the user, index of the item, rating
        users    name of each user, as in the file
        titles   title of each item

    >>> load_ratings("synthetic")
    Ratings('synthetic': 30353 ratings, 1 to 5, by 300 users of 500 items)
    """

    name: str
    triples: np.ndarray
    users: tuple[str, ...]
    titles: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users, number of items."""
        return len(self.users), len(self.titles)

    def split(self, share: float = 0.2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Split the triples into a training and a test part, user by user.

        Of the n ratings of each user, floor(share n), drawn at random, go to the test part: none
        for a user with few ratings. Every user keeps at least one for training.

        Parameters
            share  of each user's ratings for the test, 0 < share < 1
            seed   of the draw; equal seeds give equal splits

        Returns (train, test), triples (R, 3) each.

        >>> train, test = load_ratings("synthetic").split(0.1)
        >>> len(train), len(test)
        (27446, 2907)
        """
        share = check_float("Ratings.split", "share", share, above=0, below=1)
        user = self.triples[:, 0].astype(int)
        drawn = np.random.default_rng(seed).random(len(user))
        order = np.lexsort((drawn, user))  # by user, in random order for each user
        n = np.bincount(user, minlength=len(self.users))
        rank = np.empty(len(user), int)  # 0, 1, ... n - 1 within each user's ratings
        rank[order] = np.arange(len(user)) - np.repeat(n.cumsum() - n, n)
        test = rank < np.floor(share * n)[user]
        return self.triples[~test], self.triples[test]

    def __repr__(self):
        stars = self.triples[:, 2]
        return (
            f"Ratings({self.name!r}: {len(stars)} ratings, {stars.min():g} to {stars.max():g}, by "
            f"{len(self.users)} users of {len(self.titles)} items)"
        )


def load_ratings(name: str | os.PathLike = "synthetic", seed: int = 0) -> Ratings:
    """Load a set of ratings by name or from a CSV file.

    Parameters
        name  "synthetic"  generated ratings, see `synthetic`
              "movielens"  MovieLens latest-small, from SCRATCHNET_DATA: 100,836 ratings
              a path       a CSV file, see `read_ratings`
        seed  of the synthetic ratings

    Returns a `Ratings`. Raises ValueError for an unknown name, and DataError for a file that is
    missing or cannot be parsed.

    >>> load_ratings("synthetic").triples[0]  # user, item, rating
    array([0., 1., 4.])
    """
    if str(name).endswith(".csv"):
        return read_ratings(name)
    if name not in NAMES:
        raise unknown_name("set of ratings (a file's name ends in .csv)", name, NAMES)
    if name == "synthetic":
        return synthetic(seed=seed)
    ratings = find_user_file("ml-latest-small", "ratings.csv")
    movies = find_user_file("ml-latest-small", "movies.csv")
    if ratings is None or movies is None:
        raise DataError(
            "MovieLens latest-small was not found: get ml-latest-small.zip from "
            "grouplens.org/datasets/movielens, unpack it, and set SCRATCHNET_DATA to the folder "
            "that contains ml-latest-small/; or use generated ratings: --dataset synthetic"
        )
    return read_ratings(ratings, movies, name="movielens")


# ------------------------------------------------------------------------------ synthetic ratings


def synthetic(
    users: int = 300, items: int = 500, factors: int = 3, share: float = 0.2, seed: int = 0
) -> Ratings:
    """Generate ratings with a known low-rank structure ("planted factors").

    User u and item i are points p_u and q_i in a space of a few factors, each with an offset, and

        rating = 3.5 + offset of u + offset of i + p_u . q_i + noise,   rounded to 1 ... 5

    The number of ratings differs from item to item, as in real data.

    Parameters
        users, items  how many of each
        factors       dimension of the space
        share         of the items that a user rates on average
        seed          equal seeds give equal ratings

    >>> synthetic(users=4, items=6, share=0.5).shape
    (4, 6)
    """
    rng = np.random.default_rng(seed)
    mild, quality = 0.35 * rng.standard_normal((users, 1)), 0.45 * rng.standard_normal(items)
    p = rng.standard_normal((users, factors))
    q = rng.standard_normal((items, factors))
    noise = 0.5 * rng.standard_normal((users, items))
    taste = 0.8 / math.sqrt(factors) * p @ q.T  # (users, items), of standard deviation 0.8
    stars = np.clip(np.rint(3.5 + mild + quality + taste + noise), 1, 5)
    popularity = rng.permutation(np.linspace(0, 2 * share, items))  # chance of being rated
    rated = rng.random((users, items)) < popularity
    rated[np.arange(users), rng.integers(items, size=users)] = True  # at least one per user
    user, item = np.nonzero(rated)
    titles = tuple(f"Film {i + 1}" for i in range(items))
    triples = np.stack([user, item, stars[user, item]], axis=1)
    return Ratings("synthetic", triples, tuple(map(str, range(1, users + 1))), titles)


# ------------------------------------------------------------------------------------ CSV files


def read_ratings(
    path: str | os.PathLike, titles: str | os.PathLike | None = None, name: str | None = None
) -> Ratings:
    """Read ratings from a CSV file with a header.

    Parameters
        path    a file with columns userId, movieId (or user, item) and rating, in any order; other
                columns are ignored. Users and items may be numbers or words.
        titles  a CSV file with columns movieId and title; by default, the title is the id
        name    of the data set, by default that of the file

    Returns a `Ratings` with users and items in the order of the file. Raises DataError, which names
    the line, if the file cannot be parsed.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "films.csv")
    ...     _ = path.write_text("user,item,rating\\nann,Alien,5\\nbob,Alien,3\\n")
    ...     read_ratings(path)
    Ratings('films': 2 ratings, 3 to 5, by 2 users of 1 items)
    """
    rows, seen = _table(path, ("user", "item", "rating")), {}
    users, items = {}, {}
    triples = np.empty((len(rows), 3))
    for r, (line, user, item, stars) in enumerate(rows):
        earlier = seen.setdefault((user, item), line)
        if earlier != line:
            raise DataError(
                f"{path}, line {line}: user {user!r} has rated item {item!r} already, in line "
                f"{earlier}; keep one of the two."
            )
        number = _number(path, line, stars)
        triples[r] = users.setdefault(user, len(users)), items.setdefault(item, len(items)), number
    if not rows:
        raise DataError(f"{path}: expected ratings below the header, but there are none.")
    named = {item: title for _, item, title in _table(titles, ("item", "title"))} if titles else {}
    return Ratings(
        Path(path).stem if name is None else name,
        triples,
        tuple(users),
        tuple(named.get(item, item) for item in items),
    )


def _table(path, wanted):
    """[(line number, value, ...)] of the wanted columns."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = [cell.strip().lower() for cell in next(reader, [])]
            at = [_column(path, header, what) for what in wanted]
            rows = []
            for cells in reader:
                if not cells:
                    continue  # an empty line
                if len(cells) != len(header):
                    raise DataError(
                        f"{path}, line {reader.line_num}: expected {len(header)} values as in the "
                        f"header, but got {len(cells)}; a title with a comma belongs in quotes."
                    )
                rows.append((reader.line_num, *(cells[i].strip() for i in at)))
            return rows
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; check its name.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}; export it anew.") from error


def _column(path, header, what):
    found = [i for i, name in enumerate(header) if name in COLUMNS[what]]
    if len(found) != 1:
        got = ", ".join(header) or "nothing"
        raise DataError(
            f"{path}: expected a header with one column named {' or '.join(COLUMNS[what])}, "
            f"but got {got}; put the names of the columns into the first line."
        )
    return found[0]


def _number(path, line, text):
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{path}, line {line}: expected a number as rating, but got {text!r}.")
    return number
