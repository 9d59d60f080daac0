"""The command `scratchnet page`."""

import numpy as np
import pytest
from browser import check_page, needs_browser
from page_data import array_of, assert_self_contained, data_of

from scratchnet.boltzmann import BernoulliRBM
from scratchnet.cli import main
from scratchnet.layers import Dense, ReLU, Sequential
from scratchnet.models.vae import VAE
from scratchnet.pages.examples import digits, example_step
from scratchnet.saving import save

KINDS = ("chains", "latent", "step")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The folder in which the command has written its three pages, with small trained models."""
    folder = tmp_path_factory.mktemp("pages")
    for kind in KINDS:
        assert main(["page", kind, "--to", str(folder / f"{kind}.html")]) == 0
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_trains_a_small_model_on_the_digits(kind, pages):
    assert_self_contained(pages / f"{kind}.html", most=150_000)


@needs_browser
@pytest.mark.parametrize("kind", KINDS)
def test_the_pages_of_the_command_compute_numpys_numbers(kind, pages):
    check_page(pages / f"{kind}.html")


def test_the_default_file_lies_in_the_current_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["page", "step"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("page  step.html  (") and out.count("\n") == 1
    assert (tmp_path / "step.html").exists()


def test_the_example_of_a_step_has_gradients_to_show():
    model, options = example_step()
    value, cache = options["loss"].forward(model(options["x"]), options["t"])
    assert abs(options["loss"].backward(cache)).max() * len(options["x"]) > 0.1


def test_a_boltzmann_machine_of_a_file(tmp_path):
    x = (digits()[0] > 0.5).astype("float32")
    rbm = BernoulliRBM(4, n_iter=1, random_state=0).fit(x)
    np.savez(tmp_path / "rbm.npz", **rbm.energy_model_.parameters())
    command = ["page", "chains", "--model", str(tmp_path / "rbm.npz"), "--data", "digits"]
    assert main([*command, "--to", str(tmp_path / "page.html")]) == 0
    data = data_of(tmp_path / "page.html")
    np.testing.assert_array_equal(array_of(data["weights"][0]), rbm.components_.T)
    assert len(data["examples"]["labels"]) == 64


def test_a_vae_of_a_file(tmp_path, capsys):
    vae = VAE(Sequential([Dense(6), ReLU(), Dense(4)]), Sequential([Dense(6), ReLU(), Dense(64)]))
    vae.build((64,), 0)
    save(vae.model, tmp_path / "vae.npz")
    command = ["page", "latent", "--model", str(tmp_path / "vae.npz"), "--data", "digits"]
    assert main([*command, "--to", str(tmp_path / "page.html")]) == 0
    assert "Bernoulli pixels" in capsys.readouterr().out
    codes = array_of(data_of(tmp_path / "page.html")["models"][0]["codes"])
    np.testing.assert_allclose(codes, vae.encode(digits()[2][:300])[0], atol=1e-5)


def test_a_file_that_does_not_exist(tmp_path, capsys):
    assert main(["page", "step", "--model", str(tmp_path / "none.npz")]) == 2
    assert "none.npz does not exist" in capsys.readouterr().err
