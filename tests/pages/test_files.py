"""Models for the pages from files."""

import numpy as np
import pytest

from scratchnet.boltzmann import DBM, BernoulliRBM, GaussianRBM
from scratchnet.layers import Conv2D, Dense, Dropout, LeakyReLU, ReLU, Sequential, Sigmoid
from scratchnet.models.vae import VAE
from scratchnet.pages.files import load_machine, load_network
from scratchnet.saving import FileError, save


@pytest.mark.parametrize(
    "estimator",
    [BernoulliRBM(3, n_iter=1), GaussianRBM(3, sigma=0.5, n_iter=1), DBM((3, 2), n_iter=1)],
)
def test_a_boltzmann_machine_from_its_parameters(estimator, tmp_path, rng):
    model = estimator.fit(rng.uniform(size=(10, 5)).round()).energy_model_
    arrays = dict(model.parameters())
    if estimator.__class__ is GaussianRBM:
        arrays["log_variance"] = model.units[0].log_variance
    np.savez(tmp_path / "a.npz", **arrays)
    read = load_machine(tmp_path / "a.npz")
    assert list(read.parameters()) == list(model.parameters())
    for name, array in model.parameters().items():
        np.testing.assert_array_equal(read.parameters()[name], array)
    np.testing.assert_allclose(
        getattr(read.units[0], "variance", 1), getattr(model.units[0], "variance", 1)
    )


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"x": np.zeros(2)}, "holds x; a Boltzmann machine expects W1, b0, b1"),
        ({"W1": np.zeros((2, 2)), "b0": np.zeros(2)}, "holds W1, b0; a Boltzmann"),
        ({"W1": np.array("text"), "b0": np.zeros(2), "b1": np.zeros(2)}, "no .npz file of numbers"),
    ],
)
def test_a_file_without_a_boltzmann_machine(arrays, message, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(FileError, match=message):
        load_machine(tmp_path / "a.npz")


def test_a_missing_or_damaged_file(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"text")
    for load in (load_machine, load_network):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            load(tmp_path / "b.npz")
        with pytest.raises(FileError):
            load(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError):
        load_machine(tmp_path)


def test_a_network_from_its_file(tmp_path, x):
    encoder = Sequential([Dense(5), ReLU(), Dropout(0.5), Dense(2, use_bias=False)], "encoder")
    model = Sequential([encoder, Sequential([Dense(4), Sigmoid()])])
    model.build((4,), 0)
    save(model, tmp_path / "model.npz")
    read = load_network(tmp_path / "model.npz")
    np.testing.assert_array_equal(read(x), model(x))
    assert [type(layer) for layer in read.layers] == [Sequential, Sequential]


def test_a_vae_from_its_file(tmp_path, x):
    vae = VAE(Sequential([Dense(5), ReLU(), Dense(4)]), Sequential([Dense(5), ReLU(), Dense(4)]))
    vae.build((4,), 0)
    save(vae.model, tmp_path / "model.npz")
    read = load_network(tmp_path / "model.npz")
    for a, b in zip(read.encode(x), vae.encode(x), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(read.decode(x[:, :2]), vae.decode(x[:, :2]))


@pytest.mark.parametrize(
    "model, shape, message",
    [
        (Sequential([Dense(2), LeakyReLU(0.1)]), (3,), "holds a LeakyReLU, whose settings"),
        (Sequential([Conv2D(2, 3)]), (4, 4, 1), "holds a Conv2D"),
        (Dense(2), (3,), "holds a Dense; a page expects a Sequential"),
        (Sequential([ReLU()]), (3,), "expects a Dense layer in each part"),
        (VAE(Dense(4), Dense(3)).model, (3,), "encoder, Sampling and decoder"),
    ],
)
def test_a_file_that_does_not_determine_the_model(model, shape, message, tmp_path):
    model.build(shape, 0)
    save(model, tmp_path / "model.npz")
    with pytest.raises(FileError, match=message):
        load_network(tmp_path / "model.npz")
