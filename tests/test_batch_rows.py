"""Rows of a batch: the random numbers of a worker are those of its samples."""

import numpy as np

from scratchnet.backend import RNG
from scratchnet.batch_rows import batch_rows


def test_noise_belongs_to_the_samples():
    whole = RNG(3).normal(np.zeros((6, 4), "float32"))
    steps = RNG(3).normal(np.zeros((12, 4), "float32"))  # two rows for each of six samples
    with batch_rows(several=True) as rows:
        rows.set(slice(2, 5), 6)
        np.testing.assert_array_equal(RNG(3).normal(np.zeros((3, 4), "float32")), whole[2:5])
        np.testing.assert_array_equal(RNG(3).normal(np.zeros((6, 4), "float32")), steps[4:10])


def test_an_array_without_samples_is_the_same_for_all_workers():
    whole = RNG(3).normal(np.zeros((5, 4), "float32"))
    with batch_rows(several=True) as rows:
        rows.set(slice(2, 5), 6)
        np.testing.assert_array_equal(RNG(3).normal(np.zeros((5, 4), "float32")), whole)


def test_later_batches_go_on_with_the_numbers_of_a_single_worker():
    one, like = RNG(3), np.zeros((4, 2), "float32")
    expected = [one.uniform(like), one.uniform(like)]
    several, rows = RNG(3), slice(1, 3)
    with batch_rows(several=True) as batch:
        for numbers in expected:
            batch.set(rows, 4)
            np.testing.assert_array_equal(several.uniform(like[rows]), numbers[rows])
