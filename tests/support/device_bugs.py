"""A training step of all that is hard on a GPU, and thirty ways to spoil it that NumPy allows.

Each bug replaces a piece of one line, runs on NumPy, and would raise, stall or compute something
else on a GPU. They measure the stand-in for CuPy, and a real GPU measures them.
"""

import inspect
import types

import numpy as np

RATES, DROPPED, NOISE, LIMIT = [0.1, 0.05], 0.25, 0.1, 1.0


def make(xp):
    """(parameters, pictures, words, labels): three classes; a word belongs to each picture."""
    host = np.random.default_rng(1)
    shapes = {"W": (9, 4), "b": (4,), "V": (6 * 6 * 4, 3), "E": (5, 3)}
    p = {name: 0.1 * host.standard_normal(shape) for name, shape in shapes.items()}
    p = {name: xp.asarray(array.astype(np.float32)) for name, array in p.items()}
    x = xp.asarray(host.standard_normal((8, 6, 6)).astype(np.float32))
    words, labels = host.integers(0, 5, 8), host.permutation([0, 1, 2, 0, 1, 2, 0, 1])
    return p, x, xp.asarray(words), xp.asarray(labels)


def im2col(xp, x):
    """(N, H, W) -> (N*H*W, 9): the 3x3 patch around each pixel."""
    x = xp.pad(x, ((0, 0), (1, 1), (1, 1)))
    return xp.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2)).reshape(-1, 9)


def step(xp, rng, p, x, words, labels):
    """Shuffle, normalize, blur, convolve, drop out, classify, go back, clip, update: the loss."""
    n = len(x)
    order = xp.argsort(rng.random(n, dtype=xp.float32))
    x, words, labels = x[order], words[order], labels[order]
    x = (x - x.mean()) / xp.sqrt(xp.var(x))
    x = x + NOISE * rng.standard_normal(x.shape, dtype=xp.float32)
    cols = im2col(xp, x)  # (N*H*W, 9)
    z = cols @ p["W"] + p["b"]  # (N*H*W, 4)
    mask = (rng.random(z.shape, dtype=xp.float32) >= DROPPED).astype(xp.float32)
    h = xp.maximum(z, 0) * mask / (1 - DROPPED)
    s = h.reshape(n, -1) @ p["V"]  # (N, 3)
    s = s + p["E"][words]
    s = s - s.max(axis=1, keepdims=True)
    log_p = s - xp.log(xp.exp(s).sum(axis=1, keepdims=True))
    rows = xp.arange(n)
    loss = -log_p[rows, labels].sum() / n

    ds = xp.exp(log_p)
    ds[rows, labels] -= 1
    ds = ds / n
    dh = (ds @ p["V"].T).reshape(z.shape) * mask / (1 - DROPPED)
    dz = dh * (z > 0)
    g = {"V": h.reshape(n, -1).T @ ds, "E": xp.zeros_like(p["E"])}
    xp.add.at(g["E"], words, ds)
    g |= {"W": cols.T @ dz, "b": dz.sum(axis=0)}

    norm = xp.sqrt(sum((d * d).sum() for d in g.values()))
    scale = xp.minimum(1, LIMIT / norm)
    rate = RATES[0]
    for name, d in g.items():
        p[name] -= rate * scale * d
    return loss


HOST, SYNC = "a host array was given", "makes the host wait for the device"
SHUFFLE = "xp.argsort(rng.random(n, dtype=xp.float32))"
MASK, NO_MASK = "rng.random(z.shape, dtype=xp.float32) >=", "dh * (z > 0)"
SCATTER = 'xp.add.at(g["E"], words, ds)'

BUGS = {  # name: (what stands there, what stands there instead, how the stand-in complains)
    "a buffer of the host": ('xp.zeros_like(p["E"])', "np.zeros((5, 3), np.float32)", HOST),
    "labels left on the host": ("xp.asarray(labels)", "labels", "no implicit conversion"),
    "a mask from the host": (MASK, "np.random.default_rng(2).random(z.shape) >=", HOST),
    "the loss read each step": ("return loss", "return float(loss)", r"float\(\) " + SYNC),
    "a norm looked at": (
        "xp.minimum(1, LIMIT / norm)",
        "LIMIT / norm if norm > LIMIT else 1",
        r"bool\(\) " + SYNC,
    ),
    "writing through a mask": (NO_MASK, "dh; dz[z <= 0] = 0", "mask " + SYNC),
    "subtract.at": (SCATTER, 'xp.subtract.at(g["E"], words, -ds)', "subtract.at works for int32"),
    "multiply.at": ("ds = ds / n", "xp.multiply.at(ds, rows, 1 / n)", "no multiply.at"),
    "sum(where=)": ("dz.sum(axis=0)", "dz.sum(axis=0, where=z > 0)", "keyword where"),
    "max(initial=)": ("s.max(axis=1,", "s.max(axis=1, initial=0,", "keyword initial"),
    "a ufunc's where=": (
        NO_MASK,
        "xp.multiply(dh, 1, out=xp.zeros_like(dh), where=z > 0)",
        "keyword where",
    ),
    "Generator.permutation": (SHUFFLE, "rng.permutation(n)", "no 'permutation'"),
    "Generator.normal": (
        "NOISE * rng.standard_normal(x.shape, dtype=xp.float32)",
        "rng.normal(0, NOISE, x.shape).astype(xp.float32)",
        "no 'normal'",
    ),
    "Generator.shuffle": (SHUFFLE, "xp.arange(n); rng.shuffle(order)", "no 'shuffle'"),
    "errstate": ("log_p = s", "with xp.errstate(over='ignore'): log_p = s", "no 'errstate'"),
    "take(mode=)": ('p["E"][words]', 'p["E"].take(words, axis=0, mode="clip")', "keyword mode"),
    "a write to one place twice": (SCATTER, 'g["E"][words] += ds', "an index is repeated"),
    "np.asarray": ("-log_p[rows, labels]", "-log_p[rows, np.asarray(labels)]", "no implicit"),
    "an array as index of a list": (
        "RATES[0]",
        "RATES[labels.min()]",
        "list indices must be integers",
    ),
    "uninitialized memory": ('xp.zeros_like(p["E"])', 'xp.empty_like(p["E"])', "not finite"),
    "insert": ("xp.arange(n)", "xp.insert(xp.arange(1, n), 0, 0)", "no 'insert'"),
    "argsort(stable=)": (SHUFFLE, SHUFFLE[:-1] + ", stable=True)", "keyword stable"),
    "var(correction=)": ("xp.var(x)", "xp.var(x, correction=1)", "keyword correction"),
    "einsum(out=)": (
        "cols.T @ dz",
        'xp.einsum("nk,nf->kf", cols, dz, out=xp.zeros_like(p["W"]))',
        "keyword out",
    ),
    "np.exp": ("ds = xp.exp", "ds = np.exp", "np.exp on a device array"),
    "a float64 of NumPy's": ("0) * mask / (", "0) * mask / np.float64(", "divide made float64"),
    "argsort(kind='mergesort')": (SHUFFLE, SHUFFLE[:-1] + ", kind='mergesort')", "kind="),
    "printing": ("return loss", "print(loss); return loss", r"str\(\) " + SYNC),
    "a loop over an array": (
        "-log_p[rows, labels].sum()",
        "-sum(v for v in log_p[rows, labels])",
        "iterating over an array " + SYNC,
    ),
    "a mask without a seed, copied properly": (
        MASK,
        "xp.asarray(np.random.random(z.shape).astype(np.float32)) >=",
        None,  # for the stand-in it is like any other data; test_architecture.py forbids the name
    ),
}


def source(bug=None):
    """The toy's text, with one of the bugs, or none, in it."""
    text = "\n\n".join(inspect.getsource(part) for part in (make, im2col, step))
    if bug is None:
        return text
    was, becomes, _ = BUGS[bug]
    assert text.count(was) == 1, f"{bug}: {was!r} stands there {text.count(was)} times"
    return text.replace(was, becomes)


def toy(bug=None):
    """The toy as a module, with one of the bugs, or none, in it."""
    built = types.SimpleNamespace(np=np, RATES=RATES, DROPPED=DROPPED, NOISE=NOISE, LIMIT=LIMIT)
    exec(source(bug), vars(built))  # a bug is text: it is planted in the source
    return built


def losses(parts, xp, rng, guard, steps=3):
    """The losses of a few steps inside a guard, read after the last one."""
    with guard:
        p, *batch = parts.make(xp)
        values = [parts.step(xp, rng, p, *batch) for _ in range(steps)]
    return [float(value) for value in values]
