"""The contract that every layer keeps: most tests run over all public layers, see `cases.py`.

Numbers in parentheses count the 41 defects, most of them found in other libraries, that this
project tests against.
"""

import copy
import inspect
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cases import (
    CASES,
    Case,
    arrays_in,
    assert_vector_is_right,
    attributes,
    bits,
    built,
    example,
    over,
    read_only,
    run,
)
from numpy.testing import assert_allclose

import scratchnet.layers
from scratchnet.layers import (
    ELU,
    ActivityRegularization,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    LayerNormalization,
    LeakyReLU,
    Reshape,
    Sampling,
    Sequential,
    Tanh,
    WeightRegularization,
)
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import AdamW
from scratchnet.training import train_step

NOT_LAYERS = {"Layer", "ShapeError"}  # public too: the base class and an error
PUBLIC = {
    n: getattr(scratchnet.layers, n) for n in scratchnet.layers.__all__ if n not in NOT_LAYERS
}
TAKE_INTEGERS = {"Embedding"}  # tested in test_embedding.py
NOISY = (Dropout, GaussianNoise, Sampling)

every_layer = over(CASES)
every_mode = pytest.mark.parametrize("train", [False, True], ids=["inference", "training"])
every_precision = pytest.mark.parametrize("dtype", ["float32", "float64"])


def layers_where(condition):
    return over({name: case for name, case in CASES.items() if condition(case)})


def has_parameters(case):
    return bool(example(case)[0].n_parameters)


def keeps_its_shape(case):
    return case.make().build(case.shape, 0) == case.shape


def averages_a_penalty(case):
    """True if the layer adds a mean over the batch, so that gradients of parts do not add up."""
    layers = case.make().named_layers().values()
    return case.holds(Sampling, WeightRegularization) or any(
        getattr(part, "reduction", "") == "mean" for part in layers
    )


def needs_no_arguments(kind):
    takes_a_pair = kind.__name__ == "MaxUnpooling2D"
    return not takes_a_pair and all(
        p.default is not p.empty for p in inspect.signature(kind).parameters.values()
    )


def in_a_chain(layer, shape):
    """A model with the layer in its middle, so that gradients must pass through it."""
    return built(Sequential([LayerNormalization(), layer, Flatten(), Dense(2)]), shape)


def two_steps(model, x):
    optimizer, target = AdamW(0.01), np.ones((len(x), 2), x.dtype)
    return [train_step(model, MeanSquaredError(), optimizer, x, target)[0] for _ in range(2)]


def test_every_public_layer_has_a_case():
    made = [part for case in CASES.values() for part in case.make().named_layers().values()]
    assert {type(layer).__name__ for layer in made} == set(PUBLIC) - TAKE_INTEGERS


@over(CASES | {f"{n}()": Case(k) for n, k in PUBLIC.items() if needs_no_arguments(k)})
def test_a_layer_can_be_trained_for_two_steps(case):
    """(1, 2, 14) With its defaults too; updates move every parameter and change no shape."""
    layer, x, _ = example(case)
    model = in_a_chain(layer, case.shape)
    before = {path: p.copy() for path, p in layer.named_parameters().items()}
    assert np.isfinite(two_steps(model, x)).all()
    for path, p in layer.named_parameters().items():
        assert p.shape == before[path].shape and (p != before[path]).all()


@every_layer
@every_mode
@pytest.mark.parametrize("n", [1, 5], ids=["one sample", "five"])
@pytest.mark.parametrize("width", [None, 1], ids=["", "one channel"])
def test_shapes_are_as_promised(case, train, n, width):
    """(14, 17, 31, 36)"""
    if width and getattr(case.make(), "groups", 1) > 1:
        pytest.skip("groups cannot share one channel")
    shape = (*case.shape[:-1], width or case.shape[-1])
    if width and case.holds(Sampling, Reshape, WeightRegularization):
        pytest.skip("these layers need other widths")
    layer, x, dy = example(case, n, shape=shape)
    y, _, dx, grads = run(layer, x, dy, train)
    assert y.shape == dy.shape  # dy has the shape that build promised
    assert dx.shape == x.shape
    shapes = {path: p.shape for path, p in layer.named_parameters().items()}
    assert {path: g.shape for path, g in grads.items()} == shapes


@every_layer
@every_mode
@every_precision
def test_the_precision_of_the_input_is_the_precision_of_everything(case, dtype, train):
    """(21)"""
    layer, x, dy = example(case, dtype=dtype)
    y, cache, dx, grads = run(layer, x, dy, train)
    arrays = arrays_in([y, cache, dx, grads, layer.named_parameters(), layer.named_state()])
    assert {a.dtype for a in arrays if a.dtype.kind == "f"} == {np.dtype(dtype)}
    others = {np.dtype("int64"), np.dtype(bool)}  # indices of maxima and masks of steps, in caches
    assert {a.dtype for a in arrays_in([y, dx, grads])} <= {np.dtype(dtype)}
    assert {a.dtype for a in arrays} - others == {np.dtype(dtype)}


@pytest.mark.parametrize(
    "layer",
    [
        ActivityRegularization(np.float64(0.1), np.float64(0.2)),
        BatchNormalization(np.float64(0.9), np.float64(1e-3)),
        Dropout(np.float64(0.5)),
        ELU(np.float64(0.5)),
        GaussianNoise(np.float64(0.5)),
        LayerNormalization(np.float64(1e-3)),
        LeakyReLU(np.float64(0.5)),
    ],
    ids=repr,
)
def test_an_option_given_as_a_numpy_number_does_not_change_the_precision(layer):
    """(21) float32 array * np.float64(0.5) is float64, unlike float32 array * 0.5."""
    layer, x, dy = example(Case(lambda: layer))
    assert {a.dtype for a in arrays_in(run(layer, x, dy, train=True))} == {np.dtype("float32")}


@every_layer
@every_mode
def test_backward_may_be_called_twice_and_nothing_is_written_to(case, train):
    """(30, 32, 40) x, dy and the cache are read-only here, and every attribute stays."""
    layer, x, dy = example(case)
    before = attributes(layer)
    y, cache = layer.forward(x, train)
    remembered = bits(read_only(cache))
    once = bits(layer.backward(dy, cache))
    layer.penalty(cache)
    assert bits(layer.backward(dy, cache)) == once
    assert bits(layer.weight_gradients(dy, cache)) == once[1]
    assert bits(layer.input_gradient(dy, cache)) == once[0]
    assert bits(cache) == remembered
    assert attributes(layer) == before


@pytest.mark.parametrize(
    ("case", "train"),
    [
        pytest.param(case, train, id=f"{name} {'training' if train else 'inference'}")
        for name, case in CASES.items()
        for train in (False, True)
        if not (train and case.holds(BatchNormalization, *NOISY)) and not averages_a_penalty(case)
    ],
)
def test_two_threads_with_half_a_batch_each_give_the_gradients_of_the_whole(case, train):
    """(39)"""
    layer, x, dy = example(case, n=6, dtype="float64")
    halves = slice(0, 2), slice(2, 6)
    with ThreadPoolExecutor(2) as pool:
        (_, _, dx_0, grads_0), (_, _, dx_1, grads_1) = pool.map(
            lambda half: run(layer, x[half], dy[half], train), halves
        )
    _, _, dx, grads = run(layer, x, dy, train)
    assert_allclose(np.concatenate([dx_0, dx_1]), dx, rtol=1e-12)
    for path, g in grads.items():
        assert_allclose(grads_0[path] + grads_1[path], g, rtol=1e-12, atol=1e-14)


@every_layer
def test_the_result_for_a_sample_does_not_depend_on_its_batch(case):
    """(13)"""
    layer, x, _ = example(case, dtype="float64")
    assert_allclose(np.concatenate([layer(x[i : i + 1]) for i in range(len(x))]), layer(x), 1e-12)


@layers_where(lambda case: not case.holds(Sampling))  # exp(1000) is no float: test_generative.py
@every_mode
@every_precision
def test_inputs_of_a_thousand_give_numbers_and_no_warning(case, train, dtype):
    """(6, 35)"""
    layer, x, dy = example(case, n=3, dtype=dtype)
    x = np.where(x > 0, x.dtype.type(1000), x.dtype.type(-1000))
    x[0], x[1] = 1000, -1000
    with np.errstate(all="raise", under="ignore"):
        for array in arrays_in(run(layer, read_only(x), dy, train)):
            assert np.isfinite(array).all()


@layers_where(keeps_its_shape)
def test_a_layer_used_twice_equals_two_with_tied_weights_and_their_gradients_added(case):
    """(38)"""
    layer, x, dy = example(case, dtype="float64")
    a, b = copy.deepcopy(layer), copy.deepcopy(layer)
    twice = built(Sequential([layer, Tanh(), layer]), case.shape)
    tied = built(Sequential([a, Tanh(), b]), case.shape)
    train = not case.holds(*NOISY)
    y, _, dx, grads = run(twice, x, dy, train)
    y_tied, _, dx_tied, tied_grads = run(tied, x, dy, train)
    assert_allclose(y, y_tied, rtol=1e-12)
    assert_allclose(dx, dx_tied, rtol=1e-12, atol=1e-14)
    assert len(tied_grads) == 2 * len(grads)
    first, _, second = tied.children
    for path, g in grads.items():
        inside = path.partition("/")[2]
        both = tied_grads[f"{first}/{inside}"] + tied_grads[f"{second}/{inside}"]
        assert_allclose(g, both, rtol=1e-12)


@layers_where(has_parameters)
def test_a_frozen_layer_passes_gradients_and_keeps_its_parameters(case):
    """(5)"""
    layer, x, _ = example(case)
    model = in_a_chain(layer, case.shape)
    dy = np.ones((len(x), 2), "float32")
    _, _, dx, _ = run(model, x, dy)
    layer.trainable = False
    assert bits(run(model, x, dy)[2]) == bits(dx)
    before, others = bits(layer.named_parameters()), model.layers[-1].W.copy()
    two_steps(model, x)
    assert bits(layer.named_parameters()) == before
    assert (model.layers[-1].W != others).all()


@layers_where(has_parameters)
def test_every_parameter_lies_in_the_vector_of_its_layer(case):
    """(41)"""
    layer, _, _ = example(case)
    for each in (layer, copy.deepcopy(layer), layer.astype("float64")):
        assert_vector_is_right(each)
        each.parameters[...] += 1
        assert_vector_is_right(each)


@every_layer
def test_a_copy_computes_the_same_and_shares_nothing(case):
    layer, x, dy = example(case)
    run(layer, x, dy, train=True)
    same, precise = copy.deepcopy(layer), layer.astype("float64")
    assert bits(run(same, x, dy)) == bits(run(layer, x, dy))
    assert_allclose(precise(x.astype("float64")), layer(x), rtol=1e-5, atol=1e-6)  # float32 rounds
    for copied in (same, precise):
        for array in arrays_in([layer.named_parameters(), layer.named_state()]):
            for other in arrays_in([copied.named_parameters(), copied.named_state()]):
                assert not np.shares_memory(array, other)


@over(CASES)
def test_a_pickled_layer_computes_the_same(case):
    layer, x, _ = example(case, n=2)
    copied = pickle.loads(pickle.dumps(layer))
    assert bits(copied(x)) == bits(layer(x))
