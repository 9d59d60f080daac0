"""VAE and GAN: gradients through whole losses, bounds that hold, extremes that stay finite."""

import numpy as np
import pytest
from cases import built
from numpy.testing import assert_allclose
from scipy.stats import norm

from scratchnet.backend import RNG, float64
from scratchnet.callbacks import Callback
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import (
    ActivityRegularization,
    BatchNormalization,
    Dense,
    Dropout,
    LeakyReLU,
    Sampling,
    Sequential,
    Sigmoid,
    Tanh,
    WeightRegularization,
)
from scratchnet.losses import KLToStandardNormal, Loss
from scratchnet.models.gan import GAN
from scratchnet.models.vae import VAE
from scratchnet.numerics import logsumexp, softplus
from scratchnet.optimizers import SGD, Adagrad, Adam, RMSprop


def small_vae(beta=1.0, sigma=None):
    encoder, decoder = ([Dense(7), Tanh(), Dense(units)] for units in (4, 6))
    vae = VAE(Sequential(encoder), Sequential(decoder), beta, sigma)
    vae.build((6,), 0)
    return vae


def small_gan(smoothing=0.0, ema_decay=0.0):
    g, d = Sequential([Dense(5), Tanh(), Dense(6)]), Sequential([Dense(5), LeakyReLU(), Dense(1)])
    g.build((3,), 1)
    d.build((6,), 2)
    return GAN(g, d, smoothing, ema_decay)


bernoulli_and_gaussian = pytest.mark.parametrize("sigma", [None, 0.3])


def pixels(n=8, dtype="float32"):
    return np.random.default_rng(5).random((n, 6)).astype(dtype)


def slope(f, array, eps=1e-6):
    """Central differences of f() for every entry of an array that f reads."""
    numeric = np.zeros_like(array)
    for i in np.ndindex(array.shape):
        was = array[i]
        array[i] = was + eps
        right = f()
        array[i] = was - eps
        numeric[i] = (right - f()) / (2 * eps)
        array[i] = was
    return numeric


# ------------------------------------------------------------------------------------------- VAE


@pytest.mark.parametrize("beta", [1.0, 0.0, 4.0])
@bernoulli_and_gaussian
def test_the_gradient_of_the_whole_vae_loss_is_right_for_fixed_noise(beta, sigma):
    vae, x = small_vae(beta, sigma), pixels()
    report = gradcheck(vae.model, x, x, loss=vae.loss)
    assert report.ok, str(report)


def test_the_penalty_of_sampling_is_kl_times_beta():
    x = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")
    kl, (dm, dv) = KLToStandardNormal(), (None, None)
    value, cache = kl.forward(x[:, :3], x[:, 3:])
    dm, dv = kl.backward(cache)
    for beta in (1.0, 0.25, 0.0):
        layer = Sampling(beta)
        layer.build((6,), 0)
        _, cache = layer.forward(x)
        assert_allclose(layer.penalty(cache), beta * value, rtol=1e-6)
        dx, _ = layer.backward(np.zeros((5, 3), "float32"), cache)
        assert_allclose(dx, beta * np.concatenate([dm, dv], axis=1), rtol=1e-6)


def test_sampling_has_the_mean_and_standard_deviation_of_its_input():
    layer = Sampling()
    layer.build((2,), 0)
    x = np.tile(np.float32([2.0, np.log(9.0)]), (20000, 1))
    z, _ = layer.forward(x, train=True)
    assert abs(z.mean() - 2) < 0.1 and abs(z.std() - 3) < 0.1
    assert (layer(x) == 2).all()


@pytest.mark.parametrize("v", [-50.0, 50.0])
def test_an_extreme_log_variance_gives_no_nan(v):
    layer = Sampling()
    layer.build((4,), 0)
    x = np.full((3, 4), v, "float32")
    z, cache = layer.forward(x, train=True)
    dx, _ = layer.backward(np.ones_like(z), cache)
    assert np.isfinite(z).all() and np.isfinite(dx).all() and np.isfinite(layer.penalty(cache))


def test_an_odd_number_of_means_and_log_variances_raises_an_error():
    with pytest.raises(ValueError, match="an even number; got 5"):
        Sampling().build((5,), 0)


@bernoulli_and_gaussian
def test_reconstruction_and_kl_add_up_to_the_loss(sigma):
    vae, x = small_vae(sigma=sigma), pixels(32)
    history = vae.fit(x, optimizer=Adam(0.01), epochs=20, batch_size=8, verbose=False)
    for numbers in (history, {k: [v] for k, v in vae.evaluate(x).items()}):
        parts = np.add(numbers["reconstruction"], numbers["kl"])
        assert_allclose(parts, numbers["loss"], rtol=0, atol=1e-12)
    assert history["loss"][-1] < history["loss"][0]


@bernoulli_and_gaussian
def test_more_samples_tighten_the_bound_of_log_p_and_one_sample_is_the_elbo(sigma):
    vae, x = small_vae(sigma=sigma), pixels(400)
    one, many = (vae.log_likelihood(x, samples=k) for k in (1, 100))
    assert many > one
    assert abs(one + vae.evaluate(x)["loss"]) < 0.3  # both are random: one code a sample


def test_log_p_of_a_decoder_that_ignores_its_code_is_exact():
    vae, x = small_vae(), pixels(20)
    vae.decoder.parameters[:] = 0  # every pixel 1/2, whatever the code
    estimate = vae.log_likelihood(x, samples=3000)
    assert abs(estimate - 6 * np.log(0.5)) < 0.05
    vae = small_vae(sigma=0.3)
    vae.decoder.parameters[:] = 0  # every pixel around 0
    exact = norm(0, 0.3).logpdf(x).sum(axis=1)
    assert_allclose(vae.log_likelihoods(x, samples=3000, batch_size=7), exact, atol=0.2)
    assert (vae.decode(np.ones((1, 2), "float32")) == 0).all()


def test_log_p_agrees_with_a_sum_over_a_grid_of_codes():
    vae, x = small_vae(), pixels(20)
    vae.encoder.parameters[:] = 0
    vae.encoder.layers[-1].b[:] = 0.3, -0.5, 0.4, 0.5  # q wider than p(z): no weight is huge
    line = np.linspace(-6, 6, 121)
    z = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2).astype("float32")
    a = vae.decoder(z)  # (121^2, 6)
    log_cell = 2 * np.log(line[1] - line[0]) - np.log(2 * np.pi) - 0.5 * (z * z).sum(axis=1)
    exact = logsumexp(x @ a.T - softplus(a).sum(axis=1) + log_cell).mean()
    assert abs(vae.log_likelihood(x, samples=3000) - exact) < 0.02


def test_pictures_come_from_the_prior_and_lie_between_two_others():
    vae, x = small_vae(), pixels()
    assert vae.sample(np.zeros((7, 2), "float32"), 0).shape == (7, 6)
    between = vae.interpolate(x[:1], x[1:2], steps=5)
    ends = vae.decode(vae.encode(x[:2])[0])
    assert_allclose(between[[0, -1]], ends, rtol=1e-5)


# ------------------------------------------------------------------------------------------- GAN


@pytest.mark.parametrize("with_memories", [False, True])
def test_networks_that_share_a_layer_are_both_updated(with_memories):
    shared = Dense(2)
    g, d = Sequential([Dense(2), shared]), Sequential([shared, Dense(1)])
    g.build((2,), 0), d.build((2,), 0)
    gan, x = GAN(g, d), np.ones((4, 2), "float32")
    memories = gan.gradient_vectors() if with_memories else None
    rate_0 = SGD(1e-30)  # of G: what changes is the update of D
    before = shared.W.copy()
    gan.train_step(x, x, x, SGD(0.5), rate_0, memories=memories)
    assert abs(shared.W - before).max() > 1e-3


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_both_gradients_of_a_gan_agree_with_finite_differences(smoothing):
    with float64():
        gan = small_gan(smoothing)
        x, z = pixels(4, "float64"), gan.codes(4, 3)
        _, d_grads, _ = gan.discriminator_gradients(x, z)
        _, g_grads, _ = gan.generator_gradients(z)
        for model, grads, f in (
            (gan.discriminator, d_grads, lambda: gan.discriminator_gradients(x, z)[0]),
            (gan.generator, g_grads, lambda: gan.generator_gradients(z)[0]),
        ):
            for name, array in model.named_parameters().items():
                assert_allclose(grads[name], slope(f, array), rtol=1e-5, atol=1e-9, err_msg=name)


class Undeclared(Dense):  # does not say that it takes each sample on its own
    splits_batch = False


@pytest.mark.parametrize(
    "penalized", [lambda layer: layer, lambda layer: WeightRegularization(layer, l2=0.5), None]
)
def test_one_pass_of_real_and_generated_samples_equals_two(penalized):
    def results(kind):
        gan = small_gan(0.1)
        first = kind(4, name="dense")
        stack = [penalized(first)] if penalized else [first, ActivityRegularization(l2=0.5)]
        gan.discriminator = built(Sequential([*stack, Tanh(), Dense(1, name="last")]), (6,), seed=1)
        return gan.discriminator_gradients(pixels(4, "float64"), gan.codes(4, 3))

    with float64():
        (value, grads, caches), (expected, two, two_caches) = results(Dense), results(Undeclared)
    assert (len(caches), len(two_caches)) == (1, 2) and grads.keys() == two.keys()
    assert_allclose(value, expected, rtol=1e-12)
    for name, g in two.items():
        assert_allclose(grads[name], g, rtol=1e-10, atol=1e-15)


def test_a_penalty_on_the_weights_of_the_discriminator_counts_once():
    with float64():
        gan = small_gan()
        layers = [WeightRegularization(Undeclared(4), l2=0.5), Tanh(), Dense(1)]
        gan.discriminator = d = built(Sequential(layers), (6,), seed=1)
        x, z = pixels(4, "float64"), gan.codes(4, 3)
        _, grads, _ = gan.discriminator_gradients(x, z)

        def loss_and_penalty():
            value, _, caches = gan.discriminator_gradients(x, z)
            return value + d.penalty(caches[0])

        for name, array in d.named_parameters().items():
            assert_allclose(grads[name], slope(loss_and_penalty, array), rtol=1e-5, atol=1e-9)


def test_a_loss_that_does_not_split_a_batch_sees_real_and_generated_samples_apart():
    class Total(Loss):
        expects_logits = True

        def forward(self, prediction, target):
            return ((prediction - target) ** 2).sum(), prediction - target

        def backward(self, d):
            return 2 * d

    gan = small_gan()
    gan.loss = Total()
    assert len(gan.discriminator_gradients(pixels(4), gan.codes(4, 3))[2]) == 2


@pytest.mark.parametrize("wrong", ["uint8", "shape"])
def test_wrong_samples_have_the_message_of_the_discriminator(wrong):
    gan, x = small_gan(), pixels(4)
    x = x[:, :5] if wrong == "shape" else x.astype(wrong)
    with pytest.raises((TypeError, ValueError), match="expects .*; got"):
        gan.discriminator_gradients(x, gan.codes(4, 3))


@pytest.mark.parametrize("layer", [BatchNormalization, lambda: Dropout(0.5)])
def test_real_and_generated_samples_stay_apart_where_the_discriminator_needs_it(layer):
    gan = small_gan()
    gan.discriminator = built(Sequential([layer(), Dense(1)]), (6,))
    assert len(gan.discriminator_gradients(pixels(4), gan.codes(4, 3))[2]) == 2


def test_unequal_numbers_of_real_and_generated_samples_stay_apart():
    assert len(small_gan().discriminator_gradients(pixels(4), small_gan().codes(3, 3))[2]) == 2


def test_the_generators_gradient_leaves_the_discriminator_alone():
    gan = small_gan()
    before = gan.discriminator.parameters.copy()
    _, grads, _ = gan.generator_gradients(gan.codes(4, 0))
    assert grads.keys() == gan.generator.named_parameters().keys()
    assert (gan.discriminator.parameters == before).all()


def test_equal_seeds_train_equal_gans_and_both_sides_learn():
    def trained():
        gan = small_gan()
        sides = dict(optimizer_d=Adam(0.01), optimizer_g=Adam(0.01))
        history = gan.fit(pixels(32), **sides, epochs=3, batch_size=8, verbose=False)
        assert len(history.pop("seconds")) == 3
        return history, gan.sample(5, 1)

    (history, samples), (again, same) = trained(), trained()
    assert history == again and (samples == same).all()
    assert len(history["generator"]) == len(history["discriminator"]) == 3


def test_a_mean_generator_has_the_weighted_mean_of_all_weights_and_training_does_not_see_it():
    plain, gan, seen = small_gan(), small_gan(ema_decay=0.9), []
    for one in (plain, gan):
        sides, rng = (Adam(0.01), Adam(0.01)), RNG(0)
        for _ in range(5):
            one.train_step(pixels(), one.codes(8, rng), one.codes(8, rng), *sides)
            seen += [plain.generator.parameters.copy()] if one is plain else []
    assert (gan.generator.parameters == plain.generator.parameters).all()
    expected = np.average(seen, axis=0, weights=0.9 ** np.arange(5)[::-1])
    assert_allclose(gan.mean_generator.parameters, expected, rtol=1e-5, atol=1e-7)
    assert (gan.sample(4, 0) == gan.mean_generator(gan.codes(4, 0))).all()
    assert (plain.sample(4, 0) == plain.generator(plain.codes(4, 0))).all()


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_a_saturated_discriminator_gives_finite_losses_and_gradients(logit):
    gan = small_gan()
    gan.discriminator.layers[-1].b = np.float32([logit])
    loss_d, d_grads, _ = gan.discriminator_gradients(pixels(), gan.codes(8, 0))
    loss_g, g_grads, _ = gan.generator_gradients(gan.codes(8, 0))
    for a in (loss_d, loss_g, *d_grads.values(), *g_grads.values()):
        assert np.isfinite(a).all()


def test_training_on_with_a_saturated_discriminator_stays_finite_and_free_of_subnormals():
    gan, rng, sides = small_gan(), RNG(0), (Adam(0.01), Adam(0.01))
    for t in range(1000):
        if t == 10:  # from now on D is sure that all is real: G gets no gradient at all
            gan.discriminator.layers[-1].b = np.float32([1e4])
        values = gan.train_step(pixels(), gan.codes(8, rng), gan.codes(8, rng), *sides)
    assert np.isfinite(values).all()
    for optimizer in sides:
        for v in (*optimizer.vectors.values(), gan.generator.parameters):
            assert np.isfinite(v).all()
            assert not ((v != 0) & (np.abs(v) < np.finfo("float32").tiny)).any()


# ------------------------------------------------------------------------------------ subnormals


@pytest.mark.parametrize(
    "optimizer", [Adam(), Adam(beta_1=0.5), SGD(momentum=0.9), RMSprop(), Adagrad()]
)
def test_no_subnormal_number_stays_in_an_optimizer_whose_gradients_vanished(optimizer):
    w, g = np.ones(50, "float32"), RNG(0).host.normal(size=50).astype("float32")
    optimizer.step(w, g)
    for t in range(5000):
        optimizer.step(w, np.zeros_like(g))
        if t % 7 == 0:
            for name, v in optimizer.vectors.items():
                small = (v != 0) & (np.abs(v) < np.finfo("float32").tiny)
                assert not small.any(), f"{name} after {t} updates"


# ------------------------------------------------------------- fit of a VAE beyond the plain one


def random_code_vae(beta=1.0):
    """m = 1 and v = 0 for every x, logits 3 (z_1 + z_2): the loss depends on the code."""
    vae = VAE(Sequential([Dense(4)]), Sequential([Dense(8)]), beta=beta)
    vae.build((8,), 0)
    encoder, decoder = vae.encoder.layers[0], vae.decoder.layers[0]
    encoder.W[...], encoder.b[...] = 0, [1, 1, 0, 0]
    decoder.W[...], decoder.b[...] = 3, 0
    return vae


def ink(n=100):
    return (np.random.default_rng(3).random((n, 8)) > 0.5).astype("float32")


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_validation_of_a_vae_reports_both_terms_of_the_bound_for_random_codes(beta):
    vae, x, seen = random_code_vae(beta), ink(2000), []

    class Record(Callback):
        def on_epoch_end(self, run):
            seen.append(run.history["val_loss"][-1])

    options = {"optimizer": SGD(1e-12), "callbacks": [Record()], "verbose": False}
    history = vae.fit(x, validation=x, metrics={"mean": lambda y, t: y.mean()}, **options)
    bound = vae.evaluate(x)
    assert history["val_kl"][0] == pytest.approx(1.0, rel=1e-4)  # m^2 / 2, twice
    assert history["kl"][0] == pytest.approx(beta, rel=1e-4)
    assert history["val_reconstruction"][0] == pytest.approx(bound["reconstruction"], rel=1e-5)
    assert history["val_loss"] == seen == [bound["reconstruction"] + bound["kl"]]
    assert history["val_mean"][0] == pytest.approx(6, rel=1e-4)  # 3 (1 + 1), at the mean codes
    assert len(history["mean"]) == 1


@pytest.mark.parametrize("of", ["", "validation "])
def test_a_bernoulli_vae_refuses_pixels_outside_0_and_1_before_the_first_update(of):
    vae, x = random_code_vae(), ink()
    before = vae.model.parameters.copy()
    train, held_out = (255 * x, x) if not of else (x, 255 * x)
    with pytest.raises(ValueError, match=rf"{of}pixels in \[0, 1\]; got 255: scale them.*sigma="):
        vae.fit(train, validation=held_out, optimizer=SGD(0.1), verbose=False)
    np.testing.assert_array_equal(vae.model.parameters, before)
    for call in (vae.evaluate, vae.log_likelihood):
        with pytest.raises(ValueError, match=r"pixels in \[0, 1\]"):
            call(255 * x)
    gaussian = VAE(Dense(4), Dense(8), sigma=1.0)
    gaussian.build((8,), 0)
    assert np.isfinite(gaussian.evaluate(x - 0.7)["loss"])


def test_a_discriminator_that_ends_in_a_sigmoid_causes_a_warning():
    g, d = small_gan().generator, Sequential([Dense(1), Sigmoid()])
    d.build((6,), 0)
    with pytest.warns(UserWarning, match="Sigmoid before BinaryCrossEntropy, which expects logits"):
        GAN(g, d).fit(pixels(), optimizer_d=Adam(), optimizer_g=Adam())
