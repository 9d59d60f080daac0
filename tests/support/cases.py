"""Examples of every public layer and option for the tests of the layer contract.

They come from the registry of gradient checks, `scratchnet.gradcheck_cases.LAYERS`: a new layer
needs an entry there, and none here. OTHERS has examples that an entry of the registry cannot have.
"""

import contextlib
import dataclasses
import importlib.util
from collections.abc import Callable

import numpy as np
import pytest

from scratchnet.backend import float64
from scratchnet.gradcheck_cases import LAYERS, layer_maker
from scratchnet.layers import (
    ActivityRegularization,
    BatchNormalization,
    Dense,
    Flatten,
    Layer,
    Sequential,
    Tanh,
    TimeDistributed,
)
from scratchnet.layers.parameters import Parameter

needs_numba = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason='Numba is missing: pip install -e ".[numba]"'
)


@dataclasses.dataclass(frozen=True)
class Case:
    """A function that makes a layer, and an input shape (no batch axis) for it."""

    make: Callable[[], Layer]
    shape: tuple = (3, 2, 4)

    def holds(self, *kinds):
        """True if the layer, or a layer inside it, is of one of these kinds."""
        return any(isinstance(layer, kinds) for layer in self.make().named_layers().values())


def few(combinations):
    """The first combination of options, and as few others as take every value of every option."""
    values = [{(name, str(value)) for name, value in c.items()} for c in combinations]
    chosen, missing = [0], set.union(*values) - values[0]
    while missing:
        chosen.append(max(range(len(values)), key=lambda i: len(values[i] & missing)))
        missing -= values[chosen[-1]]
    return [combinations[i] for i in chosen]


def registered():
    """{"Dense(units=1, ...)": Case} from the registry; the shapes of a layer in turn."""
    cases = {}
    for name, (combinations, shapes) in LAYERS.items():
        shapes = [shape for shape in shapes if not callable(shape)]
        if not shapes:  # a layer that takes integers
            continue
        one_output = [
            c | {"return_state": False} if "return_state" in c else c for c in combinations
        ]
        for i, options in enumerate(few(one_output) if shapes else []):
            values = (f"{o}={getattr(v, '__name__', v)}" for o, v in options.items())
            case = Case(layer_maker(name, options), shapes[i % len(shapes)])
            cases[f"{name}({', '.join(values)})"] = case
    return cases


OTHERS = {
    "ActivityRegularization sum": Case(lambda: ActivityRegularization(0.1, 0.2, reduction="sum")),
    "Dense square": Case(lambda: Dense(4), (4,)),
    "Sequential nested": Case(lambda: Sequential([Dense(4), Tanh(), Sequential([Dense(3)])]), (4,)),
    "Sequential of nothing": Case(lambda: Sequential([])),
    "Sequential with statistics": Case(lambda: Sequential([BatchNormalization(), Flatten()])),
    "TimeDistributed model": Case(lambda: TimeDistributed(Sequential([Dense(4)])), (2, 4)),
}
CASES = registered() | OTHERS


def over(cases):
    """Run a test once for each of these cases."""
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def example(case, n=5, dtype="float32", shape=None):
    """(layer, x, dy): built, its parameters and statistics off their 0 and 1; x, dy read-only."""
    rng = np.random.default_rng(7)
    layer, shape = case.make(), shape or case.shape
    with float64() if dtype == "float64" else contextlib.nullcontext():
        output_shape = layer.build(shape, 3)
    for array in (layer.named_parameters() | layer.named_state()).values():
        array += rng.uniform(0.1, 0.5, array.shape)
    x, dy = (rng.standard_normal((n, *s)).astype(dtype) for s in (shape, output_shape))
    return layer, read_only(x), read_only(dy)


def run(layer, x, dy, train=False):
    """(y, cache, dx, grads), with a cache that cannot be written to."""
    y, cache = layer.forward(x, train)
    dx, grads = layer.backward(dy, read_only(cache))
    return y, cache, dx, grads


def built(layer, shape=(4,), seed=0):
    """The layer, after building it."""
    layer.build(shape, seed)
    return layer


def three_levels():
    """A model in a model in a model, (N, 4) -> (N, 4)."""
    inner = Sequential([Dense(3), Tanh()], name="inner")
    middle = Sequential([inner, BatchNormalization(), Dense(2)], name="middle")
    return built(Sequential([Dense(5), middle, Dense(4, use_bias=False)], name="outer"))


def assert_vector_is_right(layer):
    """Each trainable parameter is a view of the layer's vector, one after the other, no gaps."""
    vector, start = layer.parameters, 0
    for path, p in layer.parameter_items(trainable_only=True):
        piece = vector[start : start + p.value.size]
        assert np.shares_memory(p.value, piece), path
        assert bits(p.value.reshape(-1)) == bits(piece), path
        start += p.value.size
    assert start == vector.size


def arrays_in(tree):
    """Every array in nested tuples, lists and dictionaries."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        return [array for part in tree for array in arrays_in(part)]
    return [tree] if isinstance(tree, (np.ndarray, np.generic)) else []


def read_only(tree):
    """The same tree; writing to one of its arrays now raises."""
    for array in arrays_in(tree):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return tree


def bits(value):
    """The value with its bytes in place of each array: comparable, and deaf to later writes."""
    if isinstance(value, Parameter):
        value = value.value
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: bits(part) for key, part in value.items()}
    return [bits(v) for v in value] if isinstance(value, (list, tuple)) else value


def attributes(layer):
    """Everything that hangs on a layer and on the layers inside it, as `bits`."""
    return {path: bits(vars(part)) for path, part in layer.named_layers().items()}
