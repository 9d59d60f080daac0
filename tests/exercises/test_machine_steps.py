"""The formulas of the checks of Boltzmann machines, compared with those of the library."""

import numpy as np
import pytest

from scratchnet.boltzmann import plain
from scratchnet.exercises.machine_steps import STEPS


class Given:
    """In place of an RNG: its uniform numbers are these arrays, one after the other."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def uniform(self, like):
        return self.numbers.pop(0)


LIBRARY = {
    "free_energy": plain.free_energy,
    "log_partition": plain.log_partition,
    "gibbs_half_sweep": lambda v, W, b, u: plain.sample_h_given_v(v, W, b, Given(u)),
    "contrastive_divergence": lambda v, W, a, b, u_h, u_v: plain.cd_gradient(
        v, W, a, b, 1, Given(u_h, u_v, u_h)
    ),
    "mean_field_sweep": plain.mean_field_sweep,
}


@pytest.mark.parametrize("name", LIBRARY)
def test_a_step_is_that_of_the_library(name, rng):
    (step,) = (functions[name] for functions in STEPS.values() if name in functions)
    arguments = step.inputs(rng, 5).values()
    results = (f(*arguments) for f in (step.reference, LIBRARY[name]))
    ours, theirs = (r if isinstance(r, tuple) else (r,) for r in results)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
