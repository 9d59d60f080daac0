"""Skip: both merges, shortcuts, shapes, shared and frozen layers, saving, masks, state."""

import numpy as np
import pytest
from cases import bits, built
from refusals import f32, model_of, refused

from scratchnet.gradcheck import gradcheck
from scratchnet.layers import (
    GRU,
    LSTM,
    ActivityRegularization,
    BatchNormalization,
    Conv2D,
    Dense,
    MaxPooling2D,
    ReLU,
    Sequential,
    Skip,
    Tanh,
    TimeDistributed,
    UpSampling2D,
)
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import SGD
from scratchnet.saving import load, save
from scratchnet.training import fit

RNG = np.random.default_rng(0)
X = f32(RNG.standard_normal((3, 4)))


def test_add_is_the_sum_and_concatenate_the_input_beside_the_output():
    f = built(Dense(4))
    np.testing.assert_array_equal(built(Skip(f))(X), X + f(X))
    joined = built(Skip(f, "concatenate"))
    np.testing.assert_array_equal(joined(X), np.concatenate([X, f(X)], axis=1))


def test_a_shortcut_is_on_the_path_around():
    f, s = built(Dense(2)), built(Dense(2), seed=1)
    np.testing.assert_array_equal(built(Skip(f, shortcut=s))(X), s(X) + f(X))
    narrow = built(Dense(3))
    joined = built(Skip(f, "concatenate", shortcut=[narrow, Tanh()]))
    np.testing.assert_array_equal(joined(X), np.concatenate([np.tanh(narrow(X)), f(X)], axis=1))


def test_the_gradient_of_an_added_skip_passes_unchanged():
    f = built(Dense(4))
    f.W[...] = 0
    layer, dy = built(Skip(f)), f32(RNG.standard_normal((3, 4)))
    np.testing.assert_array_equal(layer.backward(dy, layer.forward(X)[1])[0], dy)


DO_NOT_FIT = {
    "channels": (Skip(Conv2D(5, 3, padding="same")), r"\(N, 8, 6, 3\).*\(N, 8, 6, 5\)"),
    "size": (Skip(Conv2D(3, 3)), r"\(N, 8, 6, 3\).*\(N, 6, 4, 3\).*same"),
    "size beside": (Skip(Conv2D(5, 3), "concatenate"), r"\(N, 8, 6, 3\).*\(N, 6, 4, 5\)"),
    "shortcut": (Skip(Conv2D(5, 3), shortcut=Conv2D(5, 1)), r"shortcut \(N, 8, 6, 5\).*6, 4, 5"),
}


@pytest.mark.parametrize(("layer", "words"), DO_NOT_FIT.values(), ids=DO_NOT_FIT)
def test_shapes_that_do_not_fit_are_both_named(layer, words):
    refused(lambda: layer.build((8, 6, 3), 0), "Skip", words, error=ValueError)


def test_wrong_arguments_get_a_sentence():
    refused(lambda: Skip(Dense), "Skip expects a layer or a list of layers", error=TypeError)
    refused(lambda: Skip(Dense(3), merge="concat"), "'concat'", "'concatenate'", error=ValueError)


def test_a_layer_on_both_paths_and_outside_has_the_sum_of_its_gradients():
    shared = Dense(4, name="shared")
    block = Skip([shared, Tanh()], shortcut=[Tanh(), shared])
    model = model_of([block, Tanh(), shared], (4,))
    assert list(model.named_parameters()) == ["skip/inner/shared/W", "skip/inner/shared/b"]
    assert gradcheck(model, X).ok


def blocks():
    """A residual block in the middle of a U, with a penalty and statistics."""
    inner = Skip([Conv2D(3, 3, padding="same", use_bias=False), BatchNormalization(), ReLU()])
    down = [MaxPooling2D(), Skip([inner, ActivityRegularization(l1=0.1)], "concatenate")]
    u = Skip([*down, UpSampling2D()], "concatenate", shortcut=Conv2D(2, 1))
    return model_of([u, Conv2D(1, 1)], (4, 6, 3))


IMAGES = f32(RNG.standard_normal((5, 4, 6, 3)))


def test_blocks_within_blocks_have_right_gradients():
    report = gradcheck(blocks(), IMAGES)
    assert report.ok, report


def test_training_saving_and_the_summary_know_the_layers_inside(tmp_path):
    model, target = blocks(), f32(RNG.standard_normal((5, 4, 6, 1)))
    settings = dict(loss=MeanSquaredError(), optimizer=SGD(0.01), verbose=False)
    history = fit(model, IMAGES, target, epochs=5, **settings)
    assert history["loss"][-1] < history["loss"][0] and history["penalty"][0] > 0
    save(model, tmp_path / "model.npz")
    other = blocks()
    load(other, tmp_path / "model.npz")
    np.testing.assert_array_equal(other(IMAGES), model(IMAGES))
    state = [*model.named_state()]
    assert state[0] == "skip/inner/skip/inner/skip/inner/batch_normalization/moving_mean"
    assert abs(model.named_state()[state[0]]).max() > 0  # the statistics were updated
    rows = [line.split()[0] for line in model.summary().splitlines() if "(N" in line][1:]
    assert rows[:5] == ["skip", "inner", "max_pooling2d", "skip", "inner"]
    assert f"Total params: {model.n_parameters + 6}" in model.summary()


def test_a_frozen_block_passes_gradients():
    model = blocks()
    block = model.layers[0]
    y, cache = model.forward(IMAGES, train=True)
    whole = model.weight_gradients(np.ones_like(y), cache)
    block.inner.trainable = False
    parts = model.weight_gradients(np.ones_like(y), model.forward(IMAGES)[1])
    assert {path for path, _ in model.parameter_items(trainable_only=True)} <= set(parts)
    assert all("inner" not in path for path, _ in model.parameter_items(trainable_only=True))
    assert bits(whole["conv2d/b"]) == bits(parts["conv2d/b"])


def test_a_mask_passes_a_skip():
    def model(t):
        first = LSTM(6, return_sequences=True, mask_value=0.0)
        block = Skip([GRU(6, return_sequences=True), TimeDistributed(Dense(6))])
        return model_of([first, block, LSTM(4)], (t, 2))

    long, short = model(5), model(3)
    short.parameters[...] = long.parameters
    x = f32(RNG.standard_normal((2, 5, 2)))
    x[:, 3:] = 0
    np.testing.assert_allclose(long(x), short(x[:, :3]), atol=1e-6)


def test_the_state_of_both_paths_is_carried_on():
    block = Skip(GRU(2, return_sequences=True), shortcut=LSTM(2, return_sequences=True))
    model = model_of([block, Skip(Tanh()), Sequential([GRU(3, return_sequences=True)])], (None, 2))
    x = f32(RNG.standard_normal((2, 6, 2)))
    first, state = model.run(x[:, :2])
    second, state = model.run(x[:, 2:], state)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), model(x), atol=1e-6)
