"""VAE and GAN conditional on a class: gradients, samples of a class, workers, files, devices."""

import numpy as np
import pytest
from cases import bits
from refusals import refused

from scratchnet.backend import float64, parity, to_device, to_numpy, use_device
from scratchnet.callbacks import Checkpoint, EarlyStopping
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import (
    Conv2D,
    Conv2DTranspose,
    Dense,
    Flatten,
    LeakyReLU,
    Reshape,
    Sequential,
    Tanh,
)
from scratchnet.models.conditional import LabelChannels, LastFeatures, beside, one_hot
from scratchnet.models.gan import GAN
from scratchnet.models.vae import VAE
from scratchnet.optimizers import Adam
from scratchnet.saving import load, save
from scratchnet.training import evaluate, predict
from scratchnet.workers import Workers

K = 3
IMAGE = (4, 4, 2)


def labels_for(n):
    return np.arange(n) % K


def pixels(shape, n=12, dtype="float32"):
    return np.random.default_rng(5).random((n, *shape)).astype(dtype)


def small_vae(shape=(6,), beta=1.0, sigma=None):
    if len(shape) == 1:
        encoder = [Dense(7), Tanh(), Dense(4)]
        decoder = [Dense(7), Tanh(), Dense(6)]
    else:
        encoder = [Conv2D(3, 3, strides=2, padding="same"), Tanh(), Flatten(), Dense(4)]
        upwards = [Reshape((2, 2, 3)), Conv2DTranspose(2, 2, strides=2)]
        decoder = [Dense(12), Tanh(), *upwards]
    vae = VAE(Sequential(encoder), Sequential(decoder), beta, sigma, classes=K)
    assert vae.build(shape, 0) == shape
    return vae


def small_gan(shape=(6,), smoothing=0.0, ema_decay=0.0):
    if len(shape) == 1:
        g, d = [Dense(5), Tanh(), Dense(6)], [Dense(5), LeakyReLU(), Dense(1)]
    else:
        g = [Dense(12), Tanh(), Reshape((2, 2, 3)), Conv2DTranspose(2, 2, strides=2)]
        d = [Conv2D(3, 3, strides=2, padding="same"), LeakyReLU(), Flatten(), Dense(1)]
    g, d = Sequential(g), Sequential(d)
    g.build((3 + K,), 1)
    d.build((*shape[:-1], shape[-1] + K), 2)
    return GAN(g, d, smoothing, ema_decay, classes=K)


every_shape = pytest.mark.parametrize("shape", [(6,), IMAGE])


# ---------------------------------------------------------------------------------------- gradients


@every_shape
@pytest.mark.parametrize("beta", [1.0, 0.0, 4.0])
@pytest.mark.parametrize("sigma", [None, 0.3])
def test_the_gradient_of_the_whole_conditional_vae_is_right_for_fixed_noise(shape, beta, sigma):
    vae, x = small_vae(shape, beta, sigma), pixels(shape, 4)
    report = gradcheck(vae.model, vae.inputs(x, labels_for(4)), x, loss=vae.loss)
    assert report.ok, str(report)


@pytest.mark.parametrize("sample_shape", [(5,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("classes", [1, 3])
def test_the_gradients_of_the_layers_around_the_label(sample_shape, classes):
    d = int(np.prod(sample_shape))
    x = np.random.default_rng(0).standard_normal((4, d + classes))
    for layer in (LabelChannels(sample_shape, classes), LastFeatures(classes)):
        assert gradcheck(layer, x).ok
    assert LabelChannels(sample_shape, classes)(x).shape == (
        4,
        *sample_shape[:-1],
        sample_shape[-1] + classes,
    )


@every_shape
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_both_gradients_of_a_conditional_gan_agree_with_finite_differences(shape, smoothing):
    with float64():
        gan, y = small_gan(shape, smoothing), labels_for(4)
        x, z = gan.with_labels(pixels(shape, 4, "float64"), y), gan.codes(4, 3, y)
        for model, gradients in (
            (gan.discriminator, lambda: gan.discriminator_gradients(x, z)),
            (gan.generator, lambda: gan.generator_gradients(z)),
        ):
            grads = gradients()[1]
            for name, w in model.named_parameters().items():
                for i in list(np.ndindex(w.shape))[::3]:
                    was, numeric = w[i], 0
                    for sign in (1, -1):
                        w[i] = was + sign * 1e-6
                        numeric += sign * gradients()[0] / 2e-6
                    w[i] = was
                    np.testing.assert_allclose(grads[name][i], numeric, rtol=1e-4, atol=1e-8)


# ----------------------------------------------------------------------- what the label is used for


def test_the_label_is_channels_of_an_image_and_features_of_a_vector():
    c = one_hot(np.array([2, 0]), K, like=np.zeros(1, "float32"))
    assert c.tolist() == [[0, 0, 1], [1, 0, 0]] and c.dtype == np.float32
    x = pixels(IMAGE, 2)
    joined = beside(x, c)
    np.testing.assert_array_equal(joined[..., :2], x)
    np.testing.assert_array_equal(joined[0, ..., 2:], np.broadcast_to([0, 0, 1], (4, 4, K)))
    vector = np.concatenate([x.reshape(2, -1), c], axis=1)
    np.testing.assert_array_equal(LabelChannels(IMAGE, K)(vector), joined)
    np.testing.assert_array_equal(LastFeatures(K)(vector), c)


def class_data(n=300):
    """Vectors of six numbers, of which the two of the class are near 1, the others near 0."""
    y = labels_for(n)
    x = 0.1 + 0.8 * np.repeat(np.eye(K), 2, axis=1)[y]
    noise = 0.05 * np.random.default_rng(0).standard_normal(x.shape)
    return (x + noise).clip(0, 1).astype("float32"), y


def shares_of_class(samples, y):
    """Share of samples whose two largest numbers are those of their class."""
    return (samples.reshape(len(y), K, 2).mean(axis=2).argmax(axis=1) == y).mean()


def test_a_conditional_vae_draws_the_class_that_is_asked_for():
    x, y = class_data()
    vae = small_vae()
    settings = dict(epochs=30, batch_size=20, verbose=False)
    history = vae.fit(x, labels=y, validation=(x, y), optimizer=Adam(0.02), **settings)
    assert history["val_loss"][-1] == pytest.approx(vae.evaluate(x, labels=y)["loss"])
    asked = labels_for(60)
    drawn = vae.sample(np.zeros((60, 2), "float32"), 0, labels=asked)
    assert shares_of_class(drawn, asked) > 0.95
    codes = vae.encode(x, y)[0]
    wrong = vae.evaluate(x, labels=(y + 1) % K)["loss"]
    assert wrong > vae.evaluate(x, labels=y)["loss"] + 0.5
    right, other = (vae.log_likelihood(x, 20, labels=of) for of in (y, (y + 1) % K))
    assert right > other + 0.5
    np.testing.assert_allclose(
        vae.decode(codes, y), 1 / (1 + np.exp(-predict(vae.model, vae.inputs(x, y)))), rtol=1e-5
    )
    between = vae.interpolate(x[:1], x[3:4], steps=5, labels=y[:1])
    np.testing.assert_allclose(between[[0, -1]], vae.decode(codes[[0, 3]], y[[0, 3]]), rtol=1e-5)
    numbers = evaluate(vae.model, vae.loss, vae.inputs(x, y), x)
    assert numbers["loss"] + numbers["penalty"] <= vae.evaluate(x, labels=y)["loss"] + 0.1


def test_a_conditional_gan_draws_the_class_that_is_asked_for():
    x, y = class_data()
    gan = small_gan(ema_decay=0.9)
    sides = dict(optimizer_d=Adam(0.01, 0.5), optimizer_g=Adam(0.01, 0.5))
    gan.fit(x, labels=y, **sides, epochs=40, batch_size=30, verbose=False)
    asked = labels_for(60)
    assert shares_of_class(gan.sample(60, 0, labels=asked), asked) > 0.9


# ------------------------------------------------------------- workers, files, checkpoints, devices


def trained_vae(epochs=2, callbacks=(), shape=IMAGE, workers=1):
    vae, x = small_vae(shape), pixels(shape, 30)
    settings = dict(batch_size=8, verbose=False, callbacks=list(callbacks), workers=workers)
    y = labels_for(30)
    vae.fit(x, labels=y, validation=(x[:9], y[:9]), optimizer=Adam(), epochs=epochs, **settings)
    return vae.model


def trained_gan(epochs=2, callbacks=(), shape=IMAGE, workers=1):
    gan, x = small_gan(shape, ema_decay=0.9), pixels(shape, 30)
    sides = dict(optimizer_d=Adam(), optimizer_g=Adam())
    settings = dict(batch_size=8, verbose=False, callbacks=list(callbacks), workers=workers)
    gan.fit(x, labels=labels_for(30), epochs=epochs, **sides, **settings)
    return gan.networks


both = pytest.mark.parametrize("train", [trained_vae, trained_gan])


@both
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_several_workers_train_as_one(train, kind):
    one, several = (train(workers=workers).named_parameters() for workers in (1, Workers(3, kind)))
    for name, w in one.items():
        np.testing.assert_allclose(several[name], w, rtol=1e-3, atol=1e-5)


@both
def test_two_epochs_and_two_more_through_a_checkpoint_are_four(train, tmp_path):
    monitor = "val_loss" if train is trained_vae else "generator"

    def callbacks(name):
        return [EarlyStopping(monitor, patience=9), Checkpoint(tmp_path / name, resume=True)]

    whole = train(4, callbacks("whole.npz"))
    train(2, callbacks("parts.npz"))
    assert bits(train(4, callbacks("parts.npz")).named_parameters()) == bits(
        whole.named_parameters()
    )


@both
def test_a_model_with_classes_is_saved_and_loaded(train, tmp_path):
    model = train()
    save(model, tmp_path / "model.npz")
    other = train(1)
    load(other, tmp_path / "model.npz")
    assert bits(other.named_parameters()) == bits(model.named_parameters())


@pytest.mark.parametrize("shape", [(6,), IMAGE])
def test_on_each_device(shape, xp):
    def compute():
        x, y = to_device(pixels(shape)), to_device(labels_for(12))
        vae, gan = small_vae(shape), small_gan(shape)
        vae.fit(x, labels=y, optimizer=Adam(), batch_size=5, verbose=False)
        sides = dict(optimizer_d=Adam(), optimizer_g=Adam())
        gan.fit(x, labels=y, **sides, batch_size=5, verbose=False)
        drawn = vae.sample(vae.encode(x, y)[0], 0, labels=y), gan.sample(12, 0, labels=y)
        numbers = [*vae.evaluate(x, labels=y).values(), vae.log_likelihood(x, 3, labels=y)]
        return [to_numpy(a) for a in drawn], numbers

    with parity():
        (ours, numbers), computed = compute(), None
        with use_device("cpu"):
            computed, expected = compute()
    for a, b in zip(ours, computed, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(numbers, expected, rtol=1e-4)


# ----------------------------------------------------------------------------------------- refusals


X6 = pixels((6,))
SIDES = dict(optimizer_d=Adam(), optimizer_g=Adam())


def plain_vae():
    vae = VAE(Dense(4), Dense(6))
    vae.build((6,), 0)
    return vae


REFUSED = {
    "no labels": (lambda: small_vae().fit(X6, optimizer=Adam()), "VAE has classes=3: pass labels"),
    "no labels of a GAN": (lambda: small_gan().fit(X6, **SIDES), "GAN has classes=3: pass labels"),
    "too few": (lambda: small_vae().encode(X6, labels_for(3)), r"each sample, \(12,\); got \(3,\)"),
    "floats": (lambda: small_gan().sample(2, 0, labels=[0.0, 1.0]), "integers; got float64"),
    "out of range": (lambda: small_gan().sample(2, 0, labels=[0, 3]), "0 to 2; got 0 to 3"),
    "no classes": (
        lambda: GAN(Dense(2), Dense(1)).with_labels(X6, labels_for(12)),
        "GAN has no classes: make it with classes=K",
    ),
    "y": (lambda: small_vae().fit(X6, optimizer=Adam(), y=labels_for(12)), "use labels"),
    "y of a GAN": (lambda: small_gan().fit(X6, **SIDES, y=labels_for(12)), "use labels"),
    "number of classes": (lambda: VAE(Dense(4), Dense(6), classes=0), "VAE expects classes >= 1"),
    "validation": (
        lambda: small_vae().fit(X6, labels=labels_for(12), validation=(X6,), optimizer=Adam()),
        "validation as samples or a pair; got 1",
    ),
    "validation of a VAE without classes": (
        lambda: plain_vae().fit(X6, validation=(X6, labels_for(12)), optimizer=Adam()),
        r"validation targets in \[0, 1\]; got 2",
    ),
}


@pytest.mark.parametrize(("call", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(call, words):
    refused(call, words)
