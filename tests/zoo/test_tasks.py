"""The tasks of the bug zoo, solved with the code of the library."""

import numpy as np
import pytest

from scratchnet.backend import RNG
from scratchnet.boltzmann.plain import log_partition
from scratchnet.models.vae import VAE
from scratchnet.zoo import FAULTS
from scratchnet.zoo.tasks import TASKS, Codes, data_of, learner


@pytest.mark.parametrize("name", TASKS)
def test_the_data_of_a_task_have_its_shape(name):
    x, t, x_test, t_test = data_of(name)
    assert x.shape[1:] == x_test.shape[1:] == TASKS[name].shape
    assert len(x) == len(t) and len(x_test) == len(t_test) and x.dtype == "float32"


@pytest.mark.parametrize("name", ["kernel_reversed", "gates_mixed", "broadcast_error", "cd_sign"])
def test_a_learner_starts_at_the_loss_of_its_task_and_improves(name):
    fault = FAULTS[name]
    x, t, _, _ = data_of(fault.task)
    model = learner(fault, wrong=False)
    before = model.loss(x, t)
    assert before == pytest.approx(TASKS[fault.task].start, rel=0.25)
    for epoch in range(3):
        model.epoch(x, t, RNG(epoch))
    assert model.loss(x, t) < before


def test_the_quality_of_a_vae_is_the_elbo_of_the_library():
    x, _, _, _ = data_of("codes")
    model = learner(FAULTS["kl_sign"], wrong=False)
    vae = VAE(encoder=model.model.layers[0], decoder=model.model.layers[-1])
    vae.encoder = lambda x: model.model.layers[2](model.model.layers[1](model.model.layers[0](x)))
    vae.decoder = lambda z: model.model.layers[6](model.model.layers[5](model.model.layers[4](z)))
    m, v = vae.encode(x)
    z = m + np.exp(v / 2) * RNG(0).normal(like=v)
    reconstruction = -vae._log_likelihood(x, z, None).mean()
    kl = 0.5 * (np.exp(v) + m**2 - 1 - v).sum(axis=1).mean()
    assert isinstance(model, Codes)
    assert model.quality(x, x) == pytest.approx(-reconstruction - kl, rel=1e-4)


def test_the_quality_of_a_machine_is_the_exact_log_likelihood():
    x, _, _, _ = data_of("machine")
    model = learner(FAULTS["cd_sign"], wrong=False)
    assert model.quality(x, x) == pytest.approx(-64 * np.log(2), abs=0.5)
    model.W *= 0
    log_z = log_partition(model.W.astype("float64"), model.a, model.b)
    assert log_z == pytest.approx(74 * np.log(2))


def test_predicted_numbers_are_rounded_for_the_quality():
    x, t, _, _ = data_of("values")
    model = learner(FAULTS["broadcast_error"], wrong=False)
    model.model = lambda x: t[:, None] + 0.4
    assert model.quality(x, t) == 1
    model.model = lambda x: t[:, None] * np.nan
    assert model.quality(x, t) == TASKS["values"].chance
