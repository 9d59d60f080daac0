"""Rounds of training steps: how many steps, and the clock around them.

A contestant is an object with the method

    timed(lead, n)   seconds and processor seconds of n steps, after `lead` steps without the clock

`InOneProcess` is that of a framework whose step is a function; `benchmarks.ours.OnWorkers` that of
scratchnet, whose steps run on the workers of a group.
"""

import math
import time

from benchmarks import memory

WARM_UP = 20  # steps after building, at most: compilation, first touches of memory
WARM_UP_SECONDS = 1.0
# before each round's clock starts: caches, threads that sleep, processes that copy the pages they
# write to. In `fit` a worker makes hundreds of steps, all those of an epoch
LEAD_SECONDS = 0.05
MIN_STEPS = 2  # of a round


class InOneProcess:
    """Steps of a framework that uses threads of its own.

    Parameters
        step   function that makes one step, or queues it
        wait   function that returns when all steps have ended
    """

    workers, kind, before = 1, "", None

    def __init__(self, step, wait):
        self.step, self.wait = step, wait

    def timed(self, lead, n):
        """Time n steps: {"seconds", "cpu"}."""
        repeat(self.step, self.wait, lead)
        return clocked(lambda: repeat(self.step, self.wait, n))

    def mb(self):
        """Peak memory since `before`, a result of `memory.start`."""
        return memory.peak(self.before)


def clocked(function):
    """Seconds of a call, and processor seconds of all threads of this process meanwhile."""
    began, began_cpu = time.perf_counter(), time.process_time()
    function()
    return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - began_cpu}


def repeat(step, wait, n):
    """Make n steps, and wait for their end."""
    for _ in range(n):
        step()
    wait()


class Rounds:
    """Rounds of a contestant, of about equal duration.

    Attributes
        seconds   of one step, in the last round
    """

    def __init__(self, contestant, before):
        self.contestant, contestant.before = contestant, before
        contestant.timed(0, 1)  # with the compilation of the step
        self.seconds = contestant.timed(0, MIN_STEPS)["seconds"] / MIN_STEPS
        self._timed(0, min(WARM_UP, math.ceil(WARM_UP_SECONDS / self.seconds)))

    def round(self, seconds):
        """Time a round of about so many seconds: {"ms" of a step, "cores", "steps", "mb"}."""
        lead = math.ceil(LEAD_SECONDS / self.seconds)
        n = max(MIN_STEPS, math.ceil(seconds / self.seconds))
        result = self._timed(lead, n)
        cores = result["cpu"] / result["seconds"]
        return {"ms": 1e3 * self.seconds, "cores": cores, "steps": n, "mb": self.contestant.mb()}

    def _timed(self, lead, n):
        result = self.contestant.timed(lead, n)
        self.seconds = result["seconds"] / n
        return result
