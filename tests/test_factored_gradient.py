"""Gradients as factors: the same training, and the layers whose gradients must stay whole."""

import contextlib
import os

import numpy as np
import pytest
from test_workers import assert_equal_up_to_rounding

from scratchnet import factored_gradient as module
from scratchnet.factored_gradient import FactoredGradient, Factors, dense_kernels, without
from scratchnet.layers import (
    ActivityRegularization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    ReLU,
    Sequential,
    Skip,
    TimeDistributed,
    WeightRegularization,
)
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError
from scratchnet.losses import MeanSquaredError
from scratchnet.models.vae import VAE
from scratchnet.optimizers import SGD, Adam, ClipByGlobalNorm
from scratchnet.parallel import run
from scratchnet.parallel.shared_memory import SharedMemoryGroup
from scratchnet.training import fit
from scratchnet.workers import Workers
from scratchnet.xray import XRay

KINDS = ["threads"] + ["processes"] * hasattr(os, "fork")
SIZE = 24  # of every layer: 23 samples of a batch are fewer
X = np.random.default_rng(0).random((60, SIZE), "float32")


@pytest.fixture
def small_models(monkeypatch):
    """Factors also in small models, and products of a few rows of dW."""
    monkeypatch.setattr(module, "LARGE", 0)
    monkeypatch.setattr(module, "LEAST", 0)
    monkeypatch.setattr(module, "PRODUCT", 5 * SIZE)


@pytest.fixture
def shared(monkeypatch):
    """Names of the arrays that workers share as rows, in this process."""
    found, share_rows = [], SharedMemoryGroup.share_rows

    def noted(self, array, rows):
        found.append(array.shape)
        return share_rows(self, array, rows)

    monkeypatch.setattr(SharedMemoryGroup, "share_rows", noted)
    return found


def dense():
    return Sequential([Dense(SIZE), ReLU(), Sequential([Dense(SIZE, use_bias=False)])])


def frozen():
    model = Sequential([Dense(SIZE), ReLU(), Dense(SIZE), ReLU(), Dense(SIZE)])
    model.layers[2].trainable = False
    return model


def penalized():
    return Sequential([Dense(SIZE), ActivityRegularization(0.01), Dropout(0.2), Dense(SIZE)])


def trained(make, workers, optimizer=Adam, batch_size=23, rate=0.01):
    """(parameters, history without seconds) of a run; the last batch is smaller."""
    model = make()
    model.build((SIZE,), 0)
    options = {"loss": MeanSquaredError(), "optimizer": optimizer(rate), "epochs": 2}
    history = fit(model, X, X, **options, batch_size=batch_size, workers=workers, verbose=False)
    del history["seconds"]
    return model.parameters.copy(), history


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize("make", [dense, frozen, penalized])
@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("optimizer", [Adam, SGD])
def test_workers_with_factors_train_as_a_single_one_does(make, size, optimizer, shared):
    one = trained(make, 1, optimizer)
    assert not shared
    first, *others = [trained(make, Workers(size, kind), optimizer) for kind in KINDS]
    assert (23, SIZE) in shared and (14, SIZE) in shared
    assert_equal_up_to_rounding(first, one)
    for parameters, history in others:  # the kind of group changes no bit
        np.testing.assert_array_equal(parameters, first[0])
        assert history == first[1]


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize("batch_size", [2, 24, 25])
def test_batches_of_all_sizes(batch_size, shared):
    """Fewer samples than workers, as many as a layer is wide, and more."""
    one = trained(dense, 1, SGD, batch_size)
    assert_equal_up_to_rounding(trained(dense, Workers(3, "threads"), SGD, batch_size), one)
    assert bool(shared) == (batch_size != 2)
    assert (25, SIZE) not in shared


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize("kind", KINDS)
def test_a_vae_with_factors_trains_as_with_a_single_worker(kind, shared):
    def vae(workers):
        model = VAE(Sequential([Dense(SIZE), ReLU(), Dense(2 * SIZE)]), Sequential([Dense(SIZE)]))
        model.build((SIZE,), 0)
        history = model.fit(X, optimizer=Adam(0.01), batch_size=16, workers=workers, verbose=False)
        del history["seconds"]
        return model.model.parameters.copy(), history

    one = vae(1)
    assert_equal_up_to_rounding(vae(Workers(3, kind)), one)
    assert (16, 2 * SIZE) in shared


def built(*layers, shape=(SIZE,)):
    model = Sequential(layers)
    model.build(shape, 0)
    return model


class Doubled(Dense):
    def backward(self, dy, x, need_dx=True, need_grads=True):
        dx, grads = super().backward(dy, x, need_dx, need_grads)
        return dx, {name: 2 * g for name, g in grads.items()}


class Tied(Layer):
    """y = x W^T with the W of another layer."""

    splits_batch = True

    def __init__(self, dense):
        super().__init__()
        self.dense = [dense]

    def build(self, input_shape, rng):
        self.params["W"] = self.dense[0].params["W"]
        return (len(self.W),)

    def forward(self, x, train=False):
        return x @ self.W.T, x

    def backward(self, dy, x):
        return dy @ self.W, {"W": dy.T @ x}


def tied(layer, other):
    """The layer, with the W of another one."""
    built(other), built(layer)
    layer.params["W"] = other.params["W"]
    return layer


def recorded():
    layer = Dense(SIZE)
    layer.backward = layer.backward
    return layer


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize(
    "layers, count",
    [
        (lambda: [Dense(SIZE), ReLU(), Dense(SIZE)], 2),
        (lambda: [Sequential([Dense(SIZE)]), Dense(SIZE)], 2),
        (lambda: [s := Dense(SIZE), s, Dense(SIZE)], 1),
        (lambda: [s := Dense(SIZE), Sequential([s])], 0),
        (lambda: [s := Dense(SIZE), Skip([s])], 0),
        (lambda: [Skip([Dense(SIZE)]), Dense(SIZE)], 1),
        (lambda: [WeightRegularization(Dense(SIZE), l2=0.1), Dense(SIZE)], 1),
        (lambda: [Doubled(SIZE), Dense(SIZE)], 0),  # a layer of a user
        (lambda: [d := Dense(SIZE), Tied(d)], 0),
        (lambda: [d := Dense(SIZE), tied(Dense(SIZE), d), Dense(SIZE)], 1),
        (lambda: [recorded(), Dense(SIZE)], 1),
    ],
)
def test_the_layers_whose_gradients_may_stay_in_factors(layers, count):
    model = built(*layers())
    assert len(dense_kernels(model)) == count
    model.layers[-1].trainable = False
    assert len(dense_kernels(model)) <= count


@pytest.mark.usefixtures("small_models")
def test_no_layer_of_other_models():
    model = built(Conv2D(2, 3), Flatten(), Dense(SIZE), shape=(6, 6, 1))
    assert not dense_kernels(model)
    assert not dense_kernels(built(TimeDistributed(Dense(SIZE)), shape=(4, SIZE)))
    model = built(Dense(SIZE))
    model.weight_gradients = model.weight_gradients  # as that of a recorder
    assert not dense_kernels(model)


def test_no_layer_of_a_small_model_and_no_small_layer():
    assert not dense_kernels(built(Dense(500)))
    model = built(Dense(22_000), Dense(1))
    assert dense_kernels(model) == {model.layers[0].params["W"]}


class Scaled(Adam):
    def step(self, parameters, gradient, group):
        super().step(parameters, 2 * gradient, group)


def of_an_object():
    optimizer = Adam()
    optimizer.step = optimizer.step
    return optimizer


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize(
    "optimizer", [Scaled(), of_an_object(), Adam(clip=ClipByGlobalNorm(1.0))], ids=str
)
def test_an_optimizer_that_needs_the_whole_gradient_gets_it(optimizer, shared):
    model = built(Dense(SIZE))
    fit(
        model,
        X,
        X,
        loss=MeanSquaredError(),
        optimizer=optimizer,
        workers=Workers(2, "threads"),
        verbose=False,
    )
    assert not shared


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize("kind", [Dense, Sequential])
def test_a_method_that_is_replaced_on_its_class_sees_whole_gradients(kind, monkeypatch):
    plain = kind.weight_gradients
    monkeypatch.setattr(kind, "weight_gradients", lambda self, *arguments: plain(self, *arguments))
    assert not dense_kernels(built(Dense(SIZE)))


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_trained_while_another_one_is_recorded(kind, shared):
    one = trained(dense, 1)
    with XRay(built(Dense(SIZE))):
        assert_equal_up_to_rounding(trained(dense, Workers(2, kind)), one)
    assert not shared


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize("kind", KINDS[-1:])  # threads would share the optimizer's class
def test_workers_agree_where_only_one_of_them_records(kind):
    def work(group):
        model = dense()
        model.build((SIZE,), 0)
        options = {"loss": MeanSquaredError(), "optimizer": Adam(0.01), "epochs": 2}
        with XRay(model) if group.rank == 0 else contextlib.nullcontext():
            fit(model, X, X, **options, batch_size=23, workers=group, verbose=False)
        return model.parameters.copy()

    found = run(work, 2, kind, capacity=10_000)
    np.testing.assert_allclose(found, trained(dense, 1)[0], rtol=1e-3, atol=2e-5)


@pytest.mark.usefixtures("small_models")
def test_a_second_use_or_other_rows_are_an_error():
    model = built(Dense(SIZE))

    def work(group):
        memory = FactoredGradient(model, Adam(), group)
        memory.set_batch(8)
        W, x = model.layers[0].params["W"], X[: 8 // group.size]
        for wrong in ((X[:5], X[:5]), (x, x[:, :1])):  # NumPy would broadcast the second
            with memory, pytest.raises(ShapeError, match=r"expects x \(4, 24\) and dy \(4, 24\)"):
                memory.product(W, *wrong)
        with memory:
            memory.product(W, x, x)
            with pytest.raises(RuntimeError, match="each layer is used once"):
                memory.product(W, x, x)

    run(work, 2, "threads", capacity=model.parameters.size)


@pytest.mark.parametrize("edges", [(0, 7, 40), (0, 16, 40), (0, 5, 6, 8, 31, 40)])
def test_the_products_and_the_rest_cover_every_stretch_once(edges, monkeypatch):
    """Stretches end within a row of dW, and products have at most two rows of it."""
    monkeypatch.setattr(module, "PRODUCT", 7)
    rng = np.random.default_rng(0)
    kernels = []
    for start, D, M in ((3, 5, 3), (20, 4, 4)):
        x, dy = rng.random((6, D)), rng.random((6, M))
        kernels.append(Factors(x, dy, start, start + D * M))
    expected, found = np.full(40, np.nan), np.full(40, np.nan)
    for f in kernels:
        expected[f.start : f.stop] = (f.x.T @ f.dy).reshape(-1)
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        stretch, counts = slice(start, stop), np.zeros(40)
        for f in kernels:
            for s, x, dy, first in f.products(stretch):
                assert x.shape[1] <= 3
                found[s] = (x.T @ dy).reshape(-1)[first : first + s.stop - s.start]
                counts[s] += 1
        for s in without(kernels, stretch):
            assert np.isnan(expected[s]).all()
            counts[s] += 1
        assert (counts[stretch] == 1).all() and counts.sum() == stop - start
    np.testing.assert_allclose(found, expected)
