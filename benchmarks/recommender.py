"""A CD-10 step on ratings, compared with a published script.

100 users, 1682 films of which each user has rated 6 %, as in MovieLens 100k; 100 hidden units. The
script comes from a course and uses PyTorch, -1 for unrated films, sums and no learning rate.
"""

import numpy as np


class Ratings:
    """Random ratings: liked (1), not liked (0) or unrated (-1)."""

    title = "CD-10 on ratings, 100 users, 1682 films, 6 % rated, 100 hidden units"

    def batch(self):
        """Draw (100, 1682) float32."""
        rng = np.random.default_rng(0)
        liked = rng.random((100, 1682)) < 0.8
        rated = rng.random((100, 1682)) < 0.063
        return np.where(rated, liked, -1).astype(np.float32)

    def scratchnet_step(self, rate):
        """`RatingRBM`: unrated films are left out; selecting the batch's films is timed as well."""
        from scratchnet.boltzmann import RatingRBM

        x = self.batch()
        x = np.where(x < 0, np.nan, x)
        machine = RatingRBM(100, orientation="user", liked=1, k=10, batch_size=100, n_iter=1)
        machine.fit(x)
        cases = np.arange(100)
        return lambda: machine._update(cases, 0.01)

    def torch_loop(self):
        """The loop of the published script, unchanged except for names."""
        import torch

        v0 = torch.from_numpy(self.batch())
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

        return step
