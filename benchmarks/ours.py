"""scratchnet, and the floor under it: the matrix products alone."""

import platform

import numpy as np
from threadpoolctl import threadpool_info

from benchmarks.models import LEARNING_RATE


def prepare(threads):
    """What it is made of; the environment has set the threads before NumPy was imported."""
    about = {"python": platform.python_version(), "numpy": np.__version__}
    for pool in threadpool_info():
        name = " ".join([pool["internal_api"], pool["version"] or "", pool.get("architecture", "")])
        about |= {"blas": name, "threads": pool["num_threads"]}
    return about


def has(model):
    """Whether the model is written for us."""
    return hasattr(model, "scratchnet") or hasattr(model, "scratchnet_step")


def _nothing():
    """What there is to wait for where a call returns only when its work is done."""


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
    """y = x W, dW = x^T dy and, but for the first layer, dx = dy W^T, into arrays at hand."""
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
