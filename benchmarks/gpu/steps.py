"""One training step on the GPU, on the processor, and with PyTorch on the same card."""

import statistics

from benchmarks.gpu.bench import from_tests, part
from benchmarks.models import LEARNING_RATE, MODELS, Perceptron
from benchmarks.timing import THREAD_VARIABLES

# The models of the first lessons are small; the last one has the size that GPUs are made for.
STEPS = {name: MODELS[name] for name in ("shallow", "classifier", "deep")}
STEPS["large"] = Perceptron((784, 4096, 4096, 10), 512, "softmax cross entropy")

COLUMNS = ("model", "contestant", "median ms", "min", "max", "launches", "us each", "scratchnet is")


@part("How long is a training step?", *COLUMNS)
def steps(bench):
    """Time steps; launches are counted on the stand-in, and `us each` is the time per launch."""
    names = [name for name in STEPS if not (bench.rehearsal and name == "large")]
    threads = dict.fromkeys(THREAD_VARIABLES, str(bench.threads))
    medians = {}
    for name in names:
        ms = bench.in_subprocess("steps", "our_step", name, "gpu")
        medians[name], n = statistics.median(ms), launches(name)
        yield name, "scratchnet, GPU", *median_and_range(ms), n, 1000 * medians[name] / n, ""
        ms = bench.in_subprocess("steps", "our_step", name, "cpu", **threads)
        yield name, f"scratchnet, {bench.threads} threads", *median_and_range(ms), "", "", ""
    for name in names:  # last: PyTorch may be missing, and then the rows above remain
        for fused in (False, True):
            ms = bench.in_subprocess("torch", "step", name, fused, python=bench.python_torch)
            ratio = medians[name] / statistics.median(ms)
            yield (
                name,
                f"PyTorch{', fused Adam' if fused else ''}",
                *median_and_range(ms),
                "",
                "",
                f"{ratio:.2f} x",
            )


def median_and_range(ms):
    """Median, smallest and largest."""
    return statistics.median(ms), min(ms), max(ms)


def training(name, device):
    """Make a function that does one step of a model with its batch on that device."""
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
    """Milliseconds of a training step, a number per round."""
    with bench.stage():
        wait = bench.wait if device == "gpu" else lambda: None
        return bench.rounds(training(name, device), wait)


def launches(name):
    """Count the operations that a step starts on the device, with the stand-in."""
    fake_cupy = from_tests("fake_cupy")
    with fake_cupy.installed():
        step = training(name, "gpu")
        step()  # the first also makes Adam's vectors
        fake_cupy.reset()
        with fake_cupy.no_sync():
            step()
        return fake_cupy.STATS.launches
