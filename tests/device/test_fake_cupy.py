"""The stand-in for CuPy: what it refuses, what it allows, what it counts."""

import copy
import pickle

import fake_cupy
import numpy as np
import pytest
from fake_cupy import STATS, DevArray, Synchronized, module, no_sync

HOST = np.array([[1, -2, 3], [4, 5, -6]], dtype="float32")
INDEX = np.array([0, 1, 1])  # one of them twice


@pytest.fixture
def a():
    """The numbers of HOST on the stand-in; everything is counted from here."""
    array = module.asarray(HOST)
    fake_cupy.reset()
    return array


@pytest.fixture
def i():
    """The numbers of INDEX on the stand-in."""
    return module.asarray(INDEX)


def generator(seed=0):
    return module.random.Generator(module.random.Philox4x3210(seed, size=1 << 18))


def each(table):
    return pytest.mark.parametrize("case", table.values(), ids=table.keys())


# --------------------------------------------------------------------------------- what is refused

REFUSED = {
    # names, keywords and values that CuPy does not have
    "insert": (lambda xp, a, i: xp.insert(a, 0, 0), AttributeError),
    "errstate": (lambda xp, a, i: xp.errstate(over="ignore"), AttributeError),
    "linalg.multi_dot": (lambda xp, a, i: xp.linalg.multi_dot([a, a.T]), AttributeError),
    "random.rand": (lambda xp, a, i: xp.random.rand(3), AttributeError),
    "sum(where=)": (lambda xp, a, i: xp.sum(a, where=a > 0), TypeError),
    "x.sum(where=)": (lambda xp, a, i: a.sum(where=a > 0), TypeError),
    "x.max(initial=)": (lambda xp, a, i: a.max(initial=0), TypeError),
    "var(correction=)": (lambda xp, a, i: xp.var(a, correction=1), TypeError),
    "exp(where=)": (lambda xp, a, i: xp.exp(a, where=a > 0), TypeError),
    "clip(min=)": (lambda xp, a, i: xp.clip(a, min=0, max=1), TypeError),
    "einsum(out=)": (lambda xp, a, i: xp.einsum("ij->i", a, out=a[:, 0]), TypeError),
    "take(mode=)": (lambda xp, a, i: a.take(i, mode="clip"), TypeError),
    "sum of six positions": (lambda xp, a, i: xp.sum(a, 0, None, None, True, 0), TypeError),
    "argsort(kind='mergesort')": (lambda xp, a, i: xp.argsort(a, kind="mergesort"), ValueError),
    "pad(mode='median')": (lambda xp, a, i: xp.pad(a, 1, "median"), ValueError),
    "subtract.at of floats": (lambda xp, a, i: xp.subtract.at(a, i, 1), TypeError),
    "multiply.at": (lambda xp, a, i: xp.multiply.at(a, i, 2), NotImplementedError),
    "maximum.reduce": (lambda xp, a, i: xp.maximum.reduce(a), NotImplementedError),
    "Generator.normal": (lambda xp, a, i: xp.random.default_rng(0).normal(), AttributeError),
    "flags.writeable": (lambda xp, a, i: a.flags.writeable, AttributeError),
    "an array of words": (lambda xp, a, i: xp.asarray(["a"]), ValueError),
    # host and device in one place
    "np.asarray": (lambda xp, a, i: np.asarray(a), TypeError),
    "np.exp": (lambda xp, a, i: np.exp(a), TypeError),
    "np.stack": (lambda xp, a, i: np.stack([a, a]), TypeError),
    "device + host": (lambda xp, a, i: a + HOST, TypeError),
    "host + device": (lambda xp, a, i: HOST + a, TypeError),
    "host @ device": (lambda xp, a, i: HOST @ a.T, TypeError),
    "concatenate": (lambda xp, a, i: xp.concatenate([a, HOST]), TypeError),
    "writing a host array": (lambda xp, a, i: a.__setitem__(0, HOST[0]), TypeError),
    "writing a list": (lambda xp, a, i: a.__setitem__(0, [1, 2, 3]), TypeError),
    "adding a list": (lambda xp, a, i: a + [1, 2, 3], TypeError),
    "the sum of a list": (lambda xp, a, i: xp.sum([1, 2, 3]), TypeError),
    "a host array as index": (lambda xp, a, i: a[INDEX], TypeError),
    "a list as index": (lambda xp, a, i: a[:, [0, 2]], TypeError),
    "a host array indexed": (lambda xp, a, i: HOST[i], TypeError),
    "an array as index of a list": (lambda xp, a, i: ["x", "y"][i[0]], TypeError),
    "an array as length": (lambda xp, a, i: range(i[0]), TypeError),
    "an array as end of a slice": (lambda xp, a, i: a[: i[1]], TypeError),
    "an array in a set": (lambda xp, a, i: {a}, TypeError),
    "a class called on an array": (lambda xp, a, i: type(a)(HOST), TypeError),
    # the winner of two writes to one place
    "an index twice": (lambda xp, a, i: a.__setitem__(i, a[i]), ValueError),
    "a pair of indices twice": (lambda xp, a, i: a.__setitem__((i, i), a[0]), ValueError),
    # double precision that nobody asked for
    "times a float64": (lambda xp, a, i: a * np.float64(2), TypeError),
    "a float64 times": (lambda xp, a, i: np.float64(2) * a, TypeError),
    "where with a float64": (lambda xp, a, i: xp.where(a > 0, a, np.float64(0)), TypeError),
    "a sum and a float64": (lambda xp, a, i: a.sum() + np.float64(1), TypeError),
    "times a float64 mean": (lambda xp, a, i: a * (a > 0).mean(), TypeError),
    "integers divided": (lambda xp, a, i: i / 2, TypeError),
    "zeros without dtype": (lambda xp, a, i: xp.zeros(3), TypeError),
    "random without dtype": (lambda xp, a, i: xp.random.default_rng(0).random(3), TypeError),
    "the root of a number": (lambda xp, a, i: xp.sqrt(2.0), TypeError),
}


@each(REFUSED)
def test_refused(case, a, i):
    misuse, kind = case
    with pytest.raises(kind):
        misuse(module, a, i)
    assert a.get().tobytes() == HOST.tobytes()


ALLOWED = {
    "a Python float": lambda xp, a, i: 2.0 * a,
    "a float32 of NumPy's": lambda xp, a, i: np.float32(2) * a,
    "float64 where asked for": lambda xp, a, i: a.sum(dtype="float64"),
    "float64 with float64": lambda xp, a, i: a.astype("float64") * np.float64(2),
    "the mean of truths": lambda xp, a, i: (a > 0).mean(),
    "gathering": lambda xp, a, i: a[i, i],
    "a stable order": lambda xp, a, i: a.argsort(kind="stable"),
    "where": lambda xp, a, i: xp.where(a > 0, a, 0),
    "a mean over two axes": lambda xp, a, i: a.mean(axis=(0, 1)),
    "matmul(out=)": lambda xp, a, i: xp.matmul(a, a.T, out=xp.zeros((2, 2), "float32")),
    "einsum": lambda xp, a, i: xp.einsum("ij,kj->ik", a, a, optimize=True),
    "linalg.norm": lambda xp, a, i: xp.linalg.norm(a),
    "add.reduce": lambda xp, a, i: xp.add.reduce(a),
    "subtract.outer": lambda xp, a, i: xp.subtract.outer(a[0], a[1]),
    "divmod": lambda xp, a, i: divmod(a, 2)[1],
    "sliding windows": lambda xp, a, i: xp.lib.stride_tricks.sliding_window_view(a, 2, axis=1),
    "is close": lambda xp, a, i: xp.allclose(a, a + 1e-9),
    "from a list": lambda xp, a, i: xp.array([[1, 2], [3, 4]], dtype="float32"),
}


@each(ALLOWED)
def test_allowed_with_numpys_numbers_and_dtype_and_the_result_stays_on_the_device(case, a, i):
    here = np.asarray(case(np, HOST, INDEX))
    with no_sync():
        there = case(module, a, i)
    assert isinstance(there, DevArray) and there.dtype == here.dtype
    assert there.get().tobytes() == here.tobytes()


# ----------------------------------------------------------------------------------------- memory


def test_views_share_memory_and_know_whose(a):
    assert a.base is None and (a + 1).base is None and a.copy().base is None
    for view in (a[0], a[0, 1], a.T, a.reshape(-1), a.reshape(-1)[2:], a[None], a[...]):
        assert view.base is a
    a.reshape(-1)[4:5] += 1
    a[0, 1][...] = 7
    assert a.tolist() == [[1, 7, 3], [4, 6, -6]]


def test_an_array_is_itself_where_cupy_makes_no_copy(a):
    assert module.asarray(a) is a.astype("float32", copy=False) is a
    assert module.add(a, 1, out=a) is a and a.tolist() == (HOST + 1).tolist()
    assert copy.deepcopy(a) is not a and not np.shares_memory(copy.copy(a)._held, a._held)


def test_what_comes_from_the_host_is_a_copy():
    host = HOST.copy()
    a = module.asarray(host)
    host += 1
    assert a.tolist() == HOST.tolist()
    a.set(host)
    assert module.asnumpy(a).tolist() == pickle.loads(pickle.dumps(a)).tolist() == host.tolist()
    with pytest.raises(TypeError, match="set"):
        a.set(host.astype("float64"))


def test_writing_in_place_is_seen_through_every_name_except_with_matmul(a):
    b = c = a
    b += 1
    assert b is c
    b @= module.ones((3, 3), dtype="float32")
    assert b is not c and c.tolist() == (HOST + 1).tolist()


def test_one_value_may_be_written_to_a_place_twice_and_different_ones_added(a, i):
    a[:, i] = 0
    module.add.at(a, (i - i, i), module.ones(3, dtype="float32"))
    assert a.tolist() == [[1, 2, 3], [0, 0, -6]]


@pytest.mark.parametrize("make", [module.empty, module.ndarray])
def test_memory_that_nobody_wrote_to_holds_nothing_useful(make):
    assert np.isnan(make((2,), "float32").get()).all()
    assert make((2,), "int32").tolist() == [2**31 - 1] * 2
    assert np.isnan(module.empty_like(make((2,), "float32")).get()).all()


# ---------------------------------------------------------------------------------------- counting

WAITS = {
    "float": lambda a: float(a[0, 0]),
    "int": lambda a: int(a[0, 0]),
    "bool": lambda a: bool(a[0, 0]),
    "complex": lambda a: complex(a[0, 0]),
    "if": lambda a: 1 if a[0, 0] > 0 else 2,
    "repr": repr,
    "print": print,
    "format": lambda a: f"{a[0, 0]:.2f}",
    "iteration": list,
    "in": lambda a: 9 in a.reshape(-1)[:0],
    "pickle": pickle.dumps,
    "item": lambda a: a[0, 0].item(),
    "tolist": lambda a: a.tolist(),
    "get": lambda a: a.get(),
    "asnumpy": module.asnumpy,
    "reading through a mask": lambda a: a[a > 0],
    "writing through a mask": lambda a: a.__setitem__(a > 0, 0),
    "nonzero": lambda a: a.nonzero(),
    "where(mask)": lambda a: module.where(a > 0),
    "argwhere": module.argwhere,
    "unique": module.unique,
    "bincount": lambda a: module.bincount(a.reshape(-1)[:1].astype("int32")),
    "synchronize": lambda a: module.cuda.get_current_stream().synchronize(),
}


@each(WAITS)
def test_waiting_for_the_device_is_counted_and_can_be_forbidden(case, a):
    case(a)
    assert STATS.syncs == 1
    with no_sync(), pytest.raises(Synchronized, match="makes the host wait"):
        case(a)
    case(a)
    assert STATS.syncs == 2


def test_what_the_host_knows_anyway_costs_nothing(a):
    with no_sync():
        assert (len(a), a.shape, a.size, a.ndim, a.nbytes, a.itemsize) == (2, (2, 3), 6, 2, 24, 4)
        assert a.dtype == "float32" and a.strides == (12, 4) and a.flags.c_contiguous
        _ = a.T, a[0], a[1:, 0], a.reshape(-1), module.asarray(a), module.expand_dims(a, 0)
    assert (STATS.launches, STATS.syncs, STATS.uploads) == (0, 0, 0)


def test_each_computation_is_one_launch(a):
    with no_sync():
        b = (2 * a + 1).sum(axis=0)  # 3
        b[1:] += 1  # 1: that it ends with b[1:] = b[1:] costs nothing
        b[0] = 3  # 1
        a.sort()  # 1
        module.copyto(a, 0, where=a > 0)  # 2
        module.sum(a, axis=0, out=b)  # 1
    assert STATS.launches == 9 and STATS.uploads == 0
    module.asarray([1, 2])
    assert STATS.launches == 9 and STATS.uploads == 1


# ---------------------------------------------------------------------------------- random numbers


def test_random_numbers_repeat_with_the_seed_and_are_not_the_hosts():
    first, again, other = (generator(s).random((4,), dtype="float32").tolist() for s in (1, 1, 2))
    assert first == again != other
    assert first != np.random.default_rng(1).random(4, dtype="float32").tolist()
    assert generator().standard_normal((2, 3), dtype="float32").dtype == "float32"
    assert generator().random(dtype="float32").shape == ()
    assert generator(np.random.SeedSequence(1)).random((4,), dtype="float32").tolist() == first


def test_a_generator_can_be_copied_as_little_as_cupys():
    with pytest.raises(TypeError, match="lock"):
        copy.deepcopy(generator())
