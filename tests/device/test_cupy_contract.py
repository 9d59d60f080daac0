"""The contract of the stand-in with CuPy: how it is read from the wheel, and that both agree."""

import inspect

import make_cupy_contract
import numpy as np
import pytest
from fake_cupy_array import DevArray
from fake_cupy_rules import CONTRACT


def test_the_contract_is_that_of_the_installed_cupy(capsys):
    pytest.importorskip("cupy")
    assert make_cupy_contract.main(["--check"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("version", "changes", "code", "said"),
    [
        ("1.0", {}, 0, "CuPy 1.0 offers what"),
        ("1.1", {}, 0, "was made with CuPy 1.0; installed is 1.1"),
        ("1.1", {"sum": "a, axes"}, 1, "was made with CuPy 1.0; installed is 1.1"),
        ("1.0", {"sum": "a, axes"}, 1, "functions: sum was (a, axis), is (a, axes)"),
        (
            "1.0",
            {"max": "a"},
            1,
            "functions: max is new\ndifferences: 1. Run python tests/support/",
        ),
    ],
)
def test_a_difference_to_the_installed_cupy_is_named(
    version, changes, code, said, monkeypatch, tmp_path, capsys
):
    old = {"cupy": "1.0", "functions": {"sum": "a, axis"}, "at": ["add"]}
    new = old | {"cupy": version, "functions": old["functions"] | changes}
    monkeypatch.setattr(make_cupy_contract, "CONTRACT", tmp_path / "contract.json")
    monkeypatch.setattr(make_cupy_contract, "make", lambda: old)
    assert make_cupy_contract.main([]) == make_cupy_contract.main(["--check"]) == 0
    monkeypatch.setattr(make_cupy_contract, "make", lambda: new)
    capsys.readouterr()
    assert make_cupy_contract.main(["--check"]) == code
    assert said in capsys.readouterr().out


def test_what_is_gone_is_named_in_every_section():
    old = {"cupy": "1", "at": ["add", "subtract"], "values": {"sort kind": [None]}}
    gone = ["at: subtract is gone", "values: sort kind is gone"]
    assert make_cupy_contract.differences(old, {"cupy": "2", "at": ["add"], "values": {}}) == gone


def test_parameters_are_read_from_signatures_from_kwargs_and_from_docstrings(monkeypatch):
    def plain(self, a, axis=None, *, keepdims=False):
        """plain(self, long axis, order=(0, 1), *, int out=None) -> array"""

    def free(*operands, **kwargs):
        """kwargs.get('out') in the documentation"""
        return kwargs.pop("dtype", None), kwargs.get("optimize")  # and not kwargs.pop("order")

    def passing_on(f, *args, **kwargs): ...

    assert make_cupy_contract.signature(plain) == "a, axis, *, keepdims"
    assert make_cupy_contract.signature(free) == "*operands, dtype, optimize"
    assert make_cupy_contract.signature(passing_on) == "f, *args, **kwargs"
    assert make_cupy_contract.signature(np.add) == "x1, x2"
    assert make_cupy_contract.signature(3.14) is None

    def unreadable(f):
        raise ValueError("compiled")

    monkeypatch.setattr(inspect, "signature", unreadable)
    assert make_cupy_contract.signature(plain) == "axis, order, *, out"
    assert make_cupy_contract.signature(passing_on) is None


def test_only_a_refusal_counts_as_one():
    def raising(problem):
        raise problem

    for refusal in (TypeError(), ValueError(), NotImplementedError()):
        assert not make_cupy_contract.accepts(raising, refusal)
    assert make_cupy_contract.accepts(raising, RuntimeError("no driver"))
    assert make_cupy_contract.accepts(abs, -1)


def test_the_array_has_no_special_method_that_cupys_has_not():
    own = {n for n in vars(DevArray) if n.startswith("__") and callable(getattr(DevArray, n))}
    assert own - {"__getattr__"} <= set(CONTRACT["special methods"])


LACKING = "__index__ __contains__ __imatmul__ __array_namespace__ __array_interface__ ctypes resize"


@pytest.mark.parametrize("name", [*LACKING.split(), "setflags", "to_device", "itemset", "newaxis"])
def test_the_array_lacks_what_cupys_lacks(name):
    assert not hasattr(DevArray((2,), "float32"), name) and not hasattr(DevArray, name)
