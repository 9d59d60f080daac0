"""The models that are timed: equal shapes, losses and batches in every framework.

A new model is a class with a method for each framework, and a line in MODELS:

    batch()        x, target as NumPy arrays
    products()     (N, D, M) of each layer's matrix product (N, D) (D, M), first to last
    scratchnet()   a built model and its loss
    torch()        a module and its loss, float32 on the CPU
    keras()        a built model and its loss

Each contestant runs in a process of its own, perhaps in an environment that has only its own
framework. So frameworks are imported where they are used, never at the head of a file.
"""

import itertools

import numpy as np


class Perceptron:
    """Dense layers of these sizes, ReLU between them, ending as the loss wants it.

    "binary cross entropy"    sigmoid, then the loss on probabilities; the target is x
    "mean squared error"      sigmoid; the target is x
    "softmax cross entropy"   no activation: the loss takes logits and class indices
    """

    def __init__(self, sizes, samples, loss):
        self.sizes, self.samples, self.loss = sizes, samples, loss
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

        stack = self._stack(lambda d, m: layers.Dense(m), layers.ReLU, layers.Sigmoid)
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

        module = nn.Sequential(*self._stack(nn.Linear, nn.ReLU, nn.Sigmoid))
        loss = {
            "binary cross entropy": nn.BCELoss,
            "mean squared error": nn.MSELoss,
            "softmax cross entropy": nn.CrossEntropyLoss,
        }[self.loss]
        return module, loss()

    def keras(self):
        from keras import Input, Sequential, activations, layers, losses

        def activation(function):
            return lambda: layers.Activation(function)

        dense, relu = lambda d, m: layers.Dense(m), activation(activations.relu)
        stack = self._stack(dense, relu, activation(activations.sigmoid))
        loss = {
            "binary cross entropy": losses.BinaryCrossentropy(),
            "mean squared error": losses.MeanSquaredError(),
            "softmax cross entropy": losses.SparseCategoricalCrossentropy(from_logits=True),
        }[self.loss]
        return Sequential([Input(self.sizes[:1]), *stack]), loss

    def _stack(self, dense, relu, sigmoid):
        """The layers, first to last; dense(D, M) makes one."""
        stack = []
        for d, m in itertools.pairwise(self.sizes):
            stack += [dense(d, m), relu()]
        return stack[:-1] if self.classifies else [*stack[:-1], sigmoid()]


MODELS = {
    "shallow": Perceptron((784, 32, 784), 256, "binary cross entropy"),
    "classifier": Perceptron((784, 256, 128, 10), 64, "softmax cross entropy"),
    "deep": Perceptron((784, 512, 256, 128, 30, 128, 256, 784), 64, "mean squared error"),
}

# A step costs the same at any learning rate. This one leaves the weights where they are, for
# thousands of steps on one batch would otherwise end in gradients below 1e-38, which are slow.
LEARNING_RATE = 1e-6
