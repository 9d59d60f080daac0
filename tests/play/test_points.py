"""Points of the playground: built-in sets, CSV files, drawn points."""

import numpy as np
import pytest

from scratchnet.play.points import MAX_POINTS, SETS, Points, built_in, read_csv


@pytest.mark.parametrize("name", SETS)
def test_a_built_in_set_lies_on_the_map_and_has_two_equal_classes(name):
    points = built_in(name)
    assert points.x.shape == (200, 2) and points.x.dtype == "float32"
    assert np.abs(points.x).max() <= 1.3
    assert 80 <= points.c.sum() <= 120
    np.testing.assert_array_equal(points.x, built_in(name).x)


def test_an_unknown_set_is_an_error_with_the_names():
    with pytest.raises(ValueError, match=r"unknown set 'moon'.*did you mean 'two moons'"):
        built_in("moon")


def test_a_csv_file_may_have_other_columns_and_empty_lines_and_is_scaled():
    points = read_csv("\ufefflabel,name,x2, x1\nb,u,10,0\n\na,v,20,5\na,w,15,10\n", "p.csv")
    np.testing.assert_allclose(points.x, [[-1, -1], [0, 1], [1, 0]])
    assert points.classes == ("a", "b") and points.c.tolist() == [1, 0, 0]
    assert points.bounds == ((0.0, 10.0), (10.0, 20.0))


def test_a_constant_column_is_scaled_to_zero():
    assert (read_csv("x1,x2,label\n5,1,a\n5,2,b\n", "p.csv").x[:, 0] == 0).all()


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "line 1: expected the columns x1,x2,label; missing: x1, x2, label"),
        ("x1,x2,class\n1,2,a\n", "line 1: .* missing: label"),
        ("x1,x2,label\n1,2,a\n1,two,b\n", "line 3: expected a number for x2, got 'two'"),
        ("x1,x2,label\n1,2,a\n\nnan,2,b\n", "line 4: expected a number for x1, got 'nan'"),
        ("x1,x2,label\n1,2\n", "line 2: expected 3 values, got 2"),
        ("x1,x2,label\n1,2, \n", "line 2: the label is empty"),
        ('x1,x2,label\n1,2,"a\n', "line 2: unexpected end of data"),
        ("x1,x2,label\n" + "?,2,a\n" * 5, "line 2: .*; line 3: .*; line 4: .*; and 2 more lines$"),
        ("x1,x2,label\n1,2,a\n", "expected 2 to 5 labels .* got 1 labels and 1 points"),
        ("x1,x2,label\n", "got 0 labels and 0 points"),
    ],
)
def test_a_bad_line_of_a_csv_file_is_named(text, message):
    with pytest.raises(ValueError, match=f"^p.csv.*{message}"):
        read_csv(text, "p.csv")


def test_points_are_added_and_the_nearest_is_removed():
    points = Points.empty().added(0.1, 0.2, "0").added(-0.5, 0.5, "new")
    assert points.classes == ("0", "1", "new") and points.c.tolist() == [0, 2]
    assert points.without(-0.4, 0.4).c.tolist() == [0]
    assert len(Points.empty().without(0, 0).x) == 0


@pytest.mark.parametrize("place", [("a", 0), (2, 0), (0, float("nan")), (None, 0)])
def test_a_place_outside_of_the_map_is_refused(place):
    with pytest.raises(ValueError, match=r"two numbers from -1.5 to 1.5"):
        Points.empty().added(*place, "0")


def test_a_set_has_at_most_five_classes_and_a_limit_of_points():
    points = Points.empty()
    for label in "234":
        points = points.added(0, 0, label)
    with pytest.raises(ValueError, match="at most 5 classes"):
        points.added(0, 0, "5")
    full = Points(np.zeros((MAX_POINTS, 2), "float32"), np.zeros(MAX_POINTS, int), ("0", "1"))
    with pytest.raises(ValueError, match="at most 5000 points"):
        full.added(0, 0, "0")
