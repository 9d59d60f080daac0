"""Ratings as triples (user, item, rating): synthetic, MovieLens, or from a file.

MovieLens has its own licence (no commercial use, acknowledgement, redistribution only under the
same terms), so it is not part of this library: download it and set SCRATCHNET_DATA to its folder.
"""

import array
import itertools
import math
import os
import re
from dataclasses import dataclass

import numpy as np

from scratchnet.data.cache import find_user_file
from scratchnet.data.idx import DataError
from scratchnet.data.tables import columns, named_file, number, read_table, separator_of
from scratchnet.paths import expanded
from scratchnet.validation import check_float, unknown_name

NAMES = ("synthetic", "movielens")
CREDIT = (
    "F. M. Harper, J. A. Konstan (2015), The MovieLens Datasets: History and Context, ACM TiiS "
    "5(4), 19, doi:10.1145/2827872; MovieLens latest-small under the terms of its README.txt."
)
COLUMNS = {  # accepted names of each column, in lower case and without "_" and "-"
    "user": ("userid", "user"),
    "item": ("movieid", "itemid", "productid", "bookid", "isbn", "item", "movie"),
    "rating": ("rating", "bookrating", "stars", "score"),
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
    """Load a set of ratings, by name or from a file.

    Parameters
        name  "synthetic"  generated ratings, see `synthetic`
              "movielens"  MovieLens latest-small, from SCRATCHNET_DATA: 100,836 ratings
              a path       a table such as u.data, ratings.dat or a CSV file, see `read_ratings`
        seed  of the synthetic ratings

    Returns a `Ratings`. Raises ValueError for an unknown name, and DataError for a file that is
    missing or cannot be parsed.

    >>> load_ratings("synthetic").triples[0]  # user, item, rating
    array([0., 1., 4.])
    """
    if name == "synthetic":
        return synthetic(seed=seed)
    if name != "movielens":
        path = named_file(name)
        if path is None:
            raise unknown_name("set of ratings, and no file", name, NAMES)
        return read_ratings(path)
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


# ---------------------------------------------------------------------------------------- files


def read_ratings(
    path: str | os.PathLike, titles: str | os.PathLike | None = None, name: str | None = None
) -> Ratings:
    """Read ratings from a table of text.

    Parameters
        path    a table, see `read_table`, in one of two forms. With a header: the columns userId,
                movieId (or user, item) and rating, in any order; other columns are ignored. As in
                MovieLens' u.data and ratings.dat, without a header and with tabs or "::": user,
                item, rating and perhaps a timestamp. Users and items may be numbers or words.
        titles  a table with the columns movieId and title; by default, the title is the id
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
    path = expanded(path)
    lines = {}  # of each pair
    users, items, triples = {}, {}, array.array("d")
    for line, (user, item, stars) in _selected(path, ("user", "item", "rating")):
        pair = users.setdefault(user, len(users)), items.setdefault(item, len(items))
        if pair in lines:
            raise DataError(
                f"{path}, line {line}: user {user[:40]!r} has rated item {item[:40]!r} already, in "
                f"line {lines[pair]}; keep one of the two."
            )
        lines[pair] = line
        triples.extend((*pair, number(path, line, stars, "a number as rating")))
    if not lines:
        raise DataError(f"{path}: expected ratings below the header, but there are none.")
    named = dict(cells for _, cells in _selected(titles, ("item", "title"))) if titles else {}
    return Ratings(
        path.stem if name is None else name,
        np.array(triples).reshape(-1, 3),
        tuple(users),
        tuple(named.get(item, item) for item in items),
    )


def _selected(path, wanted):
    """(number of the line, cells of the wanted columns) of each line below the header."""
    rows = read_table(path)
    line, first = next(rows)
    if wanted[-1] == "rating" and _is_rating(path, first):
        places, rows = range(3), itertools.chain([(line, first)], rows)
    else:
        places = columns(expanded(path), first, {what: COLUMNS[what] for what in wanted})
    for line, cells in rows:
        yield line, [cells[i] for i in places]


def _is_rating(path, cells):
    """Whether the first line of a file is a rating, as in u.data and ratings.dat."""
    if len(cells) not in (3, 4) or separator_of(path) not in ("\t", "::"):
        return False
    return all(re.fullmatch(r"\d+(\.\d+)?", cell) for cell in cells)
