"""What the installed CuPy offers, as cupy_contract.json: the law of the stand-in in fake_cupy.py.

    python tests/support/make_cupy_contract.py            write the file
    python tests/support/make_cupy_contract.py --check    exit 1 if CuPy now offers other things

No GPU is needed. Names and signatures are read. What no signature tells is tried out on an array
without elements, whose memory nobody touches: a refusal is a TypeError, ValueError or
NotImplementedError; the complaint that there is no driver comes later, and means "accepted".
"""

import ast
import inspect
import json
import re
import sys
import textwrap
from pathlib import Path

CONTRACT = Path(__file__).with_name("cupy_contract.json")
DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()
UFUNC_KEYWORDS = {"out": None, "dtype": "float32", "casting": "same_kind"} | {
    "where": True, "order": "C", "subok": True, "signature": "f->f"
}  # fmt: skip
SORT_KINDS = (None, "stable", "quicksort", "mergesort", "heapsort")
PAD_MODES = "constant edge empty linear_ramp maximum mean median minimum reflect symmetric wrap"
BY_PYTHON = ("__getattribute__", "__buffer__", "__release_buffer__")  # there or not, as it likes
SYNC = re.compile(r"function (may|performs device) synchroniz")  # a warning in CuPy's docstrings
# These wait for the device as well and have no such warning: the shape of what they return depends
# on the values they are given, or the values leave the device.
MORE_SYNCS = """
    argwhere array2string array_repr array_str asnumpy dump dumps get intersect1d item save savetxt
    savez savez_compressed setdiff1d setxor1d tobytes tofile tolist trim_zeros union1d unique_all
    unique_counts unique_inverse unique_values
""".split()


def make():
    """The contract: {section: names, or {name: its parameters as text}}."""
    import cupy
    import cupyx.scipy.special
    import numpy

    everything, on_array = public(cupy), public(cupy.ndarray)
    ufuncs = {n: thing for n, thing in everything.items() if isinstance(thing, cupy.ufunc)}
    same = [n for n, thing in everything.items() if thing is getattr(numpy, n, None)]
    functions = {n: f for n, f in everything.items() if n not in ufuncs and n not in same}
    nowhere = cupy.cuda.MemoryPointer(cupy.cuda.UnownedMemory(0, 0, None, 0), 0)

    def empty(dtype="float32"):
        return cupy.ndarray((0,), dtype, nowhere)

    def those_that(method, *operands):
        return [n for n, f in ufuncs.items() if accepts(getattr(f, method), *operands)]

    def dtypes_of_at(f):
        return [d for d in DTYPES if accepts(f.at, empty(d), empty("int64"), empty(d))]

    return {
        "cupy": cupy.__version__,
        "same as in numpy": same,
        "functions": signatures(functions),
        "values": {
            "sort kind": [k for k in SORT_KINDS if accepts(empty().sort, kind=k)],
            "argsort kind": [k for k in SORT_KINDS if accepts(empty().argsort, kind=k)],
            "pad mode": [m for m in PAD_MODES.split() if accepts(cupy.pad, empty(), 0, m)],
        },
        "syncs": sorted(
            {n for n, f in (functions | on_array).items() if SYNC.search(inspect.getdoc(f) or "")}
            | set(MORE_SYNCS) & set(functions | on_array)
        ),
        "ufuncs": list(ufuncs),
        "ufunc keywords": [k for k, v in UFUNC_KEYWORDS.items() if accepts(cupy.exp, 1, **{k: v})],
        "at": {n: dtypes_of_at(f) for n, f in ufuncs.items() if dtypes_of_at(f)},
        "reduce": those_that("reduce", empty()),
        "accumulate": those_that("accumulate", empty()),
        "reduceat": those_that("reduceat", empty(), empty("int64")),
        "attributes": [n for n, thing in on_array.items() if not callable(thing)],
        "methods": signatures(on_array),
        "special methods": [n for n in dir(cupy.ndarray) if is_special(cupy.ndarray, n)],
        "linalg": signatures(public(cupy.linalg)),
        "fft": signatures(public(cupy.fft)),
        "lib.stride_tricks": signatures(public(cupy.lib.stride_tricks)),
        "generator": signatures(public(cupy.random.Generator)),
        "bit generators": {
            n: signature(c)
            for n, c in public(cupy.random).items()
            if isinstance(c, type) and issubclass(c, cupy.random.BitGenerator)
        },
        "scipy.special": signatures(public(cupyx.scipy.special)),
    }


def public(owner):
    """{name: thing} of everything in a module or class that is not private."""
    return {name: getattr(owner, name) for name in dir(owner) if not name.startswith("_")}


def accepts(f, *args, **kwargs):
    """Whether CuPy gets as far as asking for a GPU, if there is none."""
    try:
        f(*args, **kwargs)
    except (TypeError, ValueError, NotImplementedError):
        return False
    except Exception:  # there is no driver, or no library of CUDA's: it would have gone on
        return True
    return True


def is_special(cls, name):
    """Whether this is a special method that the class has and other objects do not."""
    if not name.startswith("__") or name in BY_PYTHON:
        return False
    method = getattr(cls, name)
    return inspect.isroutine(method) and method is not getattr(object, name, None)


def signatures(things):
    """{name: its parameters} of the functions among these things."""
    found = {name: signature(f) for name, f in things.items() if not isinstance(f, type)}
    return {name: text for name, text in found.items() if text is not None}


def signature(f):
    """The parameters' names, as "a, axis, *, keepdims"; None if f is no function, or hides them."""
    if hasattr(f, "nin"):  # a universal function
        return ", ".join(f"x{i + 1}" for i in range(f.nin))
    if not callable(f):
        return None
    try:
        parameters = inspect.signature(f).parameters.values()
    except ValueError:  # compiled by Cython: the signature is the first line of the docstring
        first = re.match(r"[\w.]+\(((?:[^()]|\(.*?\))*)\)", inspect.getdoc(f) or "")
        names = re.split(r",\s*(?![^(]*\))", first[1]) if first else []
        names = [re.split("[=:]", name)[0].split()[-1] for name in names if name]
        return ", ".join(n for n in names if n != "self") if first else None
    names, kinds = [], [p.kind for p in parameters]
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and p.VAR_POSITIONAL not in kinds and "*" not in names:
            names.append("*")
        if p.kind is p.VAR_KEYWORD:
            names += keywords_taken_by(f) or ["**" + p.name]
        elif p.name != "self":
            names.append("*" * (p.kind is p.VAR_POSITIONAL) + p.name)
    return ", ".join(names)


def keywords_taken_by(f):
    """The names that f takes out of its **kwargs: kwargs.pop("name", ...) or kwargs.get(...)."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(f)))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    taken = [c.args[0].value for c in calls if ast.unparse(c.func) in ("kwargs.pop", "kwargs.get")]
    return list(dict.fromkeys(taken))


def differences(old, new):
    """One line for each name that the two contracts do not agree on, versions aside."""
    lines = []
    for section in {**old, **new}:
        if section != "cupy":
            was, now = by_name(old.get(section, [])), by_name(new.get(section, []))
            lines += [f"{section}: {n} is gone" for n in was if n not in now]
            lines += [f"{section}: {n} is new" for n in now if n not in was]
            changed = [n for n in was if n in now and was[n] != now[n]]
            lines += [f"{section}: {n} was ({was[n]}), is ({now[n]})" for n in changed]
    return lines


def by_name(section):
    return section if isinstance(section, dict) else {str(name): "" for name in section}


def text(contract):
    """As JSON, a line for each function: so that a difference can be read."""
    return json.dumps(contract, indent=1) + "\n"


def main(arguments):
    """Write or check; the return value is the exit code."""
    new = make()
    if "--check" not in arguments:
        CONTRACT.write_text(text(new), encoding="ascii")
        print(f"{CONTRACT.name}: CuPy {new['cupy']}, {len(text(new)):,} bytes")
        return 0
    old = json.loads(CONTRACT.read_text(encoding="ascii"))
    lines = differences(old, new)
    if old["cupy"] != new["cupy"]:
        print(f"{CONTRACT.name} was made with CuPy {old['cupy']}; installed is {new['cupy']}")
    print("\n".join(lines) or f"CuPy {new['cupy']} offers what {CONTRACT.name} says")
    if lines:
        script = f"tests/support/{Path(__file__).name}"
        print(f"differences: {len(lines)}. Run python {script}, then the tests")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
