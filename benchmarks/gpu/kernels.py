"""Measurements with CuPy itself: custom kernels, convolutions, graphs."""

import statistics

from benchmarks.gpu.bench import part

RAW = """
extern "C" __global__ void add(const float* y, const float* b, float* z, int n, int m) {
    int i = blockDim.x * blockIdx.x + threadIdx.x;
    if (i < n) z[i] = y[i] + b[i % m];
}
"""

# (N, H, W, C) -> (N*OH*OW, k*k*C), one thread for each number of the result, i = its place
IM2COL = """
    int channel = i % C, j = i / C;
    int across = j % k, down = (j / k) % k, patch = j / (k * k);
    int column = patch % OW, row = (patch / OW) % OH, picture = patch / (OW * OH);
    y = x[((picture * H + row + down) * W + column + across) * C + channel];
"""


@part(
    "What does a custom kernel cost?", "y + b, (128, 256)", "host us", "total us", on_stand_in=False
)
def own_kernels(bench):
    """Time kernels for `y + b`: if they are much cheaper, fusing formulas helps twice."""
    xp, y, b = bench.xp, bench.numbers(128, 256), bench.numbers(256)
    elementwise = xp.ElementwiseKernel("float32 y, float32 b", "float32 z", "z = y + b", "add")
    raw, z = xp.RawKernel(RAW, "add"), xp.empty_like(y)
    arguments = (y, b, z, xp.int32(y.size), xp.int32(b.size))
    blocks = (y.size + 255) // 256
    yield "ElementwiseKernel", *bench.timed(lambda: elementwise(y, b))
    yield "ElementwiseKernel, into z", *bench.timed(lambda: elementwise(y, b, z))
    yield "RawKernel, into z", *bench.timed(lambda: raw((blocks,), (256,), arguments))
    assert float(abs(z - y - b).max()) < 1e-6


def patches(xp, x, k):
    """Copy the patches that a convolution multiplies, (N, H, W, C) -> (N*OH*OW, k*k*C)."""
    w = xp.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))  # (N, OH, OW, C, k, k)
    n, oh, ow, c = w.shape[:4]
    return w.transpose(0, 1, 2, 4, 5, 3).reshape(n * oh * ow, k * k * c)


def images(bench):
    """Make 128 images of 32x32 pixels, padded by 1, with 64 channels."""
    return bench.numbers(bench.size(128, 2), 34, 34, bench.size(64, 3))


@part("How fast are patches copied?", "(128, 34, 34, 64), k 3", "us", "GB/s", on_stand_in=False)
def im2col(bench):
    """Measure GB/s, where each number of the result is read and written once."""
    xp, x, k = bench.xp, images(bench), 3
    n, h, w, c = x.shape
    cols = patches(xp, x, k)
    kernel = xp.ElementwiseKernel(
        "raw float32 x, int32 H, int32 W, int32 C, int32 OH, int32 OW, int32 k",
        "float32 y",
        IM2COL,
        "im2col",
    )
    ours = xp.empty_like(cols)
    table = {
        "sliding_window_view and reshape": lambda: patches(xp, x, k),
        "an ElementwiseKernel": lambda: kernel(x, h, w, c, h - k + 1, w - k + 1, k, ours),
        "lower bound: copying the result": lambda: cols.copy(),
    }
    for name, work in table.items():
        us = bench.timed(work, calls=20)[1]
        yield name, us, 2e-3 * cols.nbytes / us
    assert bool((ours == cols).all()), "the kernel's patches are not those of the copy"


@part("How fast is a convolution, compared with PyTorch?", "64 filters, k 3, forward", "us")
def convolution(bench):
    """CuPy has no convolution: copy patches, then multiply once."""
    xp, x = bench.xp, images(bench)
    W = bench.numbers(9 * x.shape[-1], 64)
    yield "CuPy, patches and product", bench.timed(lambda: patches(xp, x, 3) @ W, calls=20)[1]
    for tf32 in (False, True):
        ms = bench.in_subprocess("torch", "convolution", x.shape, tf32, python=bench.python_torch)
        yield f"PyTorch, TF32 {'on' if tf32 else 'off'}", 1000 * statistics.median(ms)


@part("Can a step become a CUDA graph?", "operation", "answer", on_stand_in=False)
def graphs(bench):
    """Try each operation in its own process, as a capture that fails breaks its stream."""
    for name in ("add", "matmul", "random"):
        try:
            yield name, bench.in_subprocess("kernels", "captured", name)
        except RuntimeError as problem:  # an error is an answer
            yield name, str(problem)


def captured(bench, name):
    """Capture one operation of CuPy in a graph and replay it."""
    xp, a = bench.xp, bench.numbers(64, 64)
    out, rng = xp.zeros_like(a), xp.random.default_rng(0)
    work = {
        "add": lambda: xp.add(a, a, out=out),
        "matmul": lambda: xp.matmul(a, a, out=out),
        "random": lambda: rng.random(a.shape, dtype=xp.float32, out=out),
    }[name]
    bench.wait()
    stream = xp.cuda.Stream(non_blocking=True)
    with stream:
        work()  # compiles, and takes its memory, before the recording
        stream.synchronize()
        stream.begin_capture()
        work()
        graph = stream.end_capture()
        graph.launch()
        stream.synchronize()
    return "captured and replayed"
