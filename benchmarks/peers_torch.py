"""PyTorch, eager: the loop of its tutorials, with its default Adam and with the fused one."""

import platform
import re

from benchmarks.models import LEARNING_RATE


def prepare(threads):
    """Limit the threads and return versions."""
    import torch

    torch.set_num_threads(threads)
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "blas": re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())[1],
        "threads": torch.get_num_threads(),
    }


def has(model, function):
    """Whether the model has a version for this framework; a loop of its own has no Adam."""
    if hasattr(model, "torch_loop"):
        return function != "fused_adam"
    return hasattr(model, "torch") or hasattr(model, "torch_step")


def adam(model, **options):
    """Make a step with the default Adam, which updates tensor by tensor on a CPU."""
    import torch

    if hasattr(model, "torch_loop"):
        return model.torch_loop(), _nothing
    if hasattr(model, "torch_step"):
        return model.torch_step(LEARNING_RATE, **options), _nothing
    module, loss = model.torch()
    optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, **options)
    x, target = (
        torch.from_numpy(a).movedim(-1, 1) if a.ndim == 4 else torch.from_numpy(a)  # a view
        for a in model.batch()
    )

    def step():
        optimizer.zero_grad()
        loss(module(x), target).backward()
        optimizer.step()

    return step, _nothing


def _nothing():
    """A CPU step has ended when the call returns."""


def fused_adam(model):
    """Make a step with Adam as one compiled loop."""
    return adam(model, fused=True)
