"""The sets of ratings. Those on the real MovieLens run where SCRATCHNET_DATA holds it."""

import os
from pathlib import Path

import numpy as np
import pytest
from data_sandbox import refusal

from scratchnet.data import Ratings, load_ratings
from scratchnet.data.ratings import read_ratings, synthetic

pytestmark = pytest.mark.usefixtures("sandbox")

REAL_DATA = os.environ.get("SCRATCHNET_DATA")  # taken before the sandbox hides it


def file(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


# ------------------------------------------------------------------------------ synthetic ratings


def test_synthetic_ratings_are_whole_stars_and_every_user_has_one():
    data = load_ratings()
    assert isinstance(data, Ratings) and data.name == "synthetic" and data.shape == (300, 500)
    assert set(data.triples[:, 2]) == {1, 2, 3, 4, 5}
    assert set(data.triples[:, 0]) == set(range(300))
    assert len(set(map(tuple, data.triples[:, :2]))) == len(data.triples)
    assert 0.15 < len(data.triples) / (300 * 500) < 0.25


def test_synthetic_ratings_depend_on_their_seed_alone():
    np.testing.assert_array_equal(load_ratings().triples, synthetic(seed=0).triples)
    assert len(synthetic(seed=1).triples) != len(synthetic(seed=0).triples)


def first_direction(triples, shape):
    """The share of what the means do not explain that the best single direction does."""
    rated, X = np.zeros(shape), np.zeros(shape)
    at = tuple(triples[:, :2].astype(int).T)
    rated[at], X[at] = 1, triples[:, 2]
    for axis in (0, 1):
        means = X.sum(axis, keepdims=True) / np.maximum(rated.sum(axis, keepdims=True), 1)
        X = rated * (X - means)
    return np.linalg.svd(X, compute_uv=False)[0] ** 2 / (X**2).sum()


def test_synthetic_ratings_hold_more_than_the_means_of_users_and_items(rng):
    data = synthetic()
    shuffled = data.triples.copy()
    for i in range(data.shape[1]):  # among those who rated the item: its mean stays
        at = shuffled[:, 1] == i
        shuffled[at, 2] = rng.permutation(shuffled[at, 2])
    planted = first_direction(data.triples, data.shape)
    assert planted > 2 * first_direction(shuffled, data.shape)


# -------------------------------------------------------------------------------------- the split


def test_the_split_takes_a_share_of_each_user_and_loses_nothing():
    data = synthetic(users=50, items=40)
    train, test = data.split(0.3, seed=1)
    both = np.concatenate([train, test])
    assert sorted(map(tuple, both)) == sorted(map(tuple, data.triples))
    n = np.bincount(data.triples[:, 0].astype(int))
    tested = np.bincount(test[:, 0].astype(int), minlength=50)
    np.testing.assert_array_equal(tested, np.floor(0.3 * n))
    assert set(train[:, 0]) == set(range(50))


def test_the_split_depends_on_the_seed_and_on_it_alone():
    data = synthetic(users=20, items=40)
    a, b, c = (data.split(seed=s)[1] for s in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert {*map(tuple, a)} != {*map(tuple, c)}


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan"), "half"])
def test_a_share_that_is_none_is_refused(share):
    message = refusal(synthetic(users=5, items=5).split, share, error=ValueError)
    assert "0 < share < 1" in message and repr(share) in message


# ------------------------------------------------------------------------------- the reader's own


def test_a_file_of_ones_own(tmp_path):
    path = file(
        tmp_path / "mine.csv", "rating,user,item,when", "4,Ann,Alien,1", "", "2.5,Bo,Alien,2"
    )
    data = load_ratings(str(path))
    assert data.name == "mine" and data.users == ("Ann", "Bo") and data.titles == ("Alien",)
    np.testing.assert_array_equal(data.triples, [[0, 0, 4], [1, 0, 2.5]])
    assert "2 ratings, 2.5 to 4, by 2 users of 1 items" in repr(data)


@pytest.mark.parametrize(
    "lines, words",
    [
        ([], ["nothing"]),
        (["userId,rating", "1,2"], ["movieid", "got userId, rating"]),
        (["user,userId,item,rating"], ["named userid or user,", "got user, userId"]),
        (["user,item,rating"], ["expected ratings", "none"]),
        (["user,item,rating", "1,2,3", "1,3"], ["line 3", "expected 3 values", "got 2"]),
        (["user,item,rating", "1,Monsters, Inc.,3"], ["line 2", "got 4", "quotes"]),
        (["user,item,rating", "1,2,good"], ["line 2", "a number", "'good'"]),
        (["user,item,rating", "1,2,nan"], ["line 2", "'nan'"]),
        (["user,item,rating", "1,2,inf"], ["line 2", "'inf'"]),
        (["user,item,rating", "1,2,3", "", "1,2,4"], ["line 4", "already", "line 2"]),
    ],
)
def test_a_file_that_is_not_understood_gets_one_sentence(tmp_path, lines, words):
    path = file(tmp_path / "mine.csv", *lines)
    message = refusal(read_ratings, path)
    assert "\n" not in message
    for word in [str(path), *words]:
        assert word in message


def test_a_file_that_is_missing_or_no_text_gets_one_sentence(tmp_path):
    assert "gone.csv cannot be read" in refusal(load_ratings, str(tmp_path / "gone.csv"))
    (tmp_path / "latin.csv").write_bytes("user,item,rating\nAnn,Amélie,3\n".encode("latin-1"))
    assert "UTF-8" in refusal(read_ratings, tmp_path / "latin.csv")


@pytest.mark.parametrize("name", ["movielens-100k", "", None])
def test_an_unknown_name_lists_the_names(name):
    message = refusal(load_ratings, name, error=ValueError)
    assert repr(name) in message and "movielens, synthetic" in message and "no file" in message


HEADER = ("userId", "movieId", "rating")


def rows(separator, header=(), stamp=False, end="\n"):
    """Three ratings as text, with or without a header and timestamps."""
    triples = [("1", "10", "3"), ("1", "20", "4.5"), ("2", "10", "5")]
    found = [header] * bool(header) + [(*row, "881250949") if stamp else row for row in triples]
    return "".join(separator.join(row) + end for row in found)


FORMATS = {
    "u.data of MovieLens 100k": rows("\t", stamp=True),
    "ratings.dat of MovieLens 1M": rows("::", stamp=True),
    "without a timestamp": rows("::"),
    "capitals": rows(",", ("USERID", "MovieID", "Rating")),
    "Book-Crossing": rows(";", ('"User-ID"', '"ISBN"', '"Book-Rating"')),
    "tabs and a header": rows("\t", HEADER),
    "bars and a header": rows("|", HEADER),
    "colons and a header": rows("::", HEADER),
    "a byte order mark": "\ufeff" + rows(";", HEADER),
    "a byte order mark before a rating": "\ufeff" + rows("\t", stamp=True),
    "lines of Windows": rows(",", HEADER, end="\r\n"),
    "lines of old Macs": rows(",", HEADER, end="\r"),
}


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("name", ["ratings", "R.CSV"])
def test_ratings_are_read_whatever_separates_them(tmp_path, monkeypatch, text, name):
    (tmp_path / name).write_bytes(text.encode())
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in (tmp_path / name, f"~/{name}"):
        data = load_ratings(path)
        assert data.users == ("1", "2") and data.titles == ("10", "20")
        np.testing.assert_array_equal(data.triples, [[0, 0, 3], [0, 1, 4.5], [1, 0, 5]])


def test_a_comma_without_a_header_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text(rows(",", stamp=True))
    assert "first line" in refusal(load_ratings, tmp_path / "a.csv")


@pytest.mark.parametrize(
    "text, words",
    [
        ("1\t2\t3\t4\n1\t3\tgood\t4\n", ["line 2", "'good'"]),
        ("1::2::3::4\n1::3\n", ["line 2", "expected 4 values"]),
        ("userId;movieId;rating\n1;2;4,5\n", ["line 2", "decimal point"]),
        ("userId;movieId;rating\n1;2;1_0\n", ["line 2", "'1_0'"]),
    ],
)
def test_a_table_without_commas_that_is_broken_is_refused_with_its_line(tmp_path, text, words):
    path = tmp_path / "ratings"
    path.write_text(text)
    message = refusal(load_ratings, path)
    for word in [str(path), *words]:
        assert word in message


# ------------------------------------------------------------------------------------- MovieLens


def movielens(folder):
    file(folder / "ratings.csv", "userId,movieId,rating,timestamp", "7,9,4.5,0", "8,2,3,0")
    file(folder / "movies.csv", "movieId,title,genres", '9,"Apartment, The (1960)",Comedy')
    return folder


def test_movielens_from_the_readers_folder(tmp_path, monkeypatch):
    movielens(tmp_path / "ml-latest-small")
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path))
    data = load_ratings("movielens")
    assert data.name == "movielens" and data.users == ("7", "8")
    assert data.titles == ("Apartment, The (1960)", "2")  # without a title, the id
    np.testing.assert_array_equal(data.triples, [[0, 0, 4.5], [1, 1, 3]])


@pytest.mark.parametrize("there", [(), ("ratings.csv",), ("movies.csv",)])
def test_without_movielens_the_message_leads_to_it_and_to_the_synthetic_set(
    tmp_path, monkeypatch, there
):
    for name in there:
        (movielens(tmp_path / "all") / name).rename(tmp_path / name)
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path))
    message = refusal(load_ratings, "movielens")
    for word in ("ml-latest-small.zip", "SCRATCHNET_DATA", "--dataset synthetic"):
        assert word in message


def test_the_real_movielens(monkeypatch):
    if not REAL_DATA or not Path(REAL_DATA, "ml-latest-small", "ratings.csv").is_file():
        pytest.skip("SCRATCHNET_DATA does not hold ml-latest-small")
    monkeypatch.setenv("SCRATCHNET_DATA", REAL_DATA)
    data = load_ratings("movielens")
    assert data.shape == (610, 9724) and len(data.triples) == 100836
    counts = [1370, 2811, 1791, 7551, 5550, 20047, 13136, 26818, 8551, 13211]
    assert np.unique(data.triples[:, 2], return_counts=True)[1].tolist() == counts
    assert data.titles[0] == "Toy Story (1995)"
    train, test = data.split()
    assert len(train) + len(test) == 100836 and 0.19 < len(test) / 100836 <= 0.2
