"""The published script that `benchmarks.recommender` compares with, in PyTorch."""

from benchmarks.peers_torch import prepare  # noqa: F401, called by the workers
from benchmarks.recommender import has  # noqa: F401


def published(model):
    """The loop of the published script, unchanged except for names."""
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
