"""The epoch of `benchmarks.rbm` as a loop in PyTorch, eager, every update in place."""

from benchmarks.peers_torch import prepare  # noqa: F401, what the workers call
from benchmarks.rbm import SHARED, _nothing, has  # noqa: F401


def loop(model):
    """PCD-1 with the formulas of lesson 20."""
    import torch

    x = torch.from_numpy(model.batch())
    n, rate = SHARED["batch_size"], SHARED["learning_rate"]
    W = 0.01 * torch.randn(x.shape[1], SHARED["n_components"])
    a, b = torch.zeros(W.shape[0]), torch.zeros(W.shape[1])
    h = torch.zeros(n, W.shape[1])

    def step():
        nonlocal h
        for rows in torch.randperm(len(x)).split(n):
            v = x[rows]
            p = torch.sigmoid(torch.addmm(b, v, W))
            dream = torch.bernoulli(torch.sigmoid(torch.addmm(a, h, W.t())))
            q = torch.sigmoid(torch.addmm(b, dream, W))
            h = torch.bernoulli(q)
            W.add_(v.t() @ p - dream.t() @ q, alpha=rate / n)
            a.add_((v - dream).mean(dim=0), alpha=rate)
            b.add_((p - q).mean(dim=0), alpha=rate)

    return step, _nothing
