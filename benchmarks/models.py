"""Models to time: equal shapes, losses and batches in every framework.

A new model is a class with a method for each framework, and a line in MODELS:

    batch()        x, target as NumPy arrays
    products()     (N, D, M) of each layer's matrix product (N, D) (D, M), first to last, or a list
                   of the forms that it may have
    scratchnet()   a built model and its loss
    torch()        a module and its loss, float32 on the CPU
    keras()        a built model and its loss

or, for a model with its own training step, `scratchnet_task`, `torch_step` and `jax_step` (gan.py)
or `scratchnet_step`, `scikit_learn_step` and `torch_loop` (rbm.py).

Each contestant runs in its own process, perhaps in an environment that has only its own framework.
So frameworks are imported inside of the methods, never at the head of a file.
"""

import itertools

import numpy as np

from benchmarks.gan import Adversaries
from benchmarks.images import FACES, TRANSPOSED, convolutional
from benchmarks.rbm import Pixels
from benchmarks.recommender import Ratings
from benchmarks.unpooling import Unpooling
from benchmarks.vae import Variational


class Perceptron:
    """Dense layers of these sizes, with the output that the loss expects.

    "binary cross entropy"    sigmoid, then the loss on probabilities; the target is x
    "mean squared error"      sigmoid; the target is x
    "softmax cross entropy"   no activation: the loss takes logits and class indices

    hidden is the activation after each layer but the last, "relu", "tanh" or "linear": one for all
    or one for each.
    """

    def __init__(self, sizes, samples, loss, hidden="relu"):
        self.sizes, self.samples, self.loss = sizes, samples, loss
        self.hidden = [hidden] * (len(sizes) - 2) if isinstance(hidden, str) else hidden
        self.classifies = loss == "softmax cross entropy"

    @property
    def title(self):
        return f"{'-'.join(map(str, self.sizes))}, {self.loss}, batch {self.samples}"

    def batch(self):
        rng = np.random.default_rng(0)
        x = rng.random((self.samples, self.sizes[0]), dtype=np.float32)
        return x, rng.integers(0, self.sizes[-1], self.samples) if self.classifies else x

    def products(self):
        return [(self.samples, d, m) for d, m in itertools.pairwise(self.sizes)]

    def scratchnet(self):
        from scratchnet import layers, losses

        kinds = {"relu": layers.ReLU, "tanh": layers.Tanh, "sigmoid": layers.Sigmoid}
        stack = self._stack(lambda d, m: layers.Dense(m), lambda name: kinds[name]())
        model = layers.Sequential(stack)
        model.build(self.sizes[:1], 0)
        loss = {
            "binary cross entropy": losses.BinaryCrossEntropy,
            "mean squared error": losses.MeanSquaredError,
            "softmax cross entropy": losses.SoftmaxCrossEntropy,
        }[self.loss]
        return model, loss()

    def torch(self):
        from torch import nn

        kinds = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
        module = nn.Sequential(*self._stack(nn.Linear, lambda name: kinds[name]()))
        loss = {
            "binary cross entropy": nn.BCELoss,
            "mean squared error": nn.MSELoss,
            "softmax cross entropy": nn.CrossEntropyLoss,
        }[self.loss]
        return module, loss()

    def keras(self):
        from keras import Input, Sequential, layers, losses

        stack = self._stack(lambda d, m: layers.Dense(m), layers.Activation)
        loss = {
            "binary cross entropy": losses.BinaryCrossentropy(),
            "mean squared error": losses.MeanSquaredError(),
            "softmax cross entropy": losses.SparseCategoricalCrossentropy(from_logits=True),
        }[self.loss]
        return Sequential([Input(self.sizes[:1]), *stack]), loss

    def _stack(self, dense, activation):
        """List of layers: dense(D, M) makes a dense layer, activation(name) an activation."""
        stack = []
        last = "linear" if self.classifies else "sigmoid"
        for (d, m), name in zip(itertools.pairwise(self.sizes), [*self.hidden, last], strict=True):
            stack += [dense(d, m)] + ([] if name == "linear" else [activation(name)])
        return stack


class SineAutoencoder:
    """LSTM 64 (ReLU), its last state repeated for all steps, LSTM 1 (sigmoid)."""

    samples = 128

    def __init__(self, steps=50):
        self.steps = steps

    @property
    def title(self):
        return f"LSTM 64-1, {self.steps} steps, mean squared error, batch {self.samples}"

    def batch(self):
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.samples, self.steps, 1), dtype=np.float32)
        return x, x

    def products(self):
        n, t = self.samples, self.steps
        encoder = [(n * t, 1, 256), *[(n, 64, 256)] * t]
        return [*encoder, (n * t, 64, 4), *[(n, 1, 4)] * t]

    def scratchnet(self):
        from scratchnet import layers, losses

        model = layers.Sequential(self._stack(layers))
        model.build((self.steps, 1), 0)
        return model, losses.MeanSquaredError()

    def keras(self):
        from keras import Input, Sequential, layers, losses

        return Sequential([Input((self.steps, 1)), *self._stack(layers)]), losses.MeanSquaredError()

    def _stack(self, layers):
        last = layers.LSTM(1, activation="sigmoid", return_sequences=True)
        return [layers.LSTM(64, activation="relu"), layers.RepeatVector(self.steps), last]

    def torch(self):
        """The same with tanh instead of ReLU and sigmoid: PyTorch's LSTM has no other option."""
        from torch import nn

        class Net(nn.Module):
            def __init__(self, steps):
                super().__init__()
                self.steps = steps
                self.encoder = nn.LSTM(1, 64, batch_first=True)
                self.decoder = nn.LSTM(64, 1, batch_first=True)

            def forward(self, x):
                _, (h, _) = self.encoder(x)
                return self.decoder(h[0][:, None].repeat(1, self.steps, 1))[0]

        return Net(self.steps), nn.MSELoss()


TANH = ["relu", "relu", "tanh", "tanh", "tanh"]
MODELS = {  # the comment is the number of its lesson
    "shallow": Perceptron((784, 32, 784), 256, "binary cross entropy"),  # 01
    "classifier": Perceptron((784, 256, 128, 10), 64, "softmax cross entropy"),  # 02
    "deep": Perceptron((784, 512, 256, 128, 30, 128, 256, 784), 64, "mean squared error"),  # 03
    "narrow": Perceptron((784, 64, 784), 64, "mean squared error"),  # 04, 06
    "middle": Perceptron((784, 128, 784), 64, "mean squared error"),  # 04
    "wide": Perceptron((784, 256, 784), 64, "mean squared error"),  # 04
    "sparse": Perceptron((784, 1024, 784), 64, "mean squared error"),  # 05, without its penalty
    "manifold": Perceptron(
        (784, 64, 8, 64, 784), 64, "mean squared error", ["relu", "linear", "relu"]
    ),  # 07
    "tanh": Perceptron((784, 144, 72, 48, 72, 144, 784), 300, "mean squared error", TANH),  # 08
    "convolutions": convolutional(32, 16),  # 10
    "fewer": convolutional(16, 8),  # 10
    "transposed": TRANSPOSED,  # 11
    "unpooling": Unpooling(),  # 12
    "faces": FACES,  # 13
    "vae": Variational((256,), 2, 100),  # 15
    "deep_vae": Variational((512, 256), 2, 256),  # 15
    "vae_20": Variational((512, 256), 20, 128),  # 17
    "gan": Adversaries(),  # 20
    "sines": SineAutoencoder(),  # 22
    "rbm": Pixels(),  # 26
    "ratings": Ratings(),  # 27
}
MACHINES = ("rbm", "ratings")  # Boltzmann machines, with other peers
# The rows of which the geometric mean is taken
ROWS = tuple(name for name in MODELS if name not in ("middle", "manifold", *MACHINES))
SHORT = {  # names of the rows in tables
    "shallow": "784-32-784, batch 256",
    "classifier": "784-256-128-10, batch 64",
    "deep": "deep autoencoder, batch 64",
    "narrow": "784-64-784, batch 64",
    "wide": "784-256-784, batch 64",
    "sparse": "784-1024-784, batch 64",
    "tanh": "tanh autoencoder, batch 300",
    "convolutions": "convolutions 32-16, batch 128",
    "fewer": "convolutions 16-8, batch 128",
    "transposed": "transposed 32-64-128, batch 128",
    "unpooling": "unpooling, batch 64",
    "faces": "faces, stride 2, batch 32",
    "vae": "VAE, code 2, batch 100",
    "deep_vae": "deep VAE, code 2, batch 256",
    "vae_20": "deep VAE, code 20, batch 128",
    "gan": "GAN, both updates, batch 64",
    "sines": "LSTM 64-1, 50 steps, batch 128",
    "rbm": "RBM 784-256, 60 updates",
    "ratings": "RBM of ratings, CD-10",
}


def find(name):
    """The model of a name in MODELS or of a point of a growth curve, "batch/64"."""
    if "/" not in name:
        return MODELS[name]
    from benchmarks.curves import CURVES

    curve, value = name.split("/")
    return CURVES[curve].model(int(value))


# A step takes the same time at any learning rate. With this one the weights hardly change:
# otherwise, thousands of steps on one batch end in gradients below 1e-38, which are slow.
LEARNING_RATE = 1e-6
