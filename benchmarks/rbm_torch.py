"""The epoch of `benchmarks.rbm` as a loop in PyTorch, eager, every update in place."""

from benchmarks.peers_torch import prepare  # noqa: F401, called by the workers
from benchmarks.rbm import SHARED, _nothing, has  # noqa: F401


def loop(model):
    """Make the step: PCD-1 with the formulas of lesson 25."""
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
            v_model = torch.bernoulli(torch.sigmoid(torch.addmm(a, h, W.t())))
            q = torch.sigmoid(torch.addmm(b, v_model, W))
            h = torch.bernoulli(q)
            W.add_(v.t() @ p - v_model.t() @ q, alpha=rate / n)
            a.add_((v - v_model).mean(dim=0), alpha=rate)
            b.add_((p - q).mean(dim=0), alpha=rate)

    return step, _nothing
