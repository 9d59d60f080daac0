"""Weights of PyTorch and Keras: equal outputs, the same files back, and what is refused."""

import copy
from pathlib import Path

import numpy as np
import pytest
from reference.exchange_models import MODELS

from scratchnet.backend import float64, to_device, to_numpy
from scratchnet.exchange import load_keras, load_torch, save_keras, save_torch
from scratchnet.exchange.tensor_files import read_tensors, write_tensors
from scratchnet.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Dense,
    Embedding,
    LayerNormalization,
    ReLU,
    Sampling,
    Sequential,
)
from scratchnet.saving import FileError, model_arrays

REFERENCE = Path(__file__).parents[1] / "reference"
SAVE_AND_LOAD = {"torch": (save_torch, load_torch), "keras": (save_keras, load_keras)}
ONLY_HERE = {"torch": set(), "keras": {"unpooling"}}


def golden(framework):
    cases = {}
    with np.load(REFERENCE / f"exchange_{framework}.npz") as archive:
        for entry in archive.files:
            name, _, field = entry.partition(" | ")
            if field:
                cases.setdefault(name, {})[field] = archive[entry]
    return cases


GOLDEN = {framework: golden(framework) for framework in SAVE_AND_LOAD}
EACH = [(framework, name) for framework, cases in GOLDEN.items() for name in cases]
each = pytest.mark.parametrize("framework, name", EACH)


def built(name, seed=0):
    model, shape = copy.deepcopy(MODELS[name])
    model.build(shape, seed)
    return model


def assert_output(model, x, y):
    x = x if x.dtype.kind == "i" else x.astype(np.float64)
    ours = to_numpy(model(to_device(x, x.dtype)))
    near = 1e-9 if y.dtype == np.float64 else 4e-6  # the rounding of a float32 result
    np.testing.assert_allclose(ours, y, rtol=near, atol=near)


def perceptron(*units, **options):
    model = Sequential([Dense(n, **options) for n in units])
    model.build((2,), 0)
    return model


def channels_last(a):
    return a.transpose(0, 2, 3, 1) if a.ndim == 4 else a


def case(framework, name):
    """The weights of the other framework, an input and an output, with channels last."""
    weights = dict(GOLDEN[framework][name])
    x, y = weights.pop("x"), weights.pop("y")
    return weights, *((channels_last(x), channels_last(y)) if framework == "torch" else (x, y))


def test_every_architecture_is_compared_with_both_frameworks():
    for framework, cases in GOLDEN.items():
        assert set(MODELS) - ONLY_HERE[framework] == set(cases)


@each
@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_loaded_weights_give_the_output_of_the_framework(framework, name, suffix, tmp_path, xp):
    weights, x, y = case(framework, name)
    modules = None
    path = tmp_path / f"a.{suffix}"
    with float64():
        model = built(name)
    if suffix == "npz":
        np.savez(path, **weights)
    else:
        weights = {n: a for n, a in weights.items() if a.dtype.kind == "f"}
        write_tensors(path, weights)
        if framework == "keras":
            modules = list(dict.fromkeys(n.rpartition("/")[0] for n in weights))
        elif any("rnn" in n or "inner" in n for n in weights):
            modules = list(dict.fromkeys(n.rpartition(".")[0] for n in weights))
    SAVE_AND_LOAD[framework][1](model, path, modules)
    assert_output(model, x, y)


@each
def test_saved_weights_are_the_file_that_was_loaded(framework, name, tmp_path):
    weights, _, _ = case(framework, name)
    weights = {n: a for n, a in weights.items() if "num_batches" not in n}
    separator = {"torch": ".", "keras": "/"}[framework]
    modules = list(dict.fromkeys(n.rpartition(separator)[0] for n in weights))
    save, load = SAVE_AND_LOAD[framework]
    model, path = built(name), tmp_path / "a.npz"
    write_tensors(path, weights)
    load(model, path)
    save(model, path, modules)
    saved = read_tensors(path)
    assert list(saved) == list(weights)
    for n in weights:
        one, two = n.replace("bias_hh", "bias_ih"), n.replace("bias_ih", "bias_hh")
        if one != two and saved[two].any() == 0:  # the LSTM here has the sum of both
            a, b = (group[one] + group[two] for group in (saved, weights))
            np.testing.assert_allclose(a, b, rtol=1e-6)
        else:
            np.testing.assert_array_equal(saved[n], weights[n])


@pytest.mark.parametrize("framework", SAVE_AND_LOAD)
@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
@pytest.mark.parametrize("name", MODELS)
def test_a_round_trip_changes_no_number(framework, suffix, name, tmp_path):
    save, load = SAVE_AND_LOAD[framework]
    model, other = built(name), built(name, seed=1)
    for number, a in enumerate(model_arrays(model).values()):
        a += 0.1 * np.random.default_rng(number).random(a.shape, np.float32)
    save(model, tmp_path / f"a.{suffix}")
    load(other, tmp_path / f"a.{suffix}")
    for n, a in model_arrays(model).items():
        np.testing.assert_array_equal(model_arrays(other)[n], a, err_msg=n)


def test_a_file_of_the_library_safetensors(tmp_path):
    """The library sorts the tensors by their names: 0, 1, 11, 3, ..."""
    weights, x, y = case("torch", "normalized")
    with float64():
        model = built("normalized")
    load_torch(model, REFERENCE / "exchange.safetensors")
    assert_output(model, x, y)
    assert list(read_tensors(REFERENCE / "exchange.safetensors")) != list(weights)


def test_keras_weights_without_names_are_taken_in_their_order(tmp_path):
    weights, x, y = case("keras", "normalized")
    np.savez(tmp_path / "a.npz", *weights.values())
    with float64():
        model = built("normalized")
    load_keras(model, tmp_path / "a.npz")
    assert_output(model, x, y)
    np.savez(tmp_path / "b.npz", *list(weights.values())[:-1])
    with pytest.raises(FileError, match="20 arrays; this model has 21"):
        load_keras(model, tmp_path / "b.npz")


def test_the_layers_of_a_stacked_lstm(tmp_path):
    """nn.LSTM(2, 3, num_layers=2) is two layers here."""
    model = Sequential([LSTM(3, return_sequences=True), LSTM(3)])
    model.build((4, 2), 0)
    save_torch(model, tmp_path / "a.npz", modules=["rnn", "rnn:1"])
    names = [f"rnn.{kind}_l{i}" for i in (0, 1)
             for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]  # fmt: skip
    assert list(read_tensors(tmp_path / "a.npz")) == names
    other = copy.deepcopy(model)
    for a in model_arrays(other).values():
        a *= 0
    load_torch(other, tmp_path / "a.npz")
    x = to_device(np.ones((1, 4, 2), "float32"))
    np.testing.assert_array_equal(to_numpy(other(x)), to_numpy(model(x)))


def test_a_layer_that_is_used_twice_is_one_module(tmp_path):
    dense = Dense(2)
    model = Sequential([dense, ReLU(), dense])
    model.build((2,), 0)
    save_torch(model, tmp_path / "a.npz")
    assert list(read_tensors(tmp_path / "a.npz")) == ["0.weight", "0.bias"]


def test_a_variational_autoencoder_has_the_modules_of_its_halves(tmp_path):
    model = Sequential([Sequential([Dense(4)]), Sampling(), Sequential([Dense(3)])])
    model.build((3,), 0)
    save_torch(model, tmp_path / "a.npz")
    assert list(read_tensors(tmp_path / "a.npz"))[::2] == ["0.0.weight", "2.0.weight"]


def test_numbers_of_another_precision_are_converted(tmp_path):
    model = perceptron(1)
    np.savez(tmp_path / "a.npz", **{"a.weight": np.float64([[0.1, 2]]), "a.bias": np.float16([3])})
    load_torch(model, tmp_path / "a.npz")
    assert model.layers[0].W.dtype == np.float32
    np.testing.assert_array_equal(to_numpy(model.layers[0].W), np.float32([[0.1], [2]]))


# ------------------------------------------------------------------------------ what is refused


def weights_of(tmp_path, save=save_torch, **changes):
    """The file of a model of two Dense layers, with changes: None removes a tensor."""
    path = tmp_path / "a.npz"
    save(perceptron(3, 1), path)
    tensors = read_tensors(path) | {n.replace("_", "."): a for n, a in changes.items()}
    write_tensors(path, {n: a for n, a in tensors.items() if a is not None})
    return path


ONE = np.ones((1, 3), np.float32)


@pytest.mark.parametrize("changes, words", [
    ({"1_bias": None}, r"module '1' lacks 'bias', unlike Dense 'dense_1'"),
    ({"1_scale": ONE}, r"module '1' has 'scale', unlike Dense 'dense_1'"),
    ({"1_weight": ONE.T}, r"'weight' of module '1' is \(3, 1\) float32; 'W' of Dense 'dense_1' "
     r"needs \(1, 3\)"),
    ({"1_weight": ONE + 0j}, r"complex64"),
    ({"2_weight": ONE}, r"modules '0', '1', '2'; this model has the layers 'dense', 'dense_1'"),
    ({"1_weight": None, "1_bias": None}, r"modules '0'; this model has the layers"),
])  # fmt: skip
def test_a_file_of_another_model_changes_nothing(changes, words, tmp_path):
    path, model = weights_of(tmp_path, **changes), perceptron(3, 1)
    before = {n: a.copy() for n, a in model_arrays(model).items()}
    model.layers[0].b = model.layers[0].b + 1
    before = {n: a.copy() for n, a in model_arrays(model).items()}
    with pytest.raises(FileError, match=words):
        load_torch(model, path)
    for n, a in model_arrays(model).items():
        np.testing.assert_array_equal(a, before[n])


def test_modules_name_each_module_once(tmp_path):
    model, path = perceptron(3, 1), tmp_path / "a.safetensors"
    save_torch(model, path, modules=["z", "a"])
    with pytest.raises(FileError, match=r"does not keep their order: pass modules=\[...\]"):
        load_torch(model, path)
    other = perceptron(3, 1)
    load_torch(other, path, modules=["z", "a"])
    np.testing.assert_array_equal(other.layers[1].W, model.layers[1].W)
    with pytest.raises(FileError, match="and not 'b'; this model has the layers 'dense'"):
        load_torch(model, path, modules=["z", "b"])
    with pytest.raises(ValueError, match="names 1 modules, 'z', 'z'; this model has 2 layers"):
        save_torch(model, path, modules=["z", "z"])


def test_a_model_that_is_not_built_or_no_layer_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not built yet"):
        save_torch(Sequential([Dense(1)]), tmp_path / "a.npz")
    with pytest.raises(TypeError, match="expected a layer or model; got int"):
        load_keras(3, tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError, match="nothing to load"):
        load_torch(perceptron(1), tmp_path / "a.npz")
    with pytest.raises(FileError, match="expected .npz or .safetensors"):
        load_torch(perceptron(1), tmp_path / "a.pt")


@pytest.mark.parametrize("layer, shape, words", [
    (GRU(2, reset_after=False), (3, 2), "reset_after=False"),
    (BatchNormalization(center=False), (2,), "use both or none"),
    (LayerNormalization(scale=False), (2,), "use both or none"),
])  # fmt: skip
def test_a_layer_that_pytorch_does_not_have_is_refused(layer, shape, words, tmp_path):
    layer.build(shape, 0)
    with pytest.raises(ValueError, match=words):
        save_torch(layer, tmp_path / "a.npz")
    save_keras(layer, tmp_path / "a.npz")
    assert len(read_tensors(tmp_path / "a.npz")) == len(model_arrays(layer))


def test_a_layer_of_your_own_with_parameters_is_refused(tmp_path):
    class Own(type(ReLU()).__mro__[1]):
        def build(self, input_shape, rng):
            self.add("a", np.ones(input_shape, "float32"))
            return input_shape

    layer = Own()
    layer.build((2,), 0)
    with pytest.raises(ValueError, match="no known equal in PyTorch"):
        save_torch(layer, tmp_path / "a.npz")


def test_an_embedding_with_another_name_in_keras(tmp_path):
    layer = Embedding(3, 2)
    layer.build((None,), 0)
    save_keras(layer, tmp_path / "a.npz", modules=["letters"])
    assert list(read_tensors(tmp_path / "a.npz")) == ["letters/embeddings"]
