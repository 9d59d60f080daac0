"""The page of codes: its data, the models it takes, and what it computes in a browser."""

import numpy as np
import pytest
from browser import check_page, needs_axe, needs_browser, violations, visit
from page_data import array_of, assert_self_contained, data_of
from sklearn.decomposition import PCA

from scratchnet.layers import Conv2D, Dense, Flatten, ReLU, Sequential, Sigmoid, Tanh
from scratchnet.models.vae import VAE
from scratchnet.pages.latent import encoder_decoder, latent_page


@pytest.fixture
def x(rng):
    """Thirty images of 4 x 4 pixels."""
    return rng.uniform(size=(30, 16)).astype("float32")


@pytest.fixture
def models(x):
    vae = VAE(Sequential([Dense(8), ReLU(), Dense(4)]), Sequential([Dense(8), ReLU(), Dense(16)]))
    vae.build((16,), 0)
    encoder, decoder = Sequential([Dense(5), Tanh(), Dense(3)]), Sequential([Dense(16), Sigmoid()])
    autoencoder = Sequential([encoder, decoder])
    autoencoder.build((16,), 1)
    return {"VAE": vae, "autoencoder": autoencoder, "PCA": PCA(2).fit(x)}


def run(pair, x):
    """The codes and reconstructions of an encoder and a decoder."""
    z = pair[0](x)
    return z, pair[1](z)


def test_encoder_and_decoder_of_each_model(models, x):
    vae, autoencoder, pca = models.values()
    z, y = run(encoder_decoder(vae), x)
    np.testing.assert_allclose(z, vae.encode(x)[0], rtol=1e-6)
    np.testing.assert_allclose(y, vae.decode(z), rtol=1e-6)
    z, y = run(encoder_decoder(autoencoder), x)
    np.testing.assert_allclose(y, autoencoder(x), rtol=1e-6)
    assert z.shape == (30, 3)
    for given in (pca, (pca.mean_, pca.components_)):
        z, y = run(encoder_decoder(given), x)
        np.testing.assert_allclose(z, pca.transform(x), atol=1e-5)
        np.testing.assert_allclose(y, pca.inverse_transform(z), atol=1e-5)


def test_the_decoder_of_a_gaussian_vae_ends_without_a_sigmoid(x):
    vae = VAE(Dense(4), Dense(16), sigma=0.5)
    vae.build((16,), 0)
    z = vae.encode(x)[0]
    np.testing.assert_allclose(encoder_decoder(vae)[1](z), vae.decode(z), rtol=1e-6)
    assert run(encoder_decoder(vae), x)[1].min() < 0


def test_a_flat_autoencoder_is_split_at_its_narrowest_layer(x):
    model = Sequential([Dense(8), ReLU(), Dense(2), Tanh(), Dense(8), ReLU(), Dense(16)])
    model.build((16,), 0)
    encoder, decoder = encoder_decoder(model)
    assert (len(encoder.layers), len(decoder.layers)) == (4, 3)
    np.testing.assert_allclose(decoder(encoder(x)), model(x), rtol=1e-6)


def test_the_model_is_not_changed(models, x, tmp_path):
    before = models["VAE"].model.parameters.copy()
    latent_page(models, tmp_path / "latent.html", x=x)
    np.testing.assert_array_equal(models["VAE"].model.parameters, before)
    assert models["VAE"].model.parameters.dtype == "float32"


def test_the_data_of_the_page_equals_numpys_arrays(models, x, tmp_path):
    labels = np.arange(30) % 4
    path = latent_page(models, tmp_path / "latent.html", x=x, labels=labels)
    data = data_of(path)
    assert_self_contained(path)
    assert [model["name"] for model in data["models"]] == ["VAE", "autoencoder", "PCA"]
    assert data["labels"] == labels.tolist()
    vae, autoencoder, pca = data["models"]
    W = array_of(vae["encoder"][0]["W"])
    np.testing.assert_array_equal(W, models["VAE"].encoder.layers[0].W)
    np.testing.assert_allclose(array_of(vae["codes"]), models["VAE"].encode(x)[0], atol=1e-6)
    np.testing.assert_allclose(array_of(pca["codes"]), models["PCA"].transform(x), atol=1e-5)
    check = autoencoder["check"]
    decoded = models["autoencoder"].layers[1](array_of(check["codes"]))
    np.testing.assert_allclose(array_of(check["decoded"]), decoded, atol=1e-6)
    z = array_of(vae["codes"])
    assert (np.array(vae["low"]) < z.min(axis=0)).all()
    assert (np.array(vae["high"]) > z.max(axis=0)).all()


def test_other_models_are_refused(x, tmp_path):
    path = tmp_path / "latent.html"
    convolutional = Sequential([Conv2D(2, 3), Flatten(), Dense(2)]), Sequential([Dense(16)])
    convolutional[0].build((4, 4, 1), 0), convolutional[1].build((2,), 0)
    with pytest.raises(ValueError, match="the latent page expects the layers Dense, .* got Conv2D"):
        latent_page(convolutional, path)
    with pytest.raises(ValueError, match="codes of at least 2 numbers; PCA has 1"):
        latent_page(PCA(1).fit(x), path)
    with pytest.raises(ValueError, match="whiten=False"):
        latent_page(PCA(2, whiten=True).fit(x), path)
    with pytest.raises(ValueError, match="call build"):
        latent_page(VAE(Dense(4), Dense(16)), path)
    with pytest.raises(ValueError, match="built models|built autoencoder"):
        latent_page(Sequential([Sequential([Dense(2)]), Dense(16)]), path)
    with pytest.raises(TypeError, match="got str"):
        latent_page("model", path)
    with pytest.raises(ValueError, match="at least one model"):
        latent_page({}, path)
    with pytest.raises(ValueError, match=r"PCA as \(mean"):
        latent_page((np.zeros(3), np.zeros((2, 4))), path)
    with pytest.raises(ValueError, match="samples x of 16 numbers"):
        latent_page(PCA(2).fit(x), path, x=x[:, :9])
    assert not path.exists()


@needs_browser
def test_the_page_computes_numpys_numbers(models, x, tmp_path):
    path = latent_page(models, tmp_path / "latent.html", x=x, labels=np.arange(30) % 4)
    assert check_page(path).check["count"] == 3 * (3 * 16) + 3 * (2 + 3 + 2)
    check_page(latent_page(models["VAE"], tmp_path / "without_data.html"))


@needs_browser
def test_keys_move_the_point_and_draw_an_image(models, x, tmp_path):
    path = latent_page(models, tmp_path / "latent.html", x=x)
    script = """
        const model = models[0], before = [...model.z];
        press(model.canvas, "ArrowRight"); press(model.canvas, "ArrowUp", {shiftKey: true});
        const moved = model.z.map((v, i) => (v - before[i]) / (model.high[i] - model.low[i]));
        byId("clear").click();
        press(byId("drawing"), " ");
        const drawn = models.map(m => [...m.z]);
        report([[...moved], [...inkDrawn], drawn, model.image.getAttribute("aria-label")]);"""
    seen = visit(path, script=script)
    moved, ink, codes, label = seen.result
    np.testing.assert_allclose(moved, [0.02, 0.1], atol=1e-9)
    low, high = x[:20].min(), x[:20].max()
    image = (low + (high - low) * np.array([ink])).astype("float32")
    assert max(ink) == 1 and sum(ink) < 4
    np.testing.assert_allclose(codes[0], models["VAE"].encode(image)[0][0], atol=1e-5)
    np.testing.assert_allclose(codes[2], models["PCA"].transform(image)[0], atol=1e-5)
    assert label.startswith("Image decoded by VAE at z1 = ") and not seen.console


@needs_browser
def test_the_mouse_moves_the_point(models, x, tmp_path):
    """Pressed at a quarter of the width and height of the plane, then moved to the middle."""
    script = """
        const model = models[0], box = model.canvas.getBoundingClientRect(), places = [];
        model.canvas.setPointerCapture = () => {};  // it takes no pointer that a script has made
        for (const [type, at] of [["pointerdown", 0.25], ["pointermove", 0.5]]) {
          const clientX = box.left + at * box.width, clientY = box.top + at * box.height;
          model.canvas.dispatchEvent(new PointerEvent(type, {clientX, clientY, buttons: 1}));
          places.push([...model.z]);
        }
        report({places, low: model.low, high: model.high});"""
    seen = visit(latent_page(models, tmp_path / "latent.html", x=x), script=script)
    low, high = np.array(seen.result["low"]), np.array(seen.result["high"])
    first, second = np.array(seen.result["places"])
    np.testing.assert_allclose((first - low) / (high - low), [0.25, 0.75], atol=0.01)
    np.testing.assert_allclose((second - low) / (high - low), [0.5, 0.5], atol=0.01)
    assert not seen.console


@needs_axe
def test_axe_finds_nothing(models, x, tmp_path):
    path = latent_page(models, tmp_path / "latent.html", x=x, labels=np.arange(30) % 4)
    assert violations(path) == []


def test_a_vae_with_classes_is_refused():
    vae = VAE(Sequential([Dense(4)]), Sequential([Dense(3)]), classes=2)
    vae.build((3,), 0)
    with pytest.raises(ValueError, match=r"a VAE without classes.*this one has classes=2"):
        encoder_decoder(vae)
