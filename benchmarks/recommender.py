"""``python -m benchmarks.recommender``: one CD-10 step on ratings beside the published script's.

100 users, 1682 films of which each user has rated 6 %, as in MovieLens 100k; 100 hidden units. The
script is a course's, in PyTorch, copied far and wide: -1 for unrated, sums, no learning rate.
"""

import argparse
import contextlib
import sys

import numpy as np

from benchmarks import report, timing
from benchmarks.machine import load, machine
from benchmarks.models import MODELS

NAMES = ("scratchnet", "the script, in PyTorch")


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


def main():
    parser = argparse.ArgumentParser("python -m benchmarks.recommender", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=10, help="training steps in a round")
    parser.add_argument("--threads", type=int, default=2, help="for each contestant")
    parser.add_argument("--python-torch", default=sys.executable, help="an interpreter with torch")
    options = parser.parse_args()
    pythons = {"scratchnet": sys.executable, "torch": options.python_torch}
    timing.CONTESTANTS |= {
        NAMES[0]: ("recommender", "ours", "scratchnet"),
        NAMES[1]: ("recommender", "published", "torch"),
    }
    everything = {"machine": machine(), "settings": vars(options), "skipped": {}}
    with contextlib.ExitStack() as stack:
        contestants = []
        for name in NAMES:
            contestants.append(timing.Contestant(name, pythons, options.threads))
            stack.callback(contestants[-1].close)
        everything["contestants"] = {c.name: c.about for c in contestants}
        print(*report.head(everything), sep="\n", flush=True)
        timings = timing.contest(contestants, "ratings", options.rounds, options.steps)
        ours = timings["scratchnet"].median
        rows = {w: t.summary() | {"scratchnet_ratio": ours / t.median} for w, t in timings.items()}
        print(*report.table({"title": Ratings.title, "contestants": rows}), sep="\n")
    print(f"load average at the end {load()}")


if __name__ == "__main__":
    main()
