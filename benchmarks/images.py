"""Convolutional models to time, with the same methods as those in models.py.

A model is written once, as a list of parts, and each framework has a table that makes its layers:

    ("conv", F, K, stride, padding)         ("transpose", F, K, stride, padding), padding in pixels
    "pool" and "up" by 2                    "relu", "tanh", "sigmoid"
"""

import numpy as np


class Images:
    """An autoencoder of images (H, W, C), with the output that its loss expects."""

    def __init__(self, title, shape, samples, loss, parts):
        self.shape, self.samples, self.loss, self.parts = shape, samples, loss, parts
        self.title = f"{title}, {loss}, batch {samples}"

    def batch(self):
        x = np.random.default_rng(0).random((self.samples, *self.shape), dtype=np.float32)
        return x, x

    def parts_with_shapes(self):
        """Yield (part, height, width, channels of its input), for square kernels and strides."""
        h, w, c = self.shape
        for part in self.parts:
            yield part, h, w, c
            match part:
                case "pool":
                    h, w = h // 2, w // 2
                case "up":
                    h, w = 2 * h, 2 * w
                case ("conv", c, k, s, p):
                    h, w = (h + 2 * p - k) // s + 1, (w + 2 * p - k) // s + 1
                case ("transpose", c, k, s, p):
                    h, w = (h - 1) * s + k - 2 * p, (w - 1) * s + k - 2 * p

    def products(self):
        """List two forms of each convolution with n windows and q = (K / stride)^2.

        (n, K*K*C, F) with the windows of x, and (n, K*K*C / q, F q) with the windows of y. A
        transposed convolution has as many windows as its x has pixels.
        """
        found = []
        for part, h, w, c in self.parts_with_shapes():
            if part[0] == "conv":
                _, f, k, s, p = part
                places = ((h + 2 * p - k) // s + 1) * ((w + 2 * p - k) // s + 1)
                found.append(two_forms(self.samples * places, k * k * c, f, (k // s) ** 2))
            if part[0] == "transpose":
                _, f, k, s, p = part
                q = (k // s) ** 2
                found.append(two_forms(self.samples * h * w, q * c, k * k * f // q, q))
        return found

    def _stack(self, table):
        """table[kind](channels, *numbers) for each part."""
        stack = []
        for part, _, _, c in self.parts_with_shapes():
            kind, *numbers = (part,) if isinstance(part, str) else part
            stack.append(table[kind](c, *numbers))
        return stack

    def scratchnet(self):
        from scratchnet import layers, losses

        table = {
            "conv": lambda c, f, k, s, p: layers.Conv2D(f, k, s, p),
            "transpose": lambda c, f, k, s, p: layers.Conv2DTranspose(f, k, s, p),
            "pool": lambda c: layers.MaxPooling2D(),
            "up": lambda c: layers.UpSampling2D(),
            "relu": lambda c: layers.ReLU(),
            "tanh": lambda c: layers.Tanh(),
            "sigmoid": lambda c: layers.Sigmoid(),
        }
        model = layers.Sequential(self._stack(table))
        model.build(self.shape, 0)
        loss = {
            "binary cross entropy": losses.BinaryCrossEntropy,
            "mean squared error": losses.MeanSquaredError,
        }
        return model, loss[self.loss]()

    def torch(self):
        import torch
        from torch import nn

        table = {
            "conv": nn.Conv2d,
            "transpose": nn.ConvTranspose2d,
            "pool": lambda c: nn.MaxPool2d(2),
            "up": lambda c: nn.Upsample(scale_factor=2),
            "relu": lambda c: nn.ReLU(),
            "tanh": lambda c: nn.Tanh(),
            "sigmoid": lambda c: nn.Sigmoid(),
        }
        loss = {"binary cross entropy": nn.BCELoss, "mean squared error": nn.MSELoss}
        module = nn.Sequential(*self._stack(table))
        # channels last is PyTorch's faster layout on a CPU, and ours
        return module.to(memory_format=torch.channels_last), loss[self.loss]()

    def keras(self):
        from keras import Input, Sequential, layers, losses

        def framed(p, layer):
            return [layers.ZeroPadding2D(p), layer] if p else [layer]

        def cut(p, layer):
            return [layer, layers.Cropping2D(p)] if p else [layer]

        table = {
            "conv": lambda c, f, k, s, p: framed(p, layers.Conv2D(f, k, s)),
            "transpose": lambda c, f, k, s, p: cut(p, layers.Conv2DTranspose(f, k, s)),
            "pool": lambda c: [layers.MaxPooling2D()],
            "up": lambda c: [layers.UpSampling2D()],
            "relu": lambda c: [layers.ReLU()],
            "tanh": lambda c: [layers.Activation("tanh")],
            "sigmoid": lambda c: [layers.Activation("sigmoid")],
        }
        loss = {
            "binary cross entropy": losses.BinaryCrossentropy,
            "mean squared error": losses.MeanSquaredError,
        }
        stack = [layer for made in self._stack(table) for layer in made]
        return Sequential([Input(self.shape), *stack]), loss[self.loss]()


def two_forms(n, d, m, q):
    """Shapes of a convolution as a matrix product: with the windows of x, and with those of y."""
    return [(n, d, m), (n, d // q, m * q)]


def conv(f):
    """Convolution 3x3, stride 1, output as large as its input."""
    return ("conv", f, 3, 1, 1)


def transpose(f):
    """Transposed convolution 3x3, stride 1, output as large as its input."""
    return ("transpose", f, 3, 1, 1)


def convolutional(wide, narrow, side=28, samples=128):
    """Rows B1 and B2: two poolings in the encoder, two upsamplings in the decoder."""
    down = [conv(wide), "relu", "pool", conv(narrow), "relu", "pool"]
    up = [conv(narrow), "relu", "up", conv(wide), "relu", "up", conv(1), "sigmoid"]
    return Images(
        f"convolutions {wide}-{narrow}",
        (side, side, 1),
        samples,
        "binary cross entropy",
        down + up,
    )


TRANSPOSED = Images(
    "transposed convolutions 32-64-128",
    (28, 28, 1),
    128,
    "binary cross entropy",
    [conv(32), "relu", "pool", conv(64), "relu", "pool", conv(128), "relu"]
    + [transpose(64), "relu", "up", transpose(32), "relu", "up", transpose(1), "sigmoid"],
)
FACES = Images(
    "faces, stride 2, 12-24-48",
    (64, 64, 3),
    32,
    "mean squared error",
    [part for f in (12, 24, 48) for part in (("conv", f, 4, 2, 1), "relu")]
    + [part for f in (24, 12) for part in (("transpose", f, 4, 2, 1), "relu")]
    + [("transpose", 3, 4, 2, 1), "tanh"],
)
