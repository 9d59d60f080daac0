"""The oracle of the Boltzmann room and the chain, checked against sums over every state.

T1, T2, T3, T11 and T12 of what pins the mathematics: everything later is tested against these.
"""

import itertools
import math

import numpy as np
import pytest
from small_machines import D, H, cube

from scratchnet.backend import RNG, float64, to_device, to_numpy
from scratchnet.boltzmann import Bernoulli, EnergyModel, Gaussian, Softmax, exact
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD, gibbs, half_sweep


def draw(rng, *shape):
    return to_device(rng.standard_normal(shape), "float64")


def rbm(rng, visible=None, d=D):
    visible = Bernoulli() if visible is None else visible
    return EnergyModel([visible, Bernoulli()], [draw(rng, d, H)], [draw(rng, d), draw(rng, H)])


def dbm(rng):
    sizes = (4, 3, 3, 2)
    weights = [draw(rng, n, m) for n, m in itertools.pairwise(sizes)]
    return EnergyModel([Bernoulli()] * 4, weights, [draw(rng, n) for n in sizes])


def joint(network):
    """Every joint state of a 0-1 network, as layers, and exp(-E) of each."""
    sizes = [len(b) for b in network.biases]
    layers = np.split(cube(sum(sizes)), np.cumsum(sizes)[:-1], axis=1)
    return layers, np.exp(-network.energy(layers))


@pytest.mark.parametrize("make", [rbm, dbm])
def test_log_z_is_the_sum_over_all_states_by_either_side(make, rng):
    network = make(rng)
    log_z = math.log(joint(network)[1].sum())
    for side in (None, EVEN, ODD):
        assert exact.log_partition(network, side) == pytest.approx(log_z, abs=1e-12)


@pytest.mark.parametrize("make", [rbm, dbm])
def test_the_likelihood_is_the_sum_over_hidden_states(make, rng):
    network = make(rng)
    layers, weights = joint(network)
    for v in cube(len(network.biases[0])):
        p = weights[(layers[0] == v).all(axis=1)].sum() / weights.sum()
        ours = exact.log_likelihood(network, v[None])
        np.testing.assert_allclose(ours, math.log(p), atol=1e-12)


def test_the_free_energy_is_minus_the_log_of_the_sum_over_hidden_states(rng):
    network = rbm(rng)
    for v in cube(D):
        E = network.energy([np.repeat(v[None], 2**H, axis=0), cube(H)])
        ours = network.free_energy(v[None])
        np.testing.assert_allclose(ours, -np.log(np.exp(-E).sum()), atol=1e-12)


def test_the_energy_is_the_formula(rng):
    network = dbm(rng)
    layers = [cube(len(b))[-2:-1] for b in network.biases]
    expected = -sum(float(h[0] @ b) for h, b in zip(layers, network.biases, strict=True))
    for h, W, k in zip(layers, network.weights, layers[1:], strict=False):
        expected -= (h @ W @ k.T).item()
    assert network.energy(layers).item() == pytest.approx(expected, abs=1e-12)


NETWORKS = {
    "rbm": rbm,
    "dbm": dbm,
    "softmax": lambda rng: rbm(rng, Softmax(3), 6),
    "gaussian": lambda rng: rbm(rng, Gaussian(D, 0.7)),
    "learned variance": lambda rng: rbm(rng, Gaussian(D, 0.7, learned=True)),
}


def rows_for(network, rng):
    unit, n = network.units[0], len(network.biases[0])
    if unit.count(n) == math.inf:
        return draw(rng, 3, n)
    return unit.states(np.array([0, 2, 5]), n).astype("float64")


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_the_exact_gradient_is_the_slope_of_the_exact_likelihood(make, rng):
    with float64():
        network = make(rng)
    v = rows_for(network, rng)
    grads = exact.gradient(network, v)
    assert grads.keys() == network.parameters().keys()
    for name, array in network.parameters().items():
        for at in np.ndindex(array.shape):
            was, values = array[at], []
            for step in (1e-5, -1e-5):
                array[at] = was + step
                values.append(exact.log_likelihood(network, v).mean())
            array[at] = was
            slope = (values[0] - values[1]) / 2e-5
            assert grads[name][at] == pytest.approx(slope, abs=1e-7), (name, at)


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_it_does_not_matter_how_many_states_are_summed_at_once(make, rng, monkeypatch):
    with float64():
        network = make(rng)
    whole, log_z = exact.model_statistics(network), exact.log_partition(network)
    monkeypatch.setattr(exact, "CHUNK", 3)
    assert exact.log_partition(network) == pytest.approx(log_z, abs=1e-12)
    for name, s in exact.model_statistics(network).items():
        np.testing.assert_allclose(s, whole[name], atol=1e-12)


def test_softmax_states_are_one_category_an_item(rng):
    network = rbm(rng, Softmax(3), 6)
    E = [network.energy([v[None], h[None]]).item() for v in SOFT for h in cube(H)]
    log_z = math.log(np.exp(-np.array(E)).sum())
    for side in (EVEN, ODD):
        assert exact.log_partition(network, side) == pytest.approx(log_z, abs=1e-12)


SOFT = np.array([np.concatenate(pair) for pair in itertools.product(np.eye(3), repeat=2)])


def test_a_gaussian_model_integrates_to_one(rng):
    """T11: exp(-F) / Z over a one-dimensional grid."""
    with float64():
        network = rbm(rng, Gaussian(1, 0.6), 1)
    v = np.linspace(-30, 30, 60001)[:, None]
    p = np.exp(exact.log_likelihood(network, v))
    assert np.trapezoid(p, v[:, 0]) == pytest.approx(1, abs=1e-10)


def test_a_gaussian_model_is_a_mixture_of_gaussians(rng):
    with float64():
        network = rbm(rng, Gaussian(2, 0.6), 2)
    W, a, b = network.weights[0], *network.biases
    h = cube(H)
    means = a + h @ W.T
    log_pi = h @ b + ((means**2 - a**2) / (2 * 0.36)).sum(axis=1)
    pi = np.exp(log_pi - log_pi.max())
    pi /= pi.sum()
    v = draw(rng, 7, 2)
    squares = ((v[:, None] - means) ** 2).sum(axis=2)
    p = (pi * np.exp(-squares / 0.72)).sum(axis=1) / (2 * math.pi * 0.36)
    np.testing.assert_allclose(exact.log_likelihood(network, v), np.log(p), atol=1e-12)


@pytest.mark.parametrize("name", ["rbm", "softmax"])
def test_the_chain_leaves_the_model_alone_and_runs_backward_as_well(name, rng):
    """T3: p T = p, and p_v T(v, v') is symmetric (detailed balance)."""
    _, _, h_given_v, v_given_h, p = exact.conditionals(NETWORKS[name](rng))
    T = h_given_v @ v_given_h.T
    np.testing.assert_allclose(T.sum(axis=1), 1, atol=1e-13)
    np.testing.assert_allclose(p @ T, p, atol=1e-14)
    flow = p[:, None] * T
    np.testing.assert_allclose(flow, flow.T, atol=1e-15)


def test_a_middle_layer_hears_both_neighbours(rng):
    network = dbm(rng)
    layers, weights = joint(network)
    v, h2 = np.array([1.0, 0, 1, 1]), np.array([0.0, 1, 1])
    match = (layers[0] == v).all(axis=1) & (layers[2] == h2).all(axis=1)
    expected = (weights[match][:, None] * layers[1][match]).sum(axis=0) / weights[match].sum()
    ours = network.mean(1, [v[None], None, h2[None], None])[0]
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def chi_square(counts, p, n):
    """A sum of squares that is about N(dof, 2 dof), in units of its standard deviation."""
    dof = len(p) - 1
    return (((counts - n * p) ** 2 / (n * p)).sum() - dof) / math.sqrt(2 * dof)


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_gibbs_samples_have_the_models_distribution(make, rng, xp):
    """T12: many independent chains, of every kind of network, on every device."""
    with float64():
        network = make(rng).map_arrays(to_device)
        network.weights[0] *= 0.4  # so that the chain forgets where it began
        n = 20_000
        layers = [to_device(rng.integers(0, 2, (n, len(b))), "float64") for b in network.biases]
        _, expected = gibbs(network, layers, 30, RNG(1))
    ours = {name: to_numpy(s) for name, s in network.statistics(expected).items()}
    model = {name: to_numpy(s) for name, s in exact.model_statistics(network).items()}
    for name, s in model.items():
        np.testing.assert_allclose(ours[name], s, atol=0.05 * max(1, np.abs(s).max()))


def test_a_hundred_thousand_samples_pass_a_chi_square_test(rng):
    network = rbm(rng)
    network.weights[0] *= 0.5  # so that the chain forgets where it began
    *_, p = exact.conditionals(network)
    n = 100_000
    state, _ = gibbs(network, [None, draw(rng, n, H) > 0], 25, RNG(3))
    code = (state[0] @ 2 ** np.arange(D)).astype(int)
    assert abs(chi_square(np.bincount(code, minlength=2**D), p, n)) < 4
    uniform = np.full(2**D, 2.0**-D)
    assert chi_square(np.bincount(code, minlength=2**D), uniform, n) > 100


def test_softmax_draws_one_category_and_each_as_often_as_it_should(rng):
    unit = Softmax(4)
    field = np.log(np.array([[0.1, 0.2, 0.3, 0.4, 0.7, 0.1, 0.1, 0.1]]))
    mean = np.repeat(unit.mean(field), 50_000, axis=0)
    sample = unit.sample(mean, RNG(5))
    assert (sample.reshape(-1, 2, 4).sum(axis=2) == 1).all()
    np.testing.assert_allclose(sample.mean(axis=0), np.exp(field[0]), atol=0.01)


def test_a_clamped_entry_keeps_its_value_and_the_others_follow_it(rng):
    network = rbm(rng)
    v, _, _, _, p = exact.conditionals(network)
    fixed, values = np.arange(D) < 2, np.array([1.0, 0, 0, 0, 0])
    n = 40_000
    start = np.repeat(values[None], n, axis=0)
    layers, _ = half_sweep(network, [start, None], ODD, RNG(0))
    state, _ = gibbs(network, layers, 30, RNG(1), clamp={0: (fixed, values)})
    assert (state[0][:, :2] == [1, 0]).all()
    match = (v[:, :2] == [1, 0]).all(axis=1)
    expected = (p[match][:, None] * v[match]).sum(axis=0) / p[match].sum()
    np.testing.assert_allclose(state[0].mean(axis=0), expected, atol=0.015)


def test_a_clamped_hidden_layer_shows_in_samples_and_in_means(rng):
    network = dbm(rng)
    layers = [to_device(np.ones((2, len(b)))) for b in network.biases]
    wanted = np.array([1.0, 0])
    state, expected = gibbs(network, layers, 2, RNG(0), clamp={3: (True, wanted)})
    assert (state[3] == wanted).all() and (expected[3] == wanted).all()


def test_half_the_temperature_samples_the_squared_distribution(rng):
    network = rbm(rng)
    network.weights[0] *= 0.3
    doubled = EnergyModel(network.units, [2 * network.weights[0]], [2 * b for b in network.biases])
    layers = [None, np.ones((40_000, H))]
    state, _ = gibbs(network, layers, 20, RNG(0), beta=2.0)
    expected = exact.model_statistics(doubled)["b0"]
    np.testing.assert_allclose(state[0].mean(axis=0), expected, atol=0.015)


def test_the_chain_changes_nothing_that_came_in(rng):
    network = dbm(rng)
    layers = [draw(rng, 3, len(b)) for b in network.biases]
    for h in layers:
        h.flags.writeable = False
    gibbs(network, layers, 2, RNG(0))


def test_too_many_states_are_refused_in_a_sentence(rng):
    wide = EnergyModel([Bernoulli()] * 2, [np.zeros((2000, 30))], [np.zeros(2000), np.zeros(30)])
    with pytest.raises(ValueError, match=r"2\^30 states are too many to enumerate"):
        exact.log_partition(wide)
    with pytest.raises(ValueError, match="expects weights"):
        EnergyModel([Bernoulli()] * 2, [np.zeros((3, 4))], [np.zeros(4), np.zeros(3)])


def test_a_learned_sigma_stays_within_its_bounds():
    unit = Gaussian(3, learned=True, bounds=(0.5, 2))
    unit.z[...] = [-9, 0, 9]
    unit.keep_within_bounds()
    np.testing.assert_allclose(unit.variance**0.5, [0.5, 1, 2], rtol=1e-6)
