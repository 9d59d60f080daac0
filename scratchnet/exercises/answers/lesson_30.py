"""Answer to lesson 30: a third hidden layer.

The bound hardly changes: -19.1 nats with two and with three hidden layers, after a short
training. These 8x8 digits have little structure that a third layer could add. `compose_dbm`
halves the weights of the RBM in the middle. Trained alone, each of its two layers sees the other
only; in the machine both have a second neighbour, with its own input of about the same size. With
half the weights the sum of the two inputs is what the layer received in pretraining. The first
and the last RBM were trained with one doubled input instead.
"""

import numpy as np

from scratchnet.boltzmann import DBM
from scratchnet.exercises.answers.continued import lesson, shown


def main():
    """Bound and likelihood of machines with two and three hidden layers."""
    m = lesson("30", "fault = {}", "--pretrain", "15", "--epochs", "20")
    settings = dict(
        pretrain=m.cfg.pretrain,
        pretrain_rate=m.cfg.pretrain_rate,
        n_iter=m.cfg.epochs,
        learning_rate=m.cfg.learning_rate,
        batch_size=m.cfg.batch_size,
        mean_field_steps=m.cfg.sweeps,
        n_chains=m.cfg.n_chains,
        weight_scale=0.01,
        random_state=m.cfg.seed,
    )
    numbers = {}
    for sizes in ((16, 10), (16, 10, 10)):
        dbm = DBM(sizes, **settings).fit(m.x)
        model, v = dbm.energy_model_, m.to_device(m.x_test)
        log_Z = dbm.log_partition("ais", 500).value  # too many states to enumerate
        bound = m.lower_bound(model, m.mean_field(model, v, m.cfg.sweeps)).mean() - log_Z
        numbers[f"bound, test, {len(sizes)} layers"] = bound
    middle = dbm.rbms_[1].energy_model_.weights[0]
    composed = m.compose_dbm(dbm.rbms_).weights[1]
    numbers["weights of the middle RBM / those in the machine"] = np.abs(middle).sum() / (
        np.abs(composed).sum()
    )
    return shown(numbers)
