"""Make keras_generative.npz: three steps of a VAE in float64, noise given.

pip install keras jax numpy
KERAS_BACKEND=jax python tests/reference/make_keras_generative.py
"""

import jax
import keras
import numpy as np
from archive import normal, rng, save
from keras import layers, ops
from keras.src.backend.common import dtypes

MADE_WITH = f"""Keras {keras.__version__} on JAX {jax.__version__}, NumPy {np.__version__}, float64.
Keras' own cast of float64 to float32 on JAX is switched off."""

jax.config.update("jax_enable_x64", True)
keras.config.set_floatx("float64")
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"  # or Keras would go down to float32 on JAX


class Sampling(layers.Layer):
    """z from [mean, log variance, noise]; adds 0.7 KL, as the VAE of Keras' examples does."""

    def call(self, inputs):
        m, v, e = inputs
        kl = -0.5 * ops.sum(1 + v - ops.square(m) - ops.exp(v), axis=1)
        self.add_loss(0.7 * ops.mean(kl))
        return m + ops.exp(0.5 * v) * e


def summed(x, a):
    """Cross entropy summed over pixels: Keras' own loss would take their mean."""
    return ops.sum(ops.binary_crossentropy(x, a, from_logits=True), axis=1)


def vae_steps():
    x, e = keras.Input((6,)), keras.Input((2,))
    h = layers.Dense(7, activation="tanh")(x)
    both = layers.Dense(4)(h)
    z = Sampling()([both[:, :2], both[:, 2:], e])
    a = layers.Dense(6)(layers.Dense(7, activation="tanh")(z))
    net = keras.Model([x, e], a)
    net.compile(keras.optimizers.SGD(0.05, momentum=0.9), summed)
    for variable in net.trainable_variables:
        variable.assign(0.5 * normal(*variable.shape))

    def flat():
        return np.concatenate([np.ravel(v.value) for v in net.trainable_variables])

    xs, es = rng.random((3, 5, 6)), normal(3, 5, 2)
    start = flat()
    totals = [net.train_on_batch([x, e], x) for x, e in zip(xs, es, strict=True)]
    return {"x": xs, "noise": es, "start": start, "totals": totals, "end": flat()}


save("keras_generative", {"vae": vae_steps()}, MADE_WITH)
