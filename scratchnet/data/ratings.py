"""Ratings as triples (user, item, rating): invented ones, MovieLens, or the reader's own CSV.

MovieLens comes with a licence of its own (no commercial use; acknowledge it; pass it on only under
the same terms), so it is not part of this library. Who has it names its folder in SCRATCHNET_DATA.
"""

import csv
import math
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
COLUMNS = {  # how a column may be called, in lower case
    "user": ("userid", "user_id", "user"),
    "item": ("movieid", "movie_id", "itemid", "item_id", "item", "movie"),
    "rating": ("rating", "stars", "score"),
    "title": ("title", "name"),
}


@dataclass(frozen=True, eq=False, repr=False)
class Ratings:
    """Who gave what how many stars: one row of `triples` for each rating.

    name      which set
    triples   (R, 3) float64: number of the user, number of the item, rating
    users     the user's name in the file, by number
    titles    the item's title, by number
    """

    name: str
    triples: np.ndarray
    users: tuple
    titles: tuple

    @property
    def shape(self):
        """(users, items)."""
        return len(self.users), len(self.titles)

    def split(self, share=0.2, seed=0):
        """(train, test), triples each: of every user's n ratings floor(share n) are for testing.

        Which ones is drawn; the split depends on the seed alone. A user with few ratings may have
        none to test, but everybody keeps at least one to learn from.
        """
        share = check_float("Ratings.split", "share", share, above=0, below=1)
        user = self.triples[:, 0].astype(int)
        drawn = np.random.default_rng(seed).random(len(user))
        order = np.lexsort((drawn, user))  # user by user, at random within
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


def load_ratings(name="synthetic", seed=0):
    """Load a set of ratings.

    name     "synthetic"   invented, offline: see `synthetic`; the seed is for this one
             "movielens"   MovieLens latest-small, from SCRATCHNET_DATA: 100,836 ratings
             a path        a CSV file of one's own: see `read_ratings`
    returns  Ratings
    raises   ValueError for an unknown name; DataError for files that are missing or not understood
    """
    if str(name).endswith(".csv"):
        return read_ratings(name)
    if name not in NAMES:
        raise unknown_name("set of ratings (a file's name ends in .csv)", name, NAMES)
    if name == "synthetic":
        return synthetic(seed=seed)
    paths = [find_user_file("ml-latest-small", file) for file in ("ratings.csv", "movies.csv")]
    if None in paths:
        raise DataError(
            "MovieLens latest-small was not found: get ml-latest-small.zip from "
            "grouplens.org/datasets/movielens, unpack it, and set SCRATCHNET_DATA to the folder "
            "that holds ml-latest-small/; or go on with invented ratings: --dataset synthetic"
        )
    return read_ratings(*paths, name="movielens")


# ------------------------------------------------------------------------------- invented ratings


def synthetic(users=300, items=500, factors=3, share=0.2, seed=0):
    """Invented ratings with a known structure, so that a good model has something to find.

    User and item are points in a space of a few factors ("planted factors"), and

        rating = 3.5 + user's mildness + item's quality + p_u . q_i + noise, rounded to 1 ... 5

    Popular items are rated by many and obscure ones by few, as in real data; on average each user
    rates `share` of the items.
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
    rated[np.arange(users), rng.integers(items, size=users)] = True  # everybody has one
    user, item = np.nonzero(rated)
    titles = tuple(f"Invented film {i + 1}" for i in range(items))
    triples = np.stack([user, item, stars[user, item]], axis=1)
    return Ratings("synthetic", triples, tuple(map(str, range(1, users + 1))), titles)


# ------------------------------------------------------------------------------------ CSV files


def read_ratings(path, titles=None, name=None):
    """Read ratings from a CSV file with a header.

    path     its columns are userId, movieId (or user, item) and rating, in any order; others are
             left aside. Users and items may be numbers or words.
    titles   a CSV file with columns movieId and title; without it, items are called by their ids
    returns  Ratings, users and items in the order in which the file names them
    raises   DataError, naming the line, for what is not understood
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
