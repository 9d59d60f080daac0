"""Keras on JAX: the whole step compiled, the fastest form that Keras documents.

It is not `train_on_batch`, which also computes metrics and copies every variable in and out of the
model, a large part of the time of a small model. The state stays in JAX and is donated to each
step, so that it is updated in place. Steps are queued without waiting for the previous one, as in a
training loop; the clock stops when the last has ended.
"""

import os
import platform

from benchmarks.models import LEARNING_RATE


def prepare(threads):
    """Return versions; the environment has set device and threads (NPROC)."""
    os.environ["KERAS_BACKEND"] = "jax"
    import jax
    import keras

    versions = {"keras": keras.__version__, "jax": jax.__version__}
    return {"python": platform.python_version(), **versions, "threads": threads}


def has(model, function):
    """Whether the model has a version for this framework."""
    return hasattr(model, "keras") or hasattr(model, "jax_step")


def train_step(model):
    """Make the step of Keras' guide to JAX training loops."""
    import jax
    from keras.optimizers import Adam

    if hasattr(model, "jax_step"):
        return model.jax_step(LEARNING_RATE)
    net, loss = model.keras()
    optimizer = Adam(LEARNING_RATE)
    optimizer.build(net.trainable_variables)
    x, target = (jax.device_put(a) for a in model.batch())

    def objective(trainable, fixed, x, target):
        y, fixed = net.stateless_call(trainable, fixed, x, training=True)
        return loss(target, y), fixed

    def update(state, x, target):
        trainable, fixed, running = state
        gradient = jax.value_and_grad(objective, has_aux=True)
        (value, fixed), grads = gradient(trainable, fixed, x, target)
        trainable, running = optimizer.stateless_apply(running, grads, trainable)
        return value, (trainable, fixed, running)

    update = jax.jit(update, donate_argnums=0)
    variables = net.trainable_variables, net.non_trainable_variables, optimizer.variables
    state = jax.tree.map(jax.numpy.copy, tuple([v.value for v in vs] for vs in variables))

    def step():
        nonlocal state
        _, state = update(state, x, target)

    return step, lambda: jax.block_until_ready(state)
