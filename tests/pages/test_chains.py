"""The page of Gibbs chains: its data, the models it takes, and what it computes in a browser."""

import numpy as np
import pytest
from browser import check_page, needs_axe, needs_browser, violations, visit
from page_data import array_of, assert_self_contained, data_of

from scratchnet.boltzmann import DBM, DBN, BernoulliRBM, EnergyModel, GaussianRBM, RatingRBM, exact
from scratchnet.boltzmann.machine.units import Bernoulli
from scratchnet.pages.chains import chains_page, energy_model, even_free_energy, exact_values


@pytest.fixture
def x(rng):
    """Forty rows of nine bits."""
    return (rng.uniform(size=(40, 9)) < [0.9] * 3 + [0.2] * 6).astype("float32")


@pytest.fixture
def rbm(x):
    return BernoulliRBM(4, n_iter=5, learning_rate=0.3, random_state=0).fit(x)


@pytest.fixture
def dbm(x):
    return DBM((5, 3), n_iter=3, pretrain=3, random_state=0).fit(x)


def test_the_page_holds_the_parameters_of_the_model(rbm, x, tmp_path):
    path = chains_page(rbm, tmp_path / "chains.html", x=x, labels=np.arange(40) % 3)
    data = data_of(path)
    np.testing.assert_array_equal(array_of(data["weights"][0]), rbm.components_.T)
    np.testing.assert_array_equal(array_of(data["biases"][0]), rbm.intercept_visible_)
    np.testing.assert_array_equal(array_of(data["biases"][1]), rbm.intercept_hidden_)
    np.testing.assert_allclose(array_of(data["data"]["mean"]), x.mean(axis=0), rtol=1e-6)
    assert data["data"]["F"] == pytest.approx(float(rbm.free_energy(x).mean()), abs=1e-5)
    assert (data["height"], data["width"]) == (3, 3)
    assert_self_contained(path)


def test_exact_values_are_those_of_the_estimator(rbm, x):
    found = exact_values(energy_model(rbm), x)
    assert found["log_Z"] == pytest.approx(exact.log_partition(rbm.energy_model_), abs=1e-5)
    assert found["data"] == pytest.approx(rbm.log_likelihood(x).mean(), abs=1e-5)
    v = exact.conditionals(rbm.energy_model_)
    np.testing.assert_allclose(found["mean"], v[4] @ v[0], atol=1e-5)


def test_exact_values_of_a_gaussian_rbm(rng):
    x = rng.standard_normal((50, 4))
    rbm = GaussianRBM(2, sigma=0.7, n_iter=20, learning_rate=0.05, random_state=0).fit(x)
    model = energy_model(rbm)
    found = exact_values(model, x)
    h = model.units[1].states(np.arange(4), 2)
    means = model.mean(0, [None, h])  # E[v | h]
    log_p = [float(exact.log_likelihood(model, means[i : i + 1])[0]) for i in range(4)]
    assert np.isfinite(log_p).all()
    log_w = h @ model.biases[1] + (means**2 - model.biases[0] ** 2).sum(axis=1) / (2 * 0.7**2)
    w = np.exp(log_w - log_w.max())
    np.testing.assert_allclose(found["mean"], w @ means / w.sum(), atol=1e-5)
    assert found["data"] == pytest.approx(float(rbm.log_likelihood(x).mean()), abs=1e-4)


def test_a_model_with_many_states_has_no_exact_values():
    zeros = [np.zeros(20), np.zeros(17)]
    assert exact_values(EnergyModel([Bernoulli()] * 2, [np.zeros((20, 17))], zeros)) is None


def test_the_free_energy_of_the_even_layers(rbm, dbm, x):
    model = energy_model(rbm)
    np.testing.assert_allclose(
        even_free_energy(model, [x.astype("float64"), None]), rbm.free_energy(x), atol=1e-4
    )
    model = energy_model(dbm)
    h_1 = model.units[1].states(np.arange(2**5), 5)
    v, h_2 = np.tile(x[:1], (32, 1)).astype("float64"), np.tile([[1.0, 0.0, 1.0]], (32, 1))
    log_p = np.log(np.exp(-model.energy([v, h_1, h_2])).sum())
    np.testing.assert_allclose(even_free_energy(model, [v[:1], None, h_2[:1]]), -log_p)


def test_a_dbm_has_the_data_of_each_layer(dbm, x, tmp_path):
    data = data_of(chains_page(dbm, tmp_path / "chains.html", x=x))
    assert [array_of(W).shape for W in data["weights"]] == [(9, 5), (5, 3)]
    assert data["exact"]["data"] == pytest.approx(float(dbm.log_likelihood(x).mean()), abs=1e-4)
    assert data["data"]["F"] is None


def test_other_models_are_refused(x, tmp_path):
    path = tmp_path / "chains.html"
    with pytest.raises(TypeError, match="got DBN: pass one of its rbms_"):
        chains_page(DBN((3, 2), n_iter=1).fit(x), path)
    with pytest.raises(TypeError, match="expects a fitted BernoulliRBM.*got BernoulliRBM"):
        chains_page(BernoulliRBM(2), path)
    ratings = RatingRBM(2, n_iter=1, random_state=0).fit([[0, 0], [1, 1]], [1, 2])
    with pytest.raises((TypeError, ValueError), match="got RatingRBM"):
        chains_page(ratings, path)
    with pytest.raises(ValueError, match="rows x of 9 numbers"):
        chains_page(BernoulliRBM(2, n_iter=1).fit(x), path, x=x[:, :4])
    large = EnergyModel([Bernoulli()] * 2, [np.zeros((400, 200))], [np.zeros(400), np.zeros(200)])
    with pytest.raises(ValueError, match="fewer weights, or pass limit="):
        chains_page(large, path)
    assert not path.exists()


@needs_browser
def test_the_page_of_an_rbm_computes_numpys_numbers(rbm, x, tmp_path):
    assert check_page(chains_page(rbm, tmp_path / "chains.html", x=x)).check["count"] > 40


@needs_browser
def test_the_pages_of_other_models_compute_numpys_numbers(dbm, x, rng, tmp_path):
    check_page(chains_page(dbm, tmp_path / "dbm.html", x=x))
    values = rng.standard_normal((40, 9))
    gaussian = GaussianRBM(3, learn_sigma=True, n_iter=2, random_state=0).fit(values)
    check_page(chains_page(gaussian, tmp_path / "gaussian.html", x=values))
    check_page(chains_page(gaussian, tmp_path / "without_data.html"))


@needs_browser
@pytest.mark.parametrize("deep, T", [(False, 2), (True, 1)])
def test_the_chains_have_the_distribution_of_the_model(rng, tmp_path, deep, T):
    """The mean of v over 64 chains and 1500 sweeps, beside the exact mean at the temperature."""
    sizes = (4, 3, 2) if deep else (4, 3)
    pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
    weights, biases = [rng.standard_normal(s) for s in pairs], [rng.normal(size=n) for n in sizes]
    model = EnergyModel([Bernoulli()] * len(sizes), weights, biases)
    cold = EnergyModel(model.units, [W / T for W in weights], [b / T for b in biases])
    script = f"""
        setPlaying(false);
        const total = new Float64Array(4);
        for (let s = 0; s < 1600; s++) {{
          sweepChains(pcd, {T});
          if (s < 100) continue;
          for (const v of pcd.visible) v.forEach((p, i) => {{ total[i] += p / 64 / 1500; }});
        }}
        report([...total]);"""
    seen = visit(chains_page(model, tmp_path / "chains.html"), 20_000, script=script)
    expected = exact.model_statistics(cold)["b0"]
    np.testing.assert_allclose(seen.result, expected, atol=0.02)


@needs_browser
def test_clamped_pixels_stay_and_cd_starts_at_the_data(rbm, x, tmp_path):
    script = """
        setPlaying(false);
        const canvas = byId("drawing");
        canvas.focus();
        press(canvas, "ArrowLeft"); press(canvas, " ");           // row 2, column 1: ink
        document.querySelector("[name=pen][value='0']").checked = true;
        press(canvas, "ArrowRight", {shiftKey: true});            // row 2, column 2: paper
        for (let s = 0; s < 4; s++) sweep();                      // k = 3: one restart
        const states = [...cd.states, ...pcd.states].map(state => state[0]);
        press(canvas, "Backspace");
        const clamped = [...clamp].filter(v => !Number.isNaN(v)).length;
        report([states.every(v => v[3] === 1), states.every(v => v[4] === 0), cd.age, pcd.age,
                clamped, canvas.nextSibling.textContent]);"""
    seen = visit(chains_page(rbm, tmp_path / "chains.html", x=x), script=script)
    assert seen.result == [True, True, 1, 4, 1, "row 2, column 2: free"]
    assert not seen.console


@needs_axe
def test_axe_finds_nothing(rbm, x, tmp_path):
    assert violations(chains_page(rbm, tmp_path / "chains.html", x=x)) == []
