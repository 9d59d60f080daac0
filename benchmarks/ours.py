"""Steps of scratchnet, and as their lower bound the matrix products alone."""

import platform

import numpy as np
from threadpoolctl import threadpool_info

from benchmarks.models import LEARNING_RATE


def prepare(threads):
    """Return versions and BLAS; the number of threads was set before NumPy was imported."""
    about = {"python": platform.python_version(), "numpy": np.__version__}
    for pool in threadpool_info():
        name = " ".join([pool["internal_api"], pool["version"] or "", pool.get("architecture", "")])
        about |= {"blas": name, "threads": pool["num_threads"]}
    return about


def has(model):
    """Whether the model has a scratchnet version."""
    return hasattr(model, "scratchnet") or hasattr(model, "scratchnet_step")


def _nothing():
    """Wait for nothing: a call returns when its work is done."""


def train_step(model):
    """`scratchnet.training.train_step` with Adam, or the model's own step."""
    from scratchnet.optimizers import Adam
    from scratchnet.training import train_step

    if hasattr(model, "scratchnet_step"):
        return model.scratchnet_step(LEARNING_RATE), _nothing
    net, loss = model.scratchnet()
    optimizer = Adam(LEARNING_RATE)
    x, target = model.batch()
    threads = max(pool["num_threads"] for pool in threadpool_info())  # as the environment says
    return lambda: train_step(net, loss, optimizer, x, target, threads), _nothing


def products(model):
    """Matrix products of one step, written to existing arrays.

    y = x W, dW = x^T dy and, for all layers but the first, dx = dy W^T.
    """
    rng = np.random.default_rng(0)
    jobs = []
    for i, (n, d, m) in enumerate(model.products()):
        x, W, y = (rng.random(s, dtype=np.float32) for s in ((n, d), (d, m), (n, m)))
        jobs += [(x, W, y.copy()), (x.T, y, np.empty_like(W))]
        if i:
            jobs.append((y, W.T, np.empty_like(x)))

    def step():
        for a, b, out in jobs:
            np.matmul(a, b, out=out)

    return step, _nothing
