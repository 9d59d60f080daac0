"""Measurements of CuPy on a GPU: cost, rounding, random numbers, repeatability."""

import hashlib
import sys

import numpy as np

from benchmarks.gpu.bench import part, ran
from scratchnet.backend import RNG, to_numpy


@part("What does one array operation cost?", "operation", "host us", "total us")
def operations(bench):
    """Measure time until the call returns, which limits small models, and until the GPU is done."""
    xp = bench.xp
    x, W, b = bench.numbers(128, 784), bench.numbers(784, 256), bench.numbers(256)
    order = xp.asarray(np.random.default_rng(0).permutation(128))
    y = x @ W
    table = {
        "x @ W, (128, 784) (784, 256)": lambda: x @ W,
        "y + b, (128, 256) (256,)": lambda: y + b,
        "y += b": lambda: xp.add(y, b, out=y),
        "maximum(y, 0)": lambda: xp.maximum(y, 0),
        "y.sum(axis=0)": lambda: y.sum(axis=0),
        "y[:64], a view": lambda: y[:64],
        "y[order], a copy": lambda: y[order],
        "float(b[0]), which waits": lambda: float(b[0]),
    }
    for name, work in table.items():
        yield name, *bench.timed(work)


@part("Are numbers below 1.2e-38 flushed to zero?", "float32", "CuPy", "NumPy")
def subnormals(bench):
    """Compute exp(-100) = 3.8e-44, a subnormal number: one with fewer digits than others."""
    xp, x = bench.xp, np.asarray([-100], dtype="float32")
    a = xp.asarray(x)
    table = {
        "exp(-100)": (xp.exp(a), np.exp(x)),
        "log(exp(-100) + tiny)": (xp.log(xp.exp(a) + TINY), np.log(np.exp(x) + TINY)),
        "tiny * 0.5": (xp.exp(0 * a) * TINY * 0.5, np.exp(0 * x) * TINY * 0.5),
        "tiny": (xp.exp(0 * a) * TINY, np.exp(0 * x) * TINY),
    }
    for name, pair in table.items():
        yield name, *(f"{to_numpy(number)[0]:.4g}" for number in pair)


TINY = float(np.finfo("float32").tiny)  # what the losses add before a log


def philox(bench):
    """Make the generator of scratchnet's RNG, for one seed."""
    random = bench.xp.random
    return random.Generator(random.Philox4x3210(7, size=RNG.STATES))


@part("How good is the generator of masks and noise?", "Philox", "answer")
def generator(bench):
    """Measure cost and quality; RNG makes a generator at the first draw of each epoch."""
    _, total = bench.timed(lambda: philox(bench), calls=10)
    yield f"time to make one with {RNG.STATES:,} states", f"{total / 1000:.2f} ms"
    first, second = (bench.in_subprocess("questions", "drawn") for _ in range(2))
    yield "two processes draw the same for one seed", first == second
    rng, largest, draws = philox(bench), 0.0, bench.size(64, 1)
    n = bench.size(1 << 24, 1 << 12)
    for _ in range(draws):
        largest = max(largest, float(rng.random(n, dtype=bench.xp.float32).max()))
    yield f"the largest of {draws * n:,} float32", f"{largest:.9f}"
    yield "all are below 1", largest < 1


def drawn(bench):
    """Digest of the numbers of one seed, more of them than the generator has states."""
    with bench.stage():
        rng, dtype = philox(bench), bench.xp.float32
        parts = rng.random(3 * RNG.STATES, dtype), rng.standard_normal(1000, dtype)
        return hashlib.sha256(b"".join(to_numpy(p).tobytes() for p in parts)).hexdigest()


@part("Are equal computations equal in bits?", "float32", "runs", "different results")
def repeatability(bench):
    """Count different results: more than one if the order of additions is not fixed."""
    xp, n = bench.xp, bench.size(1 << 22, 1 << 10)
    values, square = bench.numbers(n), bench.numbers(512, 512)
    places = xp.asarray(np.random.default_rng(1).integers(0, 100, n))

    def scattered():
        y = xp.zeros(100, dtype="float32")
        xp.add.at(y, places, values)
        return y

    table = {
        f"add.at, {n:,} numbers into 100 places": scattered,
        f"cumsum of {n:,}": lambda: values.cumsum(),
        f"sum of {n:,}": lambda: values.sum(),
        f"sum over the rows of ({n // 64:,}, 64)": lambda: values.reshape(-1, 64).sum(axis=0),
        "matrix product, (512, 512)": lambda: square @ square,
    }
    runs = bench.size(30, 2)
    for name, work in table.items():
        yield name, runs, len({to_numpy(work()).tobytes() for _ in range(runs)})


@part("What does TF32 change?", "x @ W", "CUPY_TF32", "us", "TFLOP/s", "relative error")
def gemm(bench):
    """Measure each setting in its own process: CuPy reads the variable at the first product."""
    for tf32 in "01":
        yield from bench.in_subprocess("questions", "products", tf32, CUPY_TF32=tf32)


def products(bench, tf32):
    """Rows of `gemm` with the setting of this process."""
    small, large = bench.size(128, 16), bench.size(4096, 32)
    rows = []
    with bench.stage():
        for n, d, m in ((small, 784, 256), (large, large, large)):
            x, W = bench.numbers(n, d), bench.numbers(d, m)
            us = bench.timed(lambda x=x, W=W: x @ W, calls=20)[1]
            exact = x.astype("float64") @ W.astype("float64")
            error = float(abs(x @ W - exact).max() / exact.max())
            rows.append((f"({n}, {d}) ({d}, {m})", tf32, us, 2e-6 * n * d * m / us, error))
    return rows


@part("Does it matter where in the vector W begins?", "floats before W", "small us", "large us")
def alignment(bench):
    """Measure products with W at several offsets: each W is a view into one vector."""
    shapes = [bench.size((128, 784, 256), (2, 8, 4)), bench.size((2048,) * 3, (8,) * 3)]
    for offset in (0, 1, 2, 3, 4, 8, 16, 32, 64):
        us = []
        for n, d, m in shapes:
            x, W = bench.numbers(n, d), bench.numbers(offset + d * m)[offset:].reshape(d, m)
            us.append(bench.timed(lambda x=x, W=W: x @ W)[1])
        yield offset, *us


@part("Does CuPy warn with this NumPy?", "warning", on_stand_in=False)
def cupy_warnings(bench):
    """Import CuPy and compute once; a warning would be an error in the test suite."""
    code = "import cupy; a = cupy.ones((3, 3), dtype='float32'); print(float((a @ a).sum()))"
    for line in ran([sys.executable, "-W", "always", "-c", code]).stderr.splitlines() or ["none"]:
        yield (line,)
