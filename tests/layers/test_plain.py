"""Plain reference implementations: finite differences, and comparison with the layers."""

import doctest
import importlib
import inspect
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

from scratchnet import layers
from scratchnet.backend import float64, to_device, to_numpy
from scratchnet.layers import plain

SIZE = (5, 7)  # height and width of an image
CASES = [  # function, shapes of the arrays, other arguments
    ("dense", {"x": (3, 4), "W": (4, 2), "b": (2,)}, {}),
    ("dense", {"x": (1, 1), "W": (1, 3), "b": (3,)}, {}),
    ("conv2d", {"x": (2, *SIZE, 3), "W": (3, 2, 3, 2), "b": (2,)}, {"stride": 1}),
    ("conv2d", {"x": (1, *SIZE, 1), "W": (2, 4, 1, 3), "b": (3,)}, {"stride": 2}),
    ("conv2d", {"x": (2, *SIZE, 2), "W": (1, 2, 2, 1), "b": (1,)}, {"stride": 3}),
    ("conv2d_transpose", {"x": (2, 2, 3, 3), "W": (3, 2, 2, 3), "b": (2,)}, {"stride": 1}),
    ("conv2d_transpose", {"x": (1, 2, 3, 1), "W": (2, 4, 3, 1), "b": (3,)}, {"stride": 2}),
    ("conv2d_transpose", {"x": (2, 2, 3, 2), "W": (1, 2, 1, 2), "b": (1,)}, {"stride": 3}),
    ("max_pool", {"x": (2, *SIZE, 2)}, {"size": 2, "stride": 2, "image_size": SIZE}),
    ("max_pool", {"x": (1, *SIZE, 1)}, {"size": 3, "stride": 1, "image_size": SIZE}),
    ("max_pool", {"x": (2, *SIZE, 3)}, {"size": 1, "stride": 3, "image_size": SIZE}),
    ("unpool", {"x": (2, 2, 3, 2)}, {"image_size": SIZE}),
    ("unpool", {"x": (1, 1, 2, 1)}, {"image_size": (2, 4)}),
    ("lstm_step", {"x": (3, 2), "h": (3, 4), "c": (3, 4), "W": (2, 16), "U": (4, 16), "b": 16}, {}),
    ("lstm_step", {"x": (1, 3), "h": (1, 1), "c": (1, 1), "W": (3, 4), "U": (1, 4), "b": 4}, {}),
    ("gru_step", {"x": (3, 2), "h": (3, 4), "W": (2, 12), "U": (4, 12), "b": (2, 12)}, {}),
    ("gru_step", {"x": (1, 3), "h": (1, 1), "W": (3, 3), "U": (1, 3), "b": (2, 3)}, {}),
    (
        "gru_step_reset_before",
        {"x": (3, 2), "h": (3, 4), "W": (2, 12), "U": (4, 12), "b": 12},
        {},
    ),
    ("gru_step_reset_before", {"x": (1, 3), "h": (1, 1), "W": (3, 3), "U": (1, 3), "b": 3}, {}),
    ("embedding", {"W": (4, 3)}, {"x": np.array([3, 0, 3, 1])}),
    ("embedding", {"W": (1, 1)}, {"x": np.array([0])}),
    ("batch_norm", {"x": (5, 3), "gamma": (3,), "beta": (3,)}, {"epsilon": 0.1}),
    ("batch_norm", {"x": (2, 1), "gamma": (1,), "beta": (1,)}, {}),
]
each_case = pytest.mark.parametrize("name, shapes, options", CASES)


def example(name, shapes, options):
    """{argument: value} for a plain function and its backward function."""
    rng = np.random.default_rng(3)
    known = {argument: rng.standard_normal(shape) for argument, shape in shapes.items()}
    if name == "unpool":
        n, _, _, c = shapes["x"]
        known["indices"] = plain.max_pool(normal(n, *options["image_size"], c), 2, 2)[1]
    return known | options


def normal(*shape):
    """Standard normal numbers, the same for each call with this shape."""
    return np.random.default_rng(shape).standard_normal(shape)


def as_tuple(arrays):
    return arrays if isinstance(arrays, tuple) else (arrays,)


def call(function, known, *gradients):
    """The outputs of a function, as a tuple; it takes from `known` what its signature names."""
    wanted = [p for p in inspect.signature(function).parameters if p in known]
    return as_tuple(function(*gradients, **{p: known[p] for p in wanted}))


def forward(name, known):
    """(the outputs that have a gradient, the arguments that the backward function knows)."""
    y = call(getattr(plain, name), known)
    return (y[:1], known | {"indices": y[1]}) if name == "max_pool" else (y, known)


def carried(value):
    """An array on the current device, float64 as float32; other values as they are."""
    return to_device(value) if isinstance(value, np.ndarray) else value


def finite_difference(f, a, step=1e-5):
    """The derivatives of the number f() by each entry of the array a, on which f depends."""
    slopes = np.empty_like(a)
    for index in np.ndindex(a.shape):
        value = a[index]
        a[index] = value + step
        above = f()
        a[index] = value - step
        slopes[index] = (above - f()) / (2 * step)
        a[index] = value
    return slopes


# ----------------------------------------------------------------------------- the plain functions


def test_the_examples_in_the_docstrings_are_right():
    results = doctest.testmod(plain)
    assert results.failed == 0 and results.attempted > 40


def test_the_table_names_the_layer_and_the_file_of_each_function():
    rows = dict(re.findall(r"^    (\w+) +(\w+ +layers/\S+)$", plain.__doc__, re.M))
    functions = [f for f in vars(plain).values() if getattr(f, "__module__", "") == plain.__name__]
    assert {f.__name__.removesuffix("_backward") for f in functions} == set(rows)
    assert len(functions) == 2 * len(rows)
    for name, row in rows.items():
        layer, path = row.split()
        module = importlib.import_module(f"scratchnet.{path[:-3].replace('/', '.')}")
        assert getattr(layers, layer).__module__ == module.__name__
        assert f"Optimized: `{layer}`." in getattr(plain, name).__doc__
        of_layer = getattr(layers, layer).__doc__
        assert "Plain form: " in of_layer and f"`{name}`" in of_layer


@each_case
def test_each_gradient_is_a_finite_difference(name, shapes, options):
    known = example(name, shapes, options)
    y, known_backward = forward(name, known)
    dy = [normal(*output.shape) for output in y]
    gradients = call(getattr(plain, f"{name}_backward"), known_backward, *dy)

    def loss():
        return sum((a * b).sum() for a, b in zip(dy, forward(name, known)[0], strict=True))

    for argument, gradient in zip(shapes, gradients, strict=True):
        expected = finite_difference(loss, known[argument])
        assert_allclose(gradient, expected, rtol=1e-8, atol=1e-8, err_msg=argument)


@each_case
def test_the_functions_run_on_each_device(name, shapes, options, xp):
    known = example(name, shapes, options)
    y, known_backward = forward(name, known)
    dy = [normal(*output.shape) for output in y]
    expected = *y, *call(getattr(plain, f"{name}_backward"), known_backward, *dy)

    known = {argument: carried(value) for argument, value in known.items()}
    y, known = forward(name, known)
    got = *y, *call(getattr(plain, f"{name}_backward"), known, *map(carried, dy))
    for a, b in zip(got, expected, strict=True):
        assert isinstance(a, xp.ndarray) and a.dtype == "float32"
        assert_allclose(to_numpy(a), b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [(3, 2), (1, 4), (2, 2)])
def test_conv2d_transpose_is_the_adjoint_of_conv2d(kernel, stride):
    """<conv2d(x), y> = <x, conv2d_transpose(y)>, except for pixels of x that no window covers."""
    x, W = normal(2, *SIZE, 3), normal(*kernel, 3, 4)
    convolved = plain.conv2d(x, W, 0, stride)
    y = normal(*convolved.shape)
    transposed = plain.conv2d_transpose(y, W, 0, stride)
    h, w = transposed.shape[1:3]
    assert_allclose((x[:, :h, :w] * transposed).sum(), (convolved * y).sum(), rtol=1e-12)
    dx, _, _ = plain.conv2d_backward(y, x, W, stride)
    assert_allclose(dx[:, :h, :w], transposed, atol=1e-12)
    assert not dx[:, h:].any() and not dx[:, :, w:].any()


# ------------------------------------------------- the layers, compared with the plain functions


def built(layer, *shape):
    """The layer in float64 with random parameters, for samples of this shape."""
    with float64():
        layer.build(shape, 0)
    if layer.n_parameters:
        layer.parameters[...] = normal(layer.n_parameters)
    return layer


def assert_layer_gives(layer, x, dy, y, dx, **grads):
    """Compare what a layer computes, in training, with the results of its plain functions."""
    got_y, cache = layer.forward(x, train=True)
    got_dx, got_grads = layer.backward(dy, cache)
    assert got_grads.keys() == grads.keys()
    got = [*as_tuple(got_y), *as_tuple(got_dx), *(got_grads[name] for name in grads)]
    expected = [*as_tuple(y), *as_tuple(dx), *grads.values()]
    for a, b in zip(got, expected, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def pad(x, padding, value=0.0):
    return np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value)


def crop(x, padding):
    (top, bottom), (left, right) = padding
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


NONE, SMALL, LARGE = ((0, 0), (0, 0)), ((1, 0), (0, 1)), ((3, 2), (1, 4))
each_kernel = pytest.mark.parametrize("kernel", [(1, 1), (3, 2), (1, 4)])
each_stride = pytest.mark.parametrize("stride", [1, 2, 3])
each_size = pytest.mark.parametrize(  # batch, channels, filters
    "n, c, f", [(1, 1, 1), (2, 1, 5), (2, 3, 2), (1, 4, 4), (2, 5, 5), (1, 6, 2), (2, 7, 1)]
)


@pytest.mark.parametrize("n, d, m", [(3, 4, 2), (1, 1, 1), (1, 3, 6), (5, 1, 3)])
def test_dense(n, d, m):
    layer, x, dy = built(layers.Dense(m), d), normal(n, d), normal(n, m)
    y = plain.dense(x, layer.W, layer.b)
    dx, dW, db = plain.dense_backward(dy, x, layer.W)
    assert_layer_gives(layer, x, dy, y, dx, W=dW, b=db)


def assert_conv2d_is_plain(n, size, c, f, kernel, stride, padding):
    layer, x = built(layers.Conv2D(f, kernel, stride, padding), *size, c), normal(n, *size, c)
    x_padded = pad(x, padding)
    y = plain.conv2d(x_padded, layer.W, layer.b, stride)
    dy = normal(*y.shape)
    dx, dW, db = plain.conv2d_backward(dy, x_padded, layer.W, stride)
    assert_layer_gives(layer, x, dy, y, crop(dx, padding), W=dW, b=db)


@each_kernel
@each_stride
@pytest.mark.parametrize("padding", [NONE, SMALL, LARGE], ids=str)
@each_size
def test_conv2d(n, c, f, padding, stride, kernel):
    assert_conv2d_is_plain(n, SIZE, c, f, kernel, stride, padding)


@pytest.mark.parametrize("c, f", [(2, 8), (8, 2), (8, 8)])
def test_conv2d_of_a_batch_whose_patches_fill_several_chunks(c, f):
    assert_conv2d_is_plain(20, (20, 20), c, f, (3, 3), 1, ((1, 1), (1, 1)))


@each_kernel
@each_stride
@pytest.mark.parametrize("padding", [NONE, SMALL], ids=str)
@each_size
def test_conv2d_transpose(n, c, f, padding, stride, kernel):
    layer = built(layers.Conv2DTranspose(f, kernel, stride, padding), 3, 4, c)
    x = normal(n, 3, 4, c)
    y = crop(plain.conv2d_transpose(x, layer.W, layer.b, stride), padding)
    dy = normal(*y.shape)
    dx, dW, db = plain.conv2d_transpose_backward(pad(dy, padding), x, layer.W, stride)
    assert_layer_gives(layer, x, dy, y, dx, W=dW, b=db)


@pytest.mark.parametrize("n, c", [(1, 1), (2, 3), (3, 6)])
@pytest.mark.parametrize(
    "size, stride, padding",
    [(2, 2, NONE), (3, 1, SMALL), (2, 1, NONE), (1, 3, NONE), (3, 2, SMALL)],
)
def test_max_pooling(size, stride, padding, n, c):
    layer = built(layers.MaxPooling2D(size, stride, padding, return_indices=True), *SIZE, c)
    x = normal(n, *SIZE, c).round()  # with equal maxima: the first one counts
    x_padded = pad(x, padding, -np.inf)
    y, indices = plain.max_pool(x_padded, size, stride)
    dy = normal(*y.shape)
    dx = plain.max_pool_backward(dy, indices, x_padded.shape[1:3])
    rows, columns = np.divmod(indices, x_padded.shape[2])
    indices = (rows - padding[0][0]) * SIZE[1] + columns - padding[1][0]  # in x without padding
    assert_layer_gives(layer, x, dy, (y, indices), crop(dx, padding))


@pytest.mark.parametrize("n, c", [(1, 1), (2, 3), (3, 6)])
@pytest.mark.parametrize("size, stride", [(2, 2), (1, 3), (2, 3)])
def test_max_unpooling(size, stride, n, c):
    x, indices = plain.max_pool(normal(n, *SIZE, c), size, stride)
    layer = built(layers.MaxUnpooling2D(size, stride, output_size=SIZE), *x.shape[1:])
    y, dy = plain.unpool(x, indices, SIZE), normal(n, *SIZE, c)
    assert_layer_gives(layer, (x, indices), dy, y, plain.unpool_backward(dy, indices))


@pytest.mark.parametrize(
    "kind, name, n_states, options",
    [
        ("LSTM", "lstm_step", 2, {}),
        ("GRU", "gru_step", 1, {}),
        ("GRU", "gru_step_reset_before", 1, {"reset_after": False}),
    ],
)
@pytest.mark.parametrize(  # batch, steps, features, units
    "n, t, d, m", [(3, 4, 2, 5), (1, 1, 1, 1), (1, 6, 3, 1), (2, 3, 6, 4)]
)
def test_recurrent_layers(kind, name, n_states, options, n, t, d, m):
    options = options | {"return_sequences": True, "return_state": True}
    layer = built(getattr(layers, kind)(m, **options), t, d)
    x, dy, weights = normal(n, t, d), normal(n, t, m), (layer.W, layer.U, layer.b)
    states = [tuple(normal(n_states, n, m))]  # (h,) or (h, c), before each step
    for i in range(t):
        states.append(as_tuple(getattr(plain, name)(x[:, i], *states[-1], *weights)))
    y = np.stack([h for h, *_ in states[1:]], axis=1)  # (N, T, M)

    dx, sums, dstate = np.empty_like(x), [0, 0, 0], tuple(normal(n_states, n, m) + 1)
    dy_and_state = dy, *dstate
    for i in reversed(range(t)):  # back-propagation through time; h is an output of each step
        dh, *dc = dstate
        dx[:, i], *dstate, dW, dU, db = getattr(plain, f"{name}_backward")(
            dh + dy[:, i], *dc, x[:, i], *states[i], *weights
        )
        sums = [total + d for total, d in zip(sums, (dW, dU, db), strict=True)]
    inputs, outputs, dinputs = (x, *states[0]), (y, *states[-1]), (dx, *dstate)
    assert_layer_gives(
        layer, inputs, dy_and_state, outputs, dinputs, **dict(zip("WUb", sums, strict=True))
    )


@pytest.mark.parametrize("shape", [(4, 3), (1, 2), (8, 1), (3, 2, 2, 5), (1, 4, 3, 1)], ids=str)
@pytest.mark.parametrize("epsilon", [1e-3, 0.1])
def test_batch_normalization(shape, epsilon):
    layer = built(layers.BatchNormalization(epsilon=epsilon), *shape[1:])
    x, dy = normal(2, *shape)
    rows, dy_rows = x.reshape(-1, shape[-1]), dy.reshape(-1, shape[-1])
    y = plain.batch_norm(rows, layer.gamma, layer.beta, epsilon).reshape(shape)
    dx, dgamma, dbeta = plain.batch_norm_backward(dy_rows, rows, layer.gamma, epsilon)
    assert_layer_gives(layer, x, dy, y, dx.reshape(shape), gamma=dgamma, beta=dbeta)
