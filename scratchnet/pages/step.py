"""Page of one sample through a small network, forward and backward, number by number."""

import ast
import inspect
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.backend import Array, to_device, to_numpy
from scratchnet.layers import Dense, Layer
from scratchnet.losses import BinaryCrossEntropy, Loss, MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.pages.html import LIMIT, resource, write_page
from scratchnet.pages.network import ACTIVATIONS, describe, numbers, plain_layers
from scratchnet.validation import require

UNITS = 10  # of a layer, at most: each number has a place on the page
SAMPLES = 8
METHODS = ("forward", "backward", "input_gradient", "weight_gradients")
LOSSES = (MeanSquaredError, BinaryCrossEntropy, SoftmaxCrossEntropy)
NO_FORMULA = ("Parameters", "Plain form", "Source", "Sources", ">>>")  # first words of paragraphs


def step_page(
    model: Layer,
    path: str | Path,
    *,
    x: Array | None = None,
    t: Array | None = None,
    loss: Loss | None = None,
    limit: float | None = LIMIT,
) -> Path:
    """Write the page of a small network, beside the source and the formula of each layer.

    Parameters
        model   a built `Sequential` of `Dense` layers and activations, of at most 10 units a layer
        x       samples (N, D); by default three of random numbers. The page has the first eight
        t       their targets, as the loss expects them; by default random numbers
        loss    `MeanSquaredError` (the default), `BinaryCrossEntropy` or `SoftmaxCrossEntropy`
        limit   size of the page in kilobytes; None: any size

    Raises ValueError for another layer or loss, or a layer of more units.

    >>> import tempfile
    >>> from scratchnet.layers import Sequential, Tanh
    >>> model = Sequential([Dense(3), Tanh(), Dense(2)])
    >>> model.build((2,), 0)
    (2,)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     step_page(model, f"{folder}/step.html").name
    'step.html'
    """
    shape: tuple[int, ...] = model.input_shape or ()
    require(
        len(shape) == 1,
        f"the step page expects a built model of samples (D,); {model.title} has the input shape "
        f"{model.input_shape}: call build((D,), seed)",
    )
    layers = plain_layers(model)
    for layer in layers:
        require(
            isinstance(layer, (Dense, *ACTIVATIONS)),
            f"the step page expects Dense layers and activations; got {layer.title}",
        )
    described = describe(model, "the step page")
    widths = [shape[0], *(layer.units for layer in layers if hasattr(layer, "units"))]
    require(
        max(widths) <= UNITS,
        f"the step page expects at most {UNITS} units a layer; this model has {max(widths)}: build "
        "a small model of the same kind",
    )
    loss = MeanSquaredError() if loss is None else loss
    require(
        isinstance(loss, LOSSES),
        f"the step page expects one of the losses {', '.join(kind.__name__ for kind in LOSSES)}; "
        f"got {loss!r}",
    )
    x, t = _samples(model, loss, x, t)
    data = {
        "layers": described,
        "names": [layer.name or type(layer).__name__ for layer in layers],
        "loss": _loss_options(loss),
        "x": numbers(x),
        "t": numbers(_one_hot(t, widths[-1]) if t.ndim == 1 else t),
        "sources": {type(part).__name__: source(type(part)) for part in (*layers, loss)},
        "check": [worked_step(model, loss, x[n : n + 1], t[n : n + 1]) for n in range(len(x))],
    }
    return write_page(
        path,
        title="A network, number by number",
        body=resource("step.html"),
        data=data,
        scripts=["network.js", "step_losses.js", "step.js"],
        styles=["step.css"],
        limit=limit,
    )


def _samples(model, loss, x, t):
    """The first samples and their targets, in float64; random ones if there are none."""
    rng = np.random.default_rng(0)
    D = model.input_shape[0]
    M = model(to_device(np.zeros((1, D)))).shape[1]
    x = rng.standard_normal((3, D)).round(2) if x is None else to_numpy(x)[:SAMPLES]
    if t is None:
        classes = isinstance(loss, SoftmaxCrossEntropy)
        t = np.arange(len(x)) % M if classes else rng.uniform(size=(len(x), M)).round(2)
    t = to_numpy(t)[:SAMPLES]
    require(
        len(t) == len(x) > 0 and x.ndim == 2 and x.shape[1] == D,
        f"the step page expects samples x (N, {D}) and as many targets t; got {x.shape} and "
        f"{t.shape}",
    )
    return x.astype("float64"), t if t.dtype.kind in "iu" else t.astype("float64")


def _one_hot(t, K):
    return np.eye(K)[t]


def _loss_options(loss):
    options = {"kind": type(loss).__name__, "mean": loss.reduction == "mean"}
    if isinstance(loss, BinaryCrossEntropy):
        options["from_logits"] = loss.from_logits
    return options


def worked_step(model: Layer, loss: Loss, x: Array, t: Array) -> dict[str, Any]:
    """Every number of a step of one sample x (1, D), in float64: the page is compared with them.

    >>> from scratchnet.layers import Sequential
    >>> model = Sequential([Dense(1, "ones")])
    >>> model.build((2,), 0)
    (1,)
    >>> step = worked_step(model, MeanSquaredError(), np.ones((1, 2)), np.zeros((1, 1)))
    >>> step["loss"], step["dy"], step["backward"]
    (4.0, [4.0], [{'dx': [4.0, 4.0], 'W': [4.0, 4.0], 'b': [4.0]}])
    """
    layers, outputs, caches = plain_layers(model.astype("float64")), [], []
    y = to_device(x, "float64")
    for layer in layers:
        y, cache = layer.forward(y)
        outputs.append(numbers(y[0]))
        caches.append(cache)
    value, cache = loss.forward(y, to_device(t, "float64") if t.dtype.kind == "f" else t)
    dy = loss.backward(cache)
    step = {"outputs": outputs, "loss": float(value), "dy": numbers(dy[0])}
    backward: list[dict] = []
    for layer, cache in reversed(list(zip(layers, caches, strict=True))):
        dy, grads = layer.backward(dy, cache)
        grads = {name: numbers(g.reshape(-1)) for name, g in grads.items()}
        backward.insert(0, {"dx": numbers(dy[0]), **grads})
    return {**step, "backward": backward}


def source(kind: type) -> dict[str, Any]:
    """File, formula and source of the methods (without docstrings) of a class of layers or losses.

    >>> found = source(Dense)
    >>> found["formula"].splitlines()[0], list(found["methods"])[:2]
    ('Fully connected layer, y = x W + b.', ['forward', 'backward'])
    """
    methods = {}
    for name in METHODS:
        method = getattr(kind, name, None)
        if method is not None:
            text = without_docstring(textwrap.dedent(inspect.getsource(method)))
            owner = next(base for base in kind.__mro__ if name in base.__dict__)
            methods[name] = {"source": text, "owner": owner.__name__}
    file = kind.__module__.replace(".", "/") + ".py"
    return {"file": file, "formula": formula(kind), "methods": methods}


def without_docstring(text: str) -> str:
    """Source of a function without its docstring; comments stay.

    >>> print(without_docstring("def f(x):\\n    'Square.'\\n    return x * x  # (N,)\\n"))
    def f(x):
        return x * x  # (N,)
    """
    (function,) = ast.parse(text).body
    lines = text.splitlines()
    first = function.body[0] if isinstance(function, ast.FunctionDef) else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        del lines[first.lineno - 1 : first.end_lineno]
    return "\n".join(lines)


def formula(kind: type) -> str:
    """Paragraphs of the docstring of a class before its parameters, sources and example.

    >>> from scratchnet.layers import Tanh
    >>> print(formula(Tanh))
    Hyperbolic tangent, y = tanh(x).
    <BLANKLINE>
    f'(x) = 1 - y^2
    """
    kept = []
    for paragraph in (inspect.getdoc(kind) or "").split("\n\n"):
        if paragraph.startswith(NO_FORMULA):
            break
        kept.append(paragraph)
    return "\n\n".join(kept)
