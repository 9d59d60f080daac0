"""PyTorch on the same card. Its interpreter may have nothing but PyTorch and NumPy."""

import numpy as np
import torch

from benchmarks.gpu.steps import STEPS
from benchmarks.models import LEARNING_RATE


def device(bench):
    """The GPU, or in a rehearsal the processor; RuntimeError without a GPU."""
    if not torch.cuda.is_available() and not bench.rehearsal:
        raise RuntimeError("this PyTorch sees no GPU")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def waiting(where):
    """Make a function that waits until the device is done."""
    return torch.cuda.synchronize if where.type == "cuda" else lambda: None


def step(bench, name, fused):
    """Milliseconds of an eager training step with Adam, a number per round."""
    where, model = device(bench), STEPS[name]
    module, loss = model.torch()
    module.to(where)
    optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, fused=fused)
    x, target = (torch.from_numpy(a).to(where) for a in model.batch())

    def one():
        optimizer.zero_grad()
        loss(module(x), target).backward()
        optimizer.step()

    return bench.rounds(one, waiting(where))


def convolution(bench, shape, tf32):
    """Milliseconds of a 3x3 convolution with 64 filters, of padded images (N, H, W, C)."""
    where = device(bench)
    torch.backends.cudnn.allow_tf32 = tf32
    n, h, w, c = shape
    x = torch.from_numpy(np.random.default_rng(0).random((n, c, h, w), dtype=np.float32)).to(where)
    layer = torch.nn.Conv2d(c, 64, 3).to(where)
    with torch.no_grad():
        return bench.rounds(lambda: layer(x), waiting(where))
