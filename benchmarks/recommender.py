"""``python -m benchmarks.recommender``: a CD-10 step on ratings, compared with a published script.

100 users, 1682 films of which each user has rated 6 %, as in MovieLens 100k; 100 hidden units. The
script comes from a course and uses PyTorch, -1 for unrated films, sums and no learning rate.
"""

import numpy as np

from benchmarks import separate
from benchmarks.models import MODELS
from benchmarks.ours import prepare  # noqa: F401, called by the workers


class Ratings:
    """Random ratings: liked (1), not liked (0) or unrated (-1)."""

    title = "CD-10 on ratings, 100 users, 1682 films, 6 % rated, 100 hidden units"

    def batch(self):
        """Draw (100, 1682) float32."""
        rng = np.random.default_rng(0)
        liked = rng.random((100, 1682)) < 0.8
        rated = rng.random((100, 1682)) < 0.063
        return np.where(rated, liked, -1).astype(np.float32)


MODELS["ratings"] = Ratings()  # for the workers, which import this file


def has(model):
    """Whether it is the model of this file."""
    return model is MODELS["ratings"]


def ours(model):
    """`RatingRBM`: unrated films are left out; selecting the batch's films is timed as well."""
    from scratchnet.boltzmann import RatingRBM

    x = model.batch()
    x = np.where(x < 0, np.nan, x)
    machine = RatingRBM(100, orientation="user", liked=1, k=10, batch_size=100, n_iter=1).fit(x)
    cases = np.arange(100)
    return lambda: machine._update(cases, 0.01), lambda: None


if __name__ == "__main__":
    separate.main(
        "python -m benchmarks.recommender",
        __doc__,
        "ratings",
        {
            "scratchnet": ("recommender", "ours", "scratchnet"),
            "the script, in PyTorch": ("recommender_torch", "published", "torch"),
        },
        steps=10,
    )
