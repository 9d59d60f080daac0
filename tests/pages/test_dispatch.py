"""`page` chooses the page by the type of the model."""

import numpy as np
import pytest

import scratchnet.pages
from scratchnet.boltzmann import DBN, BernoulliRBM
from scratchnet.layers import Dense, Sequential
from scratchnet.models.vae import VAE
from scratchnet.pages import page


def built(layers, shape):
    model = Sequential(layers)
    model.build(shape, 0)
    return model


@pytest.mark.parametrize(
    "make, title",
    [
        (lambda: BernoulliRBM(2, n_iter=1).fit(np.eye(4)), "Gibbs chains"),
        (lambda: (np.zeros(4), np.eye(4)[:2]), "Codes of images"),
        (lambda: {"PCA": (np.zeros(4), np.eye(4)[:2])}, "Codes of images"),
        (lambda: built([Dense(2), Dense(4)], (4,)), "Codes of images"),
        (lambda: built([Dense(2)], (4,)), "A network, number by number"),
    ],
)
def test_the_kind_follows_from_the_model(make, title, tmp_path):
    path = page(make(), tmp_path / "page.html")
    assert f"<title>{title}</title>" in path.read_text()


def test_a_kind_may_be_chosen(tmp_path):
    autoencoder = built([Dense(2), Dense(4)], (4,))
    path = page(autoencoder, tmp_path / "page.html", kind="step")
    assert "<title>A network, number by number</title>" in path.read_text()


def test_what_has_no_page_is_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown kind of page 'chain'.*did you mean 'chains'"):
        page(None, tmp_path / "a.html", kind="chain")
    with pytest.raises(TypeError, match="got int"):
        page(3, tmp_path / "a.html")
    with pytest.raises(TypeError, match="rbms_"):
        page(DBN((3, 2), n_iter=1).fit(np.eye(4)), tmp_path / "a.html")
    with pytest.raises(TypeError, match="expects a fitted BernoulliRBM"):
        page(BernoulliRBM(2), tmp_path / "a.html")
    with pytest.raises(ValueError, match="call build"):
        page(VAE(Dense(4), Dense(8)), tmp_path / "a.html")


def test_the_package_has_no_other_name():
    with pytest.raises(AttributeError, match="no attribute 'pages'"):
        _ = scratchnet.pages.pages
