"""One training step on the GPU, on the processor, and with PyTorch on the same card."""

import statistics

from benchmarks.gpu.bench import from_tests, part
from benchmarks.models import LEARNING_RATE, MODELS, Perceptron
from benchmarks.timing import THREAD_VARIABLES

# The models of the first lessons are small. The last one here is what a GPU was built for.
STEPS = {name: MODELS[name] for name in ("shallow", "classifier", "deep")}
STEPS["large"] = Perceptron((784, 4096, 4096, 10), 512, "softmax cross entropy")

COLUMNS = ("model", "contestant", "median ms", "min", "max", "launches", "us each", "scratchnet is")


@part("How long is a training step?", *COLUMNS)
def steps(bench):
    """Launches are counted on the stand-in; `us each` is the step's time shared among them."""
    names = [name for name in STEPS if not (bench.rehearsal and name == "large")]
    threads = dict.fromkeys(THREAD_VARIABLES, str(bench.threads))
    medians = {}
    for name in names:
        ms = bench.apart("steps", "our_step", name, "gpu")
        medians[name], n = statistics.median(ms), launches(name)
        yield name, "scratchnet, GPU", *spread(ms), n, 1000 * medians[name] / n, ""
        ms = bench.apart("steps", "our_step", name, "cpu", **threads)
        yield name, f"scratchnet, {bench.threads} threads", *spread(ms), "", "", ""
    for name in names:  # last: PyTorch may be missing, and then the rows above remain
        for fused in (False, True):
            ms = bench.apart("torch", "step", name, fused, python=bench.python_torch)
            ratio = medians[name] / statistics.median(ms)
            yield (
                name,
                f"PyTorch{', fused Adam' if fused else ''}",
                *spread(ms),
                "",
                "",
                f"{ratio:.2f} x",
            )


def spread(ms):
    """Median, smallest and largest."""
    return statistics.median(ms), min(ms), max(ms)


def training(name, device):
    """A function that does one step of a model whose batch lies on that device."""
    from scratchnet.backend import to_device, use_device
    from scratchnet.optimizers import Adam
    from scratchnet.training import train_step

    model = STEPS[name]
    with use_device(device):
        net, loss = model.scratchnet()
        x, target = (to_device(a) for a in model.batch())
    optimizer = Adam(LEARNING_RATE)
    return lambda: train_step(net, loss, optimizer, x, target)


def our_step(bench, name, device):
    """Milliseconds of a training step, a number a round."""
    with bench.stage():
        wait = bench.wait if device == "gpu" else lambda: None
        return bench.rounds(training(name, device), wait)


def launches(name):
    """Operations that a step starts on the device, as the stand-in counts them."""
    fake_cupy = from_tests("fake_cupy")
    with fake_cupy.installed():
        step = training(name, "gpu")
        step()  # the first also makes Adam's vectors
        fake_cupy.reset()
        with fake_cupy.no_sync():
            step()
        return fake_cupy.STATS.launches
