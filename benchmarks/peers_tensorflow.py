"""Keras on TensorFlow: the whole step as one graph, the loop of Keras' guide."""

import os
import platform

from benchmarks.models import LEARNING_RATE

__all__ = ["has", "prepare", "train_step"]


def prepare(threads):
    """Limit the threads and return versions."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
    return {"python": platform.python_version(), **versions, "threads": threads}


def has(model, function):
    """Whether the model has a version for this framework."""
    return hasattr(model, "keras")


def train_step(model):
    """Forward, loss, gradients and Adam in one `tf.function`."""
    import tensorflow as tf
    from keras.optimizers import Adam

    net, loss = model.keras()
    optimizer = Adam(LEARNING_RATE)
    optimizer.build(net.trainable_variables)
    x, target = (tf.constant(a) for a in model.batch())

    @tf.function
    def step():
        with tf.GradientTape() as gradient_tape:
            value = loss(target, net(x, training=True))
        gradients = gradient_tape.gradient(value, net.trainable_variables)
        optimizer.apply(gradients, net.trainable_variables)
        return value

    return step, lambda: None  # a step on the CPU has ended when the call returns
