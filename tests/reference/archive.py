"""What make_torch.py and make_keras.py share: the random numbers and the form of the file.

A case is named by the framework's own call, and that name is the code the script evaluates: what
a case is called and what was computed cannot drift apart.
"""

from pathlib import Path

import numpy as np

SEED = 1986
STEPS = (1, 2, 10, 200)  # when the optimizers' trajectories are looked at
rng = np.random.default_rng(SEED)


def normal(*shape):
    return rng.normal(size=shape)


def wide(*shape):
    """Mostly numbers in [-3, 3], and first a few larger ones."""
    x = rng.uniform(-3, 3, shape)
    x.flat[:4] = 30, -30, 12, -12
    return x


def gradients():
    """A sequence (200, 7) of scales 1e-3 to 1e3, the last coordinate at first without a pull."""
    g = (0.3 + normal(200, 7)) * 10.0 ** np.arange(-3, 4)
    g[:5, -1] = 0
    return g


def save(name, cases, made_with):
    """Write {case: {field: array}} to NAME.npz, an entry 'case | field' each, and print them."""
    path = Path(__file__).parent / f"{name}.npz"
    made_with = f"{made_with}\nSeed {SEED}, archive.py."
    entries = {"made_with": made_with}
    for case, fields in cases.items():
        print(case)
        for field, array in fields.items():
            array = entries[f"{case} | {field}"] = np.asarray(array)
            assert array.dtype != np.float32, "golden values are computed in float64"
            print(f"    {field} {array.shape}")
    np.savez_compressed(path, **entries)
    print(f"{len(cases)} cases, {path.stat().st_size / 1000:.0f} kB: {path.name}\n{made_with}")
