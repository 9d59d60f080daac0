"""Initial weights: their spread by the formulas, their seeds, their names."""

import math

import numpy as np
import pytest
from cases import bits, built
from numpy.testing import assert_allclose

from scratchnet import initializers
from scratchnet.backend import RNG, float64
from scratchnet.initializers import initializer, orthogonal
from scratchnet.layers import Dense

NAMES = sorted(set(initializers.__all__) - {"initializer"})
RANDOM = [name for name in NAMES if name not in ("zeros", "ones")]
every_name = pytest.mark.parametrize("name", NAMES)
every_random_one = pytest.mark.parametrize("name", RANDOM)

# shape of the kernel, inputs summed by one output, outputs reached by one input
KERNELS = [((300, 200), 300, 200), ((5, 3, 40, 60), 600, 900), ((500, 40), 500, 40)]
VARIANCES = {
    "glorot_uniform": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "glorot_normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he_uniform": lambda fan_in, fan_out: 2 / fan_in,
    "he_normal": lambda fan_in, fan_out: 2 / fan_in,
    "inverse_sqrt_uniform": lambda fan_in, fan_out: 1 / (3 * fan_in),
}


def draw(name, shape=(6, 5), seed=0):
    return initializer(name)(RNG(seed), shape)


def test_every_random_initializer_has_its_variance_or_its_own_test():
    assert set(VARIANCES) | {"orthogonal"} == set(RANDOM)


@pytest.mark.parametrize("name", VARIANCES)
@pytest.mark.parametrize(("shape", "fan_in", "fan_out"), KERNELS, ids=str)
def test_weights_have_mean_zero_and_the_variance_of_the_paper(name, shape, fan_in, fan_out):
    w, variance = draw(name, shape).astype("float64"), VARIANCES[name](fan_in, fan_out)
    assert abs(w.mean()) < 4 * math.sqrt(variance / w.size)  # four standard errors
    assert_allclose(w.var(), variance, rtol=4 * math.sqrt(2 / w.size))
    largest = abs(w).max() / math.sqrt(3 * variance)  # a uniform one ends at sqrt(3) deviations
    assert 0.99 < largest <= 1 + 1e-6 if "uniform" in name else largest > 1.5


@pytest.mark.parametrize("shape", [(7, 7), (9, 4), (4, 9), (3, 2, 4, 5), (2, 2, 2, 20)], ids=str)
def test_orthogonal_matrices_are(shape):
    with float64():
        w = orthogonal(RNG(0), shape).reshape(-1, shape[-1])
    rows, columns = w.shape
    gram = w.T @ w if rows >= columns else w @ w.T
    assert_allclose(gram, np.eye(min(rows, columns)), atol=1e-14)


def test_orthogonal_matrices_are_drawn_uniformly():
    """QR alone leaves the diagonal of Q negative; drawn uniformly, its mean is zero."""
    with float64():
        corner = [orthogonal(RNG(seed), (3, 3))[0, 0] for seed in range(400)]
    assert abs(np.mean(corner)) < 4 / math.sqrt(3 * 400)  # variance 1/3 on a sphere


@every_name
def test_shape_and_precision_are_as_asked(name):
    assert draw(name, (6, 5)).shape == (6, 5) and draw(name).dtype == "float32"
    with float64():
        assert draw(name, (2, 3, 6, 5)).dtype == "float64"


@every_random_one
def test_equal_seeds_give_equal_weights_and_the_next_draw_others(name):
    assert bits(draw(name)) == bits(draw(name)) != bits(draw(name, seed=1))
    rng = RNG(0)
    first, second = (initializer(name)(rng, (6, 5)) for _ in range(2))
    assert bits(first) != bits(second)


@every_random_one
def test_both_precisions_draw_the_same_numbers(name):
    with float64():
        precise = draw(name)
    assert bits(precise.astype("float32")) == bits(draw(name))


@every_name
def test_a_layer_takes_the_name_and_the_function(name):
    by_name, by_function = (
        built(Dense(5, kernel_initializer=how), (6,)).W
        for how in (name, getattr(initializers, name))
    )
    assert bits(by_name) == bits(by_function) and by_name.shape == (6, 5)


def test_constant_weights():
    assert (draw("zeros") == 0).all() and (draw("ones") == 1).all()


def test_a_layer_takes_a_function_of_ones_own():
    layer = built(Dense(2, kernel_initializer=lambda rng, shape: np.full(shape, 7, "float32")))
    assert layer.W.tolist() == [[7, 7]] * 4


def test_unknown_names_are_refused_with_those_that_exist():
    with pytest.raises(ValueError, match=f"'glorot': choose one of {', '.join(NAMES)} .did you me"):
        initializer("glorot")
