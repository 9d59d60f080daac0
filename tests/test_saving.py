"""Saving: what comes back, and files that are refused before the model changes."""

import json
import pickle
import re

import numpy as np
import pytest
from cases import bits
from killed_run import everything, train, unchanged

from scratchnet.backend import float64
from scratchnet.boltzmann import BernoulliRBM
from scratchnet.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    LeakyReLU,
    ReLU,
    Sequential,
    Tanh,
)
from scratchnet.models.gan import GAN
from scratchnet.models.vae import VAE
from scratchnet.saving import FileError, load, read, save


def build(seed, *encoder):
    """A model with a part of its own and running averages; equal seeds give equal bits."""
    encoder = Sequential(encoder or [Dense(4), ReLU()], name="encoder")
    model = Sequential([encoder, BatchNormalization(), Dense(2)])
    model.build((3,), seed)
    rng = np.random.default_rng(seed)
    for array in everything(model).values():
        array[...] = rng.normal(size=array.shape)
    return model


@pytest.fixture
def path(tmp_path):
    """A file that holds `build(seed=1)`."""
    save(build(1), tmp_path / "model.npz")
    return tmp_path / "model.npz"


# -------------------------------------------------------------------------------- what comes back


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_a_model_comes_back_bit_by_bit(precision, tmp_path):
    if precision == np.float64:
        with float64():
            model, twin = build(1), build(2)
    else:
        model, twin = build(1), build(2)
    assert {a.dtype for a in everything(model).values()} == {np.dtype(precision)}
    save(model, tmp_path / "model.npz")
    load(twin, tmp_path / "model.npz")
    assert bits(everything(twin)) == bits(everything(model))


def test_after_loading_the_parameters_still_share_one_vector(path):
    model = build(2)
    vector = model.parameters
    load(model, path)
    assert np.shares_memory(model.parameters, vector)
    arrays = model.named_parameters().values()
    assert all(np.shares_memory(array, vector) for array in arrays)
    assert bits(np.concatenate([array.ravel() for array in arrays])) == bits(vector)


def test_saving_changes_nothing_and_the_file_is_plain_arrays_under_their_paths(path):
    model = build(1)
    with unchanged(model):
        save(model, path)
    with np.load(path, allow_pickle=False) as file:
        assert bits(file["parameters/encoder/dense/W"]) == bits(model.layers[0].layers[0].W)
        names = {f"parameters/{name}" for name in model.named_parameters()}
        names |= {f"state/{name}" for name in model.named_state()}
        assert set(file.files) == names | {"info"}


def test_a_checkpoint_of_a_run_loads_into_a_model_too(tmp_path):
    train(tmp_path / "run.npz", epochs=2)
    trained, fresh = train(epochs=2)[0], train(epochs=1)[0]
    load(fresh, tmp_path / "run.npz")
    assert bits(everything(fresh)) == bits(everything(trained))


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(build(1), "~/home.npz")
    load(build(2), "~/home.npz")
    assert (tmp_path / "home.npz").is_file()


@pytest.mark.parametrize("name", ["model.npz", "model", "model.backup", "new/folder/model.npz"])
@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
def test_a_file_gets_exactly_the_name_it_was_given(name, kind, tmp_path):
    model, twin = build(1), build(2)
    save(model, kind(tmp_path / name))
    load(twin, kind(tmp_path / name))
    assert [f.relative_to(tmp_path).as_posix() for f in tmp_path.rglob("*") if f.is_file()] == [
        name
    ]
    assert bits(everything(twin)) == bits(everything(model))


# ------------------------------------------------------------------------------------ the refusals


def refused(path, sentence, model=None, error=FileError):
    """Loading raises one sentence that names the file, and the model stays as it was."""
    model = model or build(2)
    with unchanged(model), pytest.raises(error, match=f"^{re.escape(str(path))}.*{sentence}.*$"):
        load(model, path)


def test_a_missing_file_is_refused(tmp_path):
    refused(tmp_path / "none.npz", "does not exist: nothing to load", error=FileNotFoundError)


def as_npy(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


FOREIGN = {
    "empty": lambda path: path.write_bytes(b""),
    "a text": lambda path: path.write_text("loss 0.1\n"),
    "a pickle": lambda path: path.write_bytes(pickle.dumps({"W": 1})),
    "one array": as_npy,
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[:1500]),
    "cut by a byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "arrays of another program": lambda path: np.savez(path, W=np.zeros(3)),
    "an info that is no JSON": lambda path: np.savez(path, info=np.array("model")),
}


@pytest.mark.parametrize("damage", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_file_of_another_making_is_refused(damage, path):
    damage(path)
    refused(path, "is not a complete scratchnet file")


def test_a_byte_turned_over_anywhere_is_refused_or_without_effect(tmp_path):
    path, saved, model = tmp_path / "small.npz", Dense(1, use_bias=False), Dense(1, use_bias=False)
    saved.build((2,), 1)
    model.build((2,), 2)
    save(saved, path)
    whole = path.read_bytes()
    allowed = [bits(everything(model)), bits(everything(saved))]
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :])
        try:
            load(model, path)
        except FileError:
            pass
        assert bits(everything(model)) in allowed


def altered(path, **changes):
    """Write other values over entries of a file; None deletes one. A dictionary goes into info."""
    with np.load(path) as file:
        arrays = dict(file)
    for name, change in changes.items():
        if isinstance(change, dict):
            change = np.array(json.dumps(json.loads(str(arrays[name])) | change))
        arrays[name] = change
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


W, MEAN = "parameters/encoder/dense/W", "state/batch_normalization/moving_mean"
ALTERED = {
    "another version": (
        {"info": {"scratchnet": 99}},
        "version 99; this scratchnet reads version 1",
    ),
    "another kind": ({"info": {"kind": "dataset"}}, "holds a 'dataset'; expected model or check"),
    "a pickled object": ({W: np.array([{}], dtype=object)}, "is not a complete scratchnet file"),
    "a missing parameter": ({W: None}, f"lacks '{W}'"),
    "a missing average": ({MEAN: None}, f"lacks '{MEAN}'"),
    "one array more": ({W + "2": np.zeros(3)}, f"has, unlike this model, '{W}2'"),
    "another shape": ({W: np.zeros((4, 3), "f4")}, r"is \(4, 3\) float32, .* \(3, 4\) float32"),
    "another precision": ({W: np.zeros((3, 4))}, r"is \(3, 4\) float64, .* \(3, 4\) float32"),
}


@pytest.mark.parametrize("changes, sentence", ALTERED.values(), ids=ALTERED.keys())
def test_a_file_that_does_not_fit_is_refused(changes, sentence, path):
    altered(path, **changes)
    refused(path, sentence)


@pytest.mark.parametrize(
    "other, sentence",
    [
        ([Dense(4), Tanh()], "holds a model of the layers .*ReLU.*; this one has .*Tanh.*: build"),
        ([ReLU(), Dense(4)], "holds a model of the layers .*: build the model that was saved"),
        ([Dense(4), ReLU(), ReLU()], "holds a model of the layers .*: build the model that"),
        ([Dense(5), ReLU()], "holds a Dense .*encoder/dense.* with units=4; this one has units=5"),
        ([Dense(4, use_bias=False), ReLU()], "with use_bias=True; this one has use_bias=False"),
    ],
    ids=["kind", "order", "number", "size", "option"],
)
def test_a_model_of_another_build_refuses_the_file(other, sentence, path):
    refused(path, sentence, build(2, *other))


def test_a_model_in_another_precision_refuses_the_file(path):
    with float64():
        model = build(2)
    refused(path, "float32, but this model's is .* float64", model)


def test_an_array_that_does_not_fit_the_model_is_refused_before_it_is_read(path, peak_memory):
    altered(path, **{W: np.zeros(5_000_000, np.float32)})
    assert peak_memory(lambda: refused(path, r"is \(5000000,\) float32")) < 5e6


def test_what_is_no_layer_is_refused_with_the_way_to_write_it(tmp_path):
    things = (
        (BernoulliRBM(2), "joblib"),
        (VAE(Dense(4), Dense(3)), r"\.model"),
        (GAN(Dense(2), Dense(1)), r"\.generator"),
    )
    for thing, words in things:
        for call in (save, load):
            with pytest.raises(TypeError, match=words):
                call(thing, tmp_path / "file.npz")
    assert not list(tmp_path.iterdir())


OPTIONS = {
    "slope": (LeakyReLU(0.3), LeakyReLU(0.01), (5,), "negative_slope=0.3"),
    "epsilon": (BatchNormalization(), BatchNormalization(epsilon=0.5), (5,), "epsilon=0.001"),
    "padding": (
        Conv2D(2, 3, padding="same"),
        Conv2D(2, 3, padding="valid"),
        (6, 6, 2),
        "padding='same'",
    ),
    "dilation": (
        Conv2D(2, 3, dilation_rate=2),
        Conv2D(2, 3),
        (6, 6, 2),
        r"dilation_rate=\(2, 2\)",
    ),
    "activation": (LSTM(3), LSTM(3, activation="relu"), (4, 5), "activation='tanh'"),
    "mask": (LSTM(3, mask_value=0.0), LSTM(3), (4, 5), "mask_value=0.0"),
}


@pytest.mark.parametrize("saved, other, shape, words", OPTIONS.values(), ids=OPTIONS.keys())
def test_a_file_of_a_model_with_other_options_is_refused(saved, other, shape, words, tmp_path):
    for layer in (saved, other):
        layer.build(shape, 0)
    before = [p.value.copy() for _, p in other.parameter_items()]
    save(saved, tmp_path / "options.npz")
    with pytest.raises(FileError, match=words):
        load(other, tmp_path / "options.npz")
    for (_, p), value in zip(other.parameter_items(), before, strict=True):
        np.testing.assert_array_equal(p.value, value)


@pytest.mark.parametrize(
    "saved, other",
    [
        (Dense(3), Dense(3, kernel_initializer="he_normal")),
        (Dropout(0.5), Dropout(0.1)),
        (Dense(3, name="a"), Dense(3, name="b")),
    ],
    ids=["initializer", "rate", "name"],
)
def test_options_without_effect_on_the_output_may_differ(saved, other, tmp_path):
    for layer in (saved, other):
        layer.build((5,), 0)
    save(saved, tmp_path / "options.npz")
    load(other, tmp_path / "options.npz")


def test_a_file_without_options_is_read(path):
    with np.load(path) as file:
        arrays = dict(file)
    info = json.loads(str(arrays.pop("info")))
    del info["options"]  # as in files of version 0.1
    np.savez(path, info=json.dumps(info), **arrays)
    load(build(2), path)


def test_a_compressed_checkpoint_is_refused_before_it_is_read(tmp_path, peak_memory):
    path = tmp_path / "run.npz"
    info = json.dumps({"scratchnet": 1, "kind": "checkpoint"})
    np.savez_compressed(path, info=np.array(info), zeros=np.zeros(20_000_000))

    def refuse():
        with pytest.raises(FileError, match="not a complete scratchnet file"):
            read(path, ["checkpoint"])

    assert peak_memory(refuse) < 10e6
