"""``python -m benchmarks.recommender``: one CD-10 step on ratings beside the published script's.

100 users, 1682 films of which each user has rated 6 %, as in MovieLens 100k; 100 hidden units. The
script is a course's, in PyTorch, copied far and wide: -1 for unrated, sums, no learning rate.
"""

import numpy as np

from benchmarks import apart
from benchmarks.models import MODELS


class Ratings:
    """Liked (1), not liked (0) or unrated (-1), at random."""

    title = "CD-10 on ratings, 100 users, 1682 films, 6 % rated, 100 hidden units"

    def batch(self):
        """(100, 1682) float32."""
        rng = np.random.default_rng(0)
        liked = rng.random((100, 1682)) < 0.8
        rated = rng.random((100, 1682)) < 0.063
        return np.where(rated, liked, -1).astype(np.float32)


MODELS["ratings"] = Ratings()  # for the workers, which import this file


def has(model):
    """Whether the contestants here know it."""
    return model is MODELS["ratings"]


def prepare(threads):
    """What the process is made of: PyTorch where it is installed, else scratchnet."""
    try:
        from benchmarks.peers_torch import prepare as of_torch

        return of_torch(threads)
    except ImportError:
        from benchmarks.ours import prepare as of_ours

        return of_ours(threads)


def ours(model):
    """`RatingRBM`: unrated films are absent; the gather of the batch's films is timed as well."""
    from scratchnet.boltzmann import RatingRBM

    x = model.batch()
    x = np.where(x < 0, np.nan, x)
    machine = RatingRBM(100, orientation="user", liked=1, k=10, batch_size=100, n_iter=1).fit(x)
    cases = np.arange(100)
    return lambda: machine._update(cases, 0.01), lambda: None


def published(model):
    """The script's loop, word for word but for names."""
    import torch

    v0 = torch.from_numpy(model.batch())
    torch.manual_seed(0)
    W, a, b = torch.randn(100, 1682), torch.randn(1, 100), torch.randn(1, 1682)

    def sample_h(v):
        p = torch.sigmoid(torch.mm(v, W.t()) + a.expand(len(v), -1))
        return p, torch.bernoulli(p)

    def sample_v(h):
        p = torch.sigmoid(torch.mm(h, W) + b.expand(len(h), -1))
        return p, torch.bernoulli(p)

    def step():
        vk = v0.clone()
        ph0, _ = sample_h(v0)
        for _ in range(10):
            _, hk = sample_h(vk)
            _, vk = sample_v(hk)
            vk[v0 < 0] = v0[v0 < 0]
        phk, _ = sample_h(vk)
        W.add_((torch.mm(v0.t(), ph0) - torch.mm(vk.t(), phk)).t())
        b.add_(torch.sum(v0 - vk, 0))
        a.add_(torch.sum(ph0 - phk, 0))
        return torch.mean(torch.abs(v0[v0 >= 0] - vk[v0 >= 0]))

    return step, lambda: None


if __name__ == "__main__":
    apart.main(
        "python -m benchmarks.recommender",
        __doc__,
        "ratings",
        {
            "scratchnet": ("recommender", "ours", "scratchnet"),
            "the script, in PyTorch": ("recommender", "published", "torch"),
        },
        steps=10,
    )
