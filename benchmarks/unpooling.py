"""Row B4, the autoencoder that unpools with the encoder's indices; Keras has no such layer."""

import numpy as np

from benchmarks.images import two_forms

FILTERS = (8, 16, 16)


class Unpooling:
    """Three blocks: convolution without padding, ReLU, max pooling that returns its indices."""

    samples, shape = 64, (28, 28, 1)
    title = "unpooling 8-16-16, mean squared error, batch 64"

    def batch(self):
        x = np.random.default_rng(0).random((self.samples, *self.shape), dtype=np.float32)
        return x, x

    def products(self):
        """List two forms of the convolutions, then of the transposed convolutions."""
        down = [(26, 1, 8), (11, 8, 16), (3, 16, 16)]
        n = self.samples
        forward = [two_forms(n * h * h, 9 * c, f, 9) for h, c, f in down]
        return forward + [two_forms(n * h * h, 9 * f, c, 9) for h, c, f in reversed(down)]

    def scratchnet(self):
        from scratchnet import layers, losses

        channels = (*self.shape[2:], *FILTERS[:-1])
        inner = None
        for i, (c, f) in reversed([*enumerate(zip(channels, FILTERS, strict=True))]):
            last = layers.ReLU() if i else layers.Sigmoid()
            block = layers.UnpoolingBlock(inner)
            down = [layers.Conv2D(f, 3), layers.ReLU()]
            inner = layers.Sequential([*down, block, layers.Conv2DTranspose(c, 3), last])
        inner.build(self.shape, 0)
        return inner, losses.MeanSquaredError()

    def torch(self):
        import torch
        from torch import nn

        class Net(nn.Module):
            def __init__(self, channels):
                super().__init__()
                pairs = list(zip(channels, FILTERS, strict=True))
                self.down = nn.ModuleList(nn.Conv2d(c, f, 3) for c, f in pairs)
                self.up = nn.ModuleList(nn.ConvTranspose2d(f, c, 3) for c, f in reversed(pairs))
                self.pool = nn.MaxPool2d(2, return_indices=True)
                self.unpool = nn.MaxUnpool2d(2)

            def forward(self, x):
                places = []
                for convolution in self.down:
                    before = convolution(x).relu()
                    x, indices = self.pool(before)
                    places.append((indices, before.shape))
                for i, transpose in enumerate(self.up):
                    indices, size = places.pop()
                    x = transpose(self.unpool(x, indices, output_size=size[2:]))
                    x = x.sigmoid() if i == len(FILTERS) - 1 else x.relu()
                return x

        net = Net((*self.shape[2:], *FILTERS[:-1]))
        return net.to(memory_format=torch.channels_last), nn.MSELoss()
