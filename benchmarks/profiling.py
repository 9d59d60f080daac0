"""Where a scratchnet step spends its time: a clock around each part."""

import collections
import functools
import time

from benchmarks.models import LEARNING_RATE

WARM_UP = 20


class Clock:
    """Adds up the time spent in functions; a call within a timed call belongs to the outer one."""

    def __init__(self):
        self.seconds, self.slots = collections.Counter(), False

    def watch(self, owner, method, *part):
        """From now on, time owner.method as this part."""
        function = getattr(owner, method)

        @functools.wraps(function)
        def timed(*arguments):
            if self.slots:
                return function(*arguments)
            self.slots, began = True, time.perf_counter()
            y = function(*arguments)
            self.seconds[part] += time.perf_counter() - began
            self.slots = False
            return y

        setattr(owner, method, timed)


def profile(model, steps):
    """[(part, milliseconds forward, milliseconds backward)], of the average step."""
    from scratchnet.optimizers import Adam
    from scratchnet.training import train_step

    net, loss = model.scratchnet()
    optimizer, clock = Adam(LEARNING_RATE), Clock()
    parts = {path: layer for path, layer in net.named_layers().items() if not layer.children}
    parts["loss"] = loss
    for name, part in parts.items():
        clock.watch(part, "forward", name, "forward")
        clock.watch(part, "backward", name, "backward")
        if hasattr(part, "weight_gradients"):  # the backward of the first layer
            clock.watch(part, "weight_gradients", name, "backward")
    clock.watch(net, "flatten", "flatten", "backward")
    clock.watch(optimizer, "step", "optimizer", "backward")

    def run(n):
        for _ in range(n):
            train_step(net, loss, optimizer, *batch)

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
