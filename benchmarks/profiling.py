"""Profile of a scratchnet step: time of each layer, the loss and the optimizer."""

import collections
import functools
import time

from benchmarks.models import LEARNING_RATE

WARM_UP = 20


class Clock:
    """A clock that sums the time spent in functions; a nested call belongs to the outer one."""

    def __init__(self):
        self.seconds, self.running = collections.Counter(), False

    def watch(self, owner, method, *part):
        """Time owner.method from now on, and add the time to this part."""
        function = getattr(owner, method)

        @functools.wraps(function)
        def timed(*arguments, **options):
            if self.running:
                return function(*arguments, **options)
            self.running, began = True, time.perf_counter()
            y = function(*arguments, **options)
            self.seconds[part] += time.perf_counter() - began
            self.running = False
            return y

        setattr(owner, method, timed)


def profile(model, steps):
    """Time the parts of the average step: [(part, ms forward, ms backward), ...]."""
    from scratchnet.optimizers import Adam
    from scratchnet.training import train_step
    from scratchnet.training_step import sigmoid_before

    net, loss = model.scratchnet()
    optimizer, clock = Adam(LEARNING_RATE), Clock()
    parts = {path: layer for path, layer in net.named_layers().items() if not layer.children}
    if (sigmoid := sigmoid_before(net, loss)) is not None:  # its time is that of the loss
        parts = {path: layer for path, layer in parts.items() if layer is not sigmoid}
    parts["loss"] = type(loss)
    for name, part in parts.items():
        clock.watch(part, "forward", name, "forward")
        clock.watch(part, "backward", name, "backward")
        if hasattr(part, "weight_gradients"):  # the backward of the first layer
            clock.watch(part, "weight_gradients", name, "backward")
    clock.watch(net, "flatten", "flatten", "backward")
    clock.watch(optimizer, "step", "optimizer", "backward")

    def run(n):
        for _ in range(n):
            train_step(net, loss, optimizer, *batch, workers=1)

    batch = model.batch()
    run(WARM_UP)
    clock.seconds.clear()
    began = time.perf_counter()
    run(steps)
    rest = time.perf_counter() - began - clock.seconds.total()
    clock.seconds["everything else", "backward"] = rest
    ms = {part: 1e3 * seconds / steps for part, seconds in clock.seconds.items()}
    names = dict.fromkeys(name for name, _ in ms)
    return [(name, ms.get((name, "forward"), 0), ms.get((name, "backward"), 0)) for name in names]
