"""Array modules, transfers, precision and random numbers; no GPU is needed.

Where CuPy matters it is a stand-in: a few lines that behave as CuPy does on a machine without a
GPU, or with one that cannot run a kernel.
"""

import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cases import bits
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import backend
from scratchnet.backend import (
    RNG,
    as_rng,
    current_xp,
    float64,
    float_dtype,
    gpu_available,
    gpu_problem,
    on_host,
    ones,
    to_device,
    to_numpy,
    use_device,
    xp_of,
    zeros,
)
from scratchnet.layers import Dense

# ----------------------------------------------------------------------------------------- devices


class DeviceArray:
    """The array class of a stand-in for CuPy."""

    ndim, shape = 1, (2,)


def broken(*args, **kwargs):
    raise OSError("libnvrtc.so is missing")


NO_GPU = {
    "not installed": (None, "CuPy is not installed: pip install 'scratchnet[cuda12]'"),
    "no driver": (
        {"is_available": lambda: False},
        "CuPy is installed, but no usable NVIDIA driver and GPU was found",
    ),
    "no compiler": (
        {"is_available": lambda: True, "ones": broken},
        "CuPy sees a GPU but cannot run a kernel: OSError: libnvrtc.so is missing",
    ),
    "no cuBLAS": (
        {"is_available": lambda: True, "ones": lambda *args, **kwargs: DeviceArray()},
        "CuPy sees a GPU but cannot run a kernel: TypeError: unsupported operand",
    ),
}


@pytest.fixture
def cupy_is(monkeypatch):
    """Put something, or nothing, in CuPy's place; the probe of the GPU starts afresh."""

    def put(contents):
        common = {"ndarray": DeviceArray, "float32": np.float32}
        stand_in = contents if contents is None else types.SimpleNamespace(**common, **contents)
        monkeypatch.setattr(backend, "cupy", stand_in)
        return stand_in

    gpu_problem.cache_clear()
    yield put
    gpu_problem.cache_clear()


@pytest.mark.parametrize(("contents", "sentence"), NO_GPU.values(), ids=NO_GPU)
def test_one_sentence_says_what_a_gpu_lacks(contents, sentence, cupy_is):
    """An installed CuPy is not a GPU: the probe computes something."""
    cupy_is(contents)
    assert sentence in gpu_problem() and "\n" not in gpu_problem()
    assert not gpu_available()
    with pytest.raises(RuntimeError, match="^no GPU to use: CuPy "):
        use_device("gpu")
    assert current_xp() is np


def test_a_gpu_that_computes_has_no_problem_and_is_probed_once(cupy_is):
    probes = []

    def probing_ones(shape, dtype):
        probes.append(shape)
        return np.ones(shape, dtype)

    cupy_is({"is_available": lambda: True, "ones": probing_ones})
    assert gpu_problem() is None and gpu_available() and len(probes) == 1


def test_the_device_decides_where_new_arrays_go_until_the_block_ends(cupy_is):
    module = cupy_is({"is_available": lambda: True, "ones": np.ones, "zeros": np.zeros})
    with use_device("gpu"):
        assert current_xp() is module
        with use_device("cpu"):
            assert current_xp() is np
        assert current_xp() is module
    with pytest.raises(ZeroDivisionError), use_device("gpu"):
        _ = 1 / 0
    assert current_xp() is np


@pytest.mark.parametrize("name", ["cuda", "GPU", "", None, 0])
def test_unknown_devices_are_refused(name):
    with pytest.raises(ValueError, match=f"^unknown device {name!r}: choose one of cpu, gpu"):
        use_device(name)


def test_arrays_say_which_module_computes_with_them(cupy_is):
    host, device, module = np.ones(2), DeviceArray(), cupy_is({})
    assert xp_of() is xp_of(host) is xp_of(host, 2.0) is np
    assert xp_of(device) is xp_of(device, 2.0) is xp_of(device, np.float32(2)) is module
    assert on_host(host) and not on_host(device)
    for mixed in ((host, device), (device, host)):
        with pytest.raises(TypeError, match="host and device arrays are mixed: call to_device"):
            xp_of(*mixed)


def test_transfer_to_the_host(cupy_is):
    cupy_is({"asnumpy": lambda array: np.zeros(array.shape)})
    assert to_numpy(DeviceArray()).tolist() == [0, 0]
    host = np.ones(2)
    assert to_numpy(host) is host
    assert to_numpy([[1, 2]]).tolist() == [[1, 2]]


# --------------------------------------------------------------------------------------- precision


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "bool"])
def test_integers_keep_their_dtype(dtype):
    assert to_device(np.ones(2, dtype)).dtype == dtype
    with float64():
        assert to_device(np.ones(2, dtype)).dtype == dtype


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_take_the_precision_of_the_moment(dtype):
    assert to_device(np.ones(2, dtype)).dtype == "float32"
    assert to_device(np.ones(2, dtype), dtype="float64").dtype == "float64"
    with float64():
        assert to_device(np.ones(2, dtype)).dtype == "float64"


def test_what_is_right_already_is_not_copied_and_lists_become_arrays():
    x = np.ones(2, "float32")
    assert to_device(x) is x
    assert to_device([[0.5, 1.5]]).dtype == "float32" and to_device([1, 2]).dtype.kind == "i"


def test_new_arrays_have_the_precision_of_the_block_also_when_nested_or_left_by_an_error():
    def precision():
        assert zeros((2,)).dtype == ones((2,)).dtype == float_dtype()
        return float_dtype().name

    assert precision() == "float32"
    with float64():
        with float64():
            assert precision() == "float64"
        assert precision() == "float64"
    with pytest.raises(ZeroDivisionError), float64():
        _ = 1 / 0
    assert precision() == "float32"
    assert (zeros((2,)) == 0).all() and (ones((2,)) == 1).all()


def test_a_precision_is_that_of_one_thread():
    """A gradient check in one thread leaves the training in another alone."""

    def in_double(_):
        with float64():
            return inside.submit(float_dtype).result(), float_dtype()

    with ThreadPoolExecutor(2) as outside, ThreadPoolExecutor(1) as inside:
        for other, own in outside.map(in_double, range(4)):
            assert (other, own) == ("float32", "float64")
    assert float_dtype() == "float32"


# ---------------------------------------------------------------------------------- random numbers

KEYS = [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (5,), (0, 0, 0)]
LIKE = np.empty(8, "float32")


def draws(rng):
    """The first numbers of the host's stream and of the device's."""
    return [bits(rng.host.random(8)), bits(rng.uniform(LIKE)), bits(rng.normal(LIKE))]


@given(st.integers(0, 2**64))
def test_equal_seeds_give_equal_bits_and_forks_are_their_own(seed):
    assert draws(RNG(seed)) == draws(as_rng(seed)) != draws(RNG(seed + 1))
    for key in KEYS[1:]:
        assert draws(RNG(seed).fork(*key)) == draws(RNG(seed).fork(key[0]).fork(*key[1:]))


@given(st.sampled_from([0, 5, 2**32 - 1, 2**32, 2**40]))
def test_no_two_forks_share_a_stream(seed):
    """The trap: to NumPy the seeds 5, (5,) and (5, 0) are one, it pads with zeros."""
    streams = [
        bits(generator.integers(2**63, size=4))
        for rng in [RNG(seed + other) for other in (0, 1)]
        for fork in [rng.fork(*key) for key in KEYS]
        for generator in (fork.host, fork._generator(np))
    ]
    assert len({str(stream) for stream in streams}) == 2 * len(KEYS) * 2


def test_a_fork_does_not_depend_on_what_was_drawn_before():
    rng = RNG(5)
    draws(rng)
    assert draws(rng.fork(3)) == draws(RNG(5).fork(3))
    assert draws(rng) != draws(RNG(5))


@pytest.mark.parametrize("seed", [None, -1, 1.5, "5", (5,), [5, 0]], ids=repr)
def test_a_seed_is_one_whole_number(seed):
    """None would draw another seed in each run; (5,) and (5, 0) would be the same as 5."""
    for use in (RNG, as_rng, lambda seed: Dense(2).build((3,), seed)):
        with pytest.raises((TypeError, ValueError), match="seed"):
            use(seed)


def test_a_generator_is_passed_on_as_it_is():
    rng = RNG(1)
    assert as_rng(rng) is rng
    assert draws(as_rng(np.int64(3))) == draws(RNG(3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_has_shape_and_precision_of_what_it_is_drawn_for(dtype):
    like = np.empty((300, 400), dtype)
    u, z = RNG(0).uniform(like), RNG(0).normal(like)
    for noise in (u, z):
        assert noise.shape == like.shape and noise.dtype == dtype
    error = 4 / np.sqrt(like.size)  # four standard errors of a mean of numbers with deviation 1
    assert 0 <= u.min() < 1e-3 and 0.999 < u.max() < 1
    assert abs(u.mean() - 0.5) < error and abs(u.var() - 1 / 12) < error
    assert abs(z.mean()) < error and abs(z.var() - 1) < error * np.sqrt(2)


def test_uniform_numbers_in_float32_never_round_up_to_one():
    assert max(RNG(seed).uniform(np.empty(1 << 20, "float32")).max() for seed in range(4)) < 1


@given(st.integers(0, 200), st.integers(0, 2**32))
def test_a_permutation_has_every_number_once(n, seed):
    order = RNG(seed).permutation(n)
    assert sorted(order.tolist()) == list(range(n)) and order.dtype.kind == "i"
    assert bits(order) == bits(RNG(seed).permutation(n))


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_one_seed_gives_the_same_numbers_in_both_precisions(kind):
    single, double = (getattr(RNG(3), kind)(np.zeros(9, t)) for t in ("float32", "float64"))
    assert double.dtype == "float64"
    np.testing.assert_array_equal(double, single)
