"""Make keras.npz, golden values in float64 for tests/test_golden.py.

    pip install keras jax numpy
    KERAS_BACKEND=jax python tests/reference/make_keras.py

The tests need the file, not Keras. Run it again when a case is added.
"""

import image_calls
import jax
import keras
import numpy as np
from archive import STEPS, gradients, normal, rng, save, wide
from keras import layers  # noqa: F401, the model below uses it
from keras.src.backend.common import dtypes

MADE_WITH = f"""Keras {keras.__version__} on JAX {jax.__version__}, NumPy {np.__version__}, float64.
No transposes: weights, images and names are as ours (kernel is W, bias is b).
Keras puts epsilon under the root in RMSprop and Adagrad, and does not correct Adam's for the first
steps: with epsilon=1e-30 all conventions agree. Where epsilon goes, torch.npz tells.
Keras' own cast of float64 to float32 on JAX is switched off.
At the kink x = 0 JAX takes another slope than PyTorch and we do: here no x is 0."""

OURS = {"kernel": "W", "bias": "b"}  # other names are the same

cases = {}
jax.config.update("jax_enable_x64", True)
keras.config.set_floatx("float64")
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"  # or Keras would go down to float32 on JAX


def layer(constructor, x, training=None):
    """y, dx and the gradient of every parameter, for a random upstream gradient dy."""
    built = eval(constructor)
    built.build(x.shape)
    arrays = {"x": x}
    for variable in built.variables:
        value = normal(*variable.shape)
        variable.assign(np.exp(value) if variable.name == "moving_variance" else value)
        arrays[OURS.get(variable.name, variable.name)] = np.asarray(variable.value)

    def forward(x, *parameters):
        constants = [v.value for v in built.non_trainable_variables]
        options = {} if training is None else {"training": training}
        return built.stateless_call(parameters, constants, x, **options)[0]

    parameters = built.trainable_variables
    y, pull = jax.vjp(forward, x, *(v.value for v in parameters))
    dy = normal(*y.shape)
    dx, *grads = pull(dy)
    names = [OURS.get(v.name, v.name) for v in parameters]
    call = f"{constructor}(x{'' if training is None else f', training={training}'})"
    cases[call] = {**arrays, "dy": dy, "y": y, "dx": dx}
    cases[call] |= {f"d{n}": g for n, g in zip(names, grads, strict=True)}


def function(call, x):
    """y and dx of a Keras expression in x, for a random upstream gradient dy."""
    y, pull = jax.vjp(lambda x: eval(call, globals(), {"x": x}), x)
    dy = normal(*y.shape)
    cases[call] = {"x": x, "dy": dy, "y": y, "dx": pull(dy)[0]}


def penalty(constructor, x):
    """What an activity adds to the loss, and to the gradient dy that comes from above."""

    def value(x):
        built = eval(constructor)
        built(x)
        return built.losses[0]

    dy = normal(*x.shape)
    cases[constructor] = {"x": x, "dy": dy, "penalty": value(x), "dx": jax.grad(value)(x) + dy}


def running(constructor, batches):
    """Running statistics after training on these batches, then the output for the first."""
    built = eval(constructor)
    for x in batches:
        built(x, training=True)
    state = {v.name: np.asarray(v.value) for v in built.non_trainable_variables}
    cases[constructor] = {"batches": batches, "y": built(batches[0], training=False), **state}


def loss(constructor, **arrays):
    """Value and gradient for the first array, the prediction; Keras wants the target first."""
    prediction, target = arrays.values()
    value, gradient = jax.value_and_grad(lambda y: eval(constructor)(target, y))(prediction)
    cases[f"{constructor}({', '.join(reversed(arrays))})"] = {
        "prediction": prediction,
        "target": target,
        "value": value,
        "gradient": gradient,
    }


def optimizer(constructor):
    """The parameters w after 1, 2, 10 and 200 updates."""
    inputs, rule = cases["keras.optimizers"], eval(constructor)
    w = keras.Variable(inputs["start"])
    rule.build([w])
    seen = {}
    for t, g in enumerate(inputs["gradients"], start=1):
        rule.apply([g])
        seen[t] = np.asarray(w.value)
    cases[constructor] = {"w": [seen[t] for t in STEPS]}


def schedule(constructor, updates):
    rate = eval(constructor)
    cases[constructor] = {"rate": [rate(t) for t in range(updates)]}


def model(call, loss, rule, x, target):
    """Losses and final weights of three training steps, then the outputs at inference."""
    net = eval(call)
    net.build(x[0].shape)
    net.compile(rule, loss)

    def weights():  # as ours: first what is learned, then what is only kept
        kept = [*net.trainable_variables, *net.non_trainable_variables]
        return np.concatenate([np.ravel(v.value) for v in kept])

    start = weights()
    losses = [net.train_on_batch(xs, ts) for xs, ts in zip(x, target, strict=True)]
    cases[call] = {"x": x, "target": target, "start": start, "losses": losses, "end": weights()}
    cases[call]["y"] = net(x[0], training=False)


# ---------------------------------------------------------------------------------------- layers

layer("keras.layers.Dense(4)", normal(5, 3))
layer("keras.layers.Dense(3, use_bias=False)", normal(1, 4))

layer("keras.layers.ReLU()", wide(5, 7))
layer("keras.layers.LeakyReLU()", wide(5, 7))
layer("keras.layers.ELU()", wide(5, 7))
layer("keras.layers.Softmax()", wide(4, 3, 5))
layer("keras.layers.Softmax(axis=1)", wide(4, 3, 5))
function("keras.activations.gelu(x)", wide(5, 7))
function("keras.activations.gelu(x, approximate=True)", wide(5, 7))
function("keras.activations.softplus(x)", wide(5, 7))
function("keras.activations.sigmoid(x)", wide(5, 7))
function("keras.activations.tanh(x)", wide(5, 7))

layer("keras.layers.Flatten()", normal(3, 2, 4, 5))
layer("keras.layers.Reshape((4, -1, 2))", normal(1, 2, 4, 3))

layer("keras.layers.BatchNormalization()", 3 + normal(6, 4), training=True)
layer("keras.layers.BatchNormalization()", normal(6, 4), training=False)
layer("keras.layers.BatchNormalization(epsilon=0.1)", normal(2, 3, 2, 4), training=True)
layer("keras.layers.BatchNormalization(epsilon=0.1)", normal(1, 3, 2, 4), training=False)
layer("keras.layers.BatchNormalization(center=False)", normal(6, 4), training=True)
layer("keras.layers.BatchNormalization(scale=False)", normal(6, 4), training=True)
layer("keras.layers.LayerNormalization()", 3 + normal(6, 4))
layer("keras.layers.LayerNormalization(epsilon=0.1)", normal(2, 3, 4))
layer("keras.layers.LayerNormalization(center=False)", normal(1, 4))
layer("keras.layers.LayerNormalization(scale=False)", normal(6, 4))

running("keras.layers.BatchNormalization()", 3 + normal(2, 6, 4))
running("keras.layers.BatchNormalization(momentum=0.7)", 3 * normal(2, 5, 3, 2, 4))

penalty("keras.layers.ActivityRegularization(l1=0.1, l2=0.02)", wide(3, 4))
penalty("keras.layers.ActivityRegularization(l1=0.1)", wide(2, 3, 4))
penalty("keras.layers.ActivityRegularization(l2=0.02)", wide(1, 9))

# ---------------------------------------------------------------------------------------- losses

y, t = wide(4, 3), normal(4, 3)
loss("keras.losses.MeanSquaredError()", y=y, t=t)
loss("keras.losses.MeanAbsoluteError()", y=y, t=t)
loss("keras.losses.Huber()", y=y, t=t)
loss("keras.losses.Huber(delta=0.3)", y=y, t=t)

p, t = rng.uniform(0, 1, (4, 3)), rng.uniform(0, 1, (4, 3))
loss("keras.losses.BinaryCrossentropy()", p=p, t=t)
loss("keras.losses.BinaryCrossentropy(from_logits=True)", x=wide(4, 3), t=t)

x, index = wide(5, 4), rng.integers(0, 4, 5)
one_hot, soft = np.eye(4)[index], rng.dirichlet(np.ones(4), 5)
loss("keras.losses.SparseCategoricalCrossentropy(from_logits=True)", x=x, index=index)
loss("keras.losses.CategoricalCrossentropy(from_logits=True)", x=x, one_hot=one_hot)
loss("keras.losses.CategoricalCrossentropy(from_logits=True)", x=x, soft=soft)

# ------------------------------------------------------------------------ optimizers, schedules

cases["keras.optimizers"] = {"start": normal(7), "gradients": gradients()}
optimizer("keras.optimizers.SGD()")
optimizer("keras.optimizers.SGD(0.01, momentum=0.9)")
optimizer("keras.optimizers.SGD(0.01, momentum=0.8, nesterov=True)")
optimizer("keras.optimizers.RMSprop(epsilon=1e-30)")
optimizer("keras.optimizers.Adagrad(0.1, initial_accumulator_value=0.5, epsilon=1e-30)")
optimizer("keras.optimizers.Adam(epsilon=1e-30)")
optimizer("keras.optimizers.Adam(0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-30)")
optimizer("keras.optimizers.AdamW(0.01, weight_decay=0.3, epsilon=1e-30)")

schedule("keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True)", 35)
schedule("keras.optimizers.schedules.ExponentialDecay(0.1, 7, 0.5)", 35)
schedule("keras.optimizers.schedules.CosineDecay(0.1, 20)", 30)
schedule("keras.optimizers.schedules.CosineDecay(0.1, 20, alpha=0.1)", 30)

# ----------------------------------------------------------------------------------------- a model

keras.utils.set_random_seed(int(rng.integers(1000)))
model(
    "keras.Sequential([layers.Dense(5), layers.BatchNormalization(momentum=0.9), "
    "layers.ReLU(), layers.Dense(2)])",
    loss="mse",
    rule=keras.optimizers.SGD(0.1),
    x=normal(3, 8, 6),
    target=normal(3, 8, 2),
)

for constructor, shape in image_calls.KERAS.items():
    layer(constructor, normal(*shape))

# -------------------------------------------- added later: the numbers above stay what they were

function("keras.activations.selu(x)", wide(5, 7))
layer("keras.layers.GroupNormalization(2)", 3 + normal(2, 3, 2, 4))

save("keras", cases, MADE_WITH)
