"""Answer to lesson 31: two label units held at 1 at the same time.

The samples are digits between the two, or one of the two: the judge reads some of them as 3, some
as 8 and others as neither, and they lie further from all training digits than samples of one
class. In the Boltzmann machine the label consists of ten single units, so that two may be on,
although training never showed it. In the belief network the label is a softmax group, one choice
among ten: no state of it has two units at 1. The script trains shorter than the lesson.
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown


def main():
    """Classes that the judge reads in samples of a 3, of an 8, and of both."""
    m = lesson("31", "def mean_bound", "--pretrain", "30", "--joint", "30")
    m.dbm.fit(np.hstack([m.x, m.one_hot(m.y)]))
    numbers = {}
    for name, labels in (("3", [3]), ("8", [8]), ("3 and 8", [3, 8])):
        label = sum(m.one_hot(k) for k in labels)
        held = np.concatenate([np.full(64, np.nan, "float32"), label])
        drawn = m.dbm.sample(60, 200, clamp=held)[:, :64]
        read = m.reader.predict(drawn)
        for k in (3, 8):
            numbers[f"label {name}: read as {k}"] = (read == k).mean()
        numbers[f"label {name}: pixels to the nearest digit"] = np.mean(
            [abs(m.x - row).sum(axis=1).min() for row in drawn]
        )
    return shown(numbers)
