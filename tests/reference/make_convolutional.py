"""The PyTorch figures that lessons 10, 11 and 12 print beside theirs, on the bundled digits.

Run where torch is installed, with the repository on the path, and copy the printed means and
ranges into the lessons:

    PYTHONPATH=. python tests/reference/make_convolutional.py [seeds]
"""

import sys

import torch
from torch import nn

from scratchnet.data import load_images


def conv(c, f):
    return [nn.Conv2d(c, f, 3, padding=1), nn.ReLU()]


def back(c, f):
    return [nn.ConvTranspose2d(c, f, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)]


def autoencoder(wide, narrow):
    """Lesson 10."""
    down = [*conv(1, wide), nn.MaxPool2d(2), *conv(wide, narrow), nn.MaxPool2d(2)]
    up = [*conv(narrow, narrow), nn.Upsample(scale_factor=2)]
    up += [*conv(narrow, wide), nn.Upsample(scale_factor=2), *conv(wide, 1)[:1], nn.Sigmoid()]
    return nn.Sequential(*down, *up)


def transposed():
    """Lesson 11."""
    down = [*conv(1, 32), nn.MaxPool2d(2), *conv(32, 64), nn.MaxPool2d(2), *conv(64, 128)]
    last = [nn.ConvTranspose2d(32, 1, 3, padding=1), nn.Sigmoid()]
    return nn.Sequential(*down, *back(128, 64), *back(64, 32), *last)


class Unpooling(nn.Module):
    """Lesson 12: pool, work inside, unpool to the positions of the maxima."""

    def __init__(self, c, f, inner=None):
        super().__init__()
        self.conv, self.back = nn.Conv2d(c, f, 3), nn.ConvTranspose2d(f, c, 3)
        self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
        self.inner, self.last = inner or nn.Identity(), nn.Sigmoid() if c == 1 else nn.ReLU()

    def forward(self, x):
        x = self.conv(x).relu()
        p, indices = self.pool(x)
        return self.last(self.back(self.unpool(self.inner(p), indices, x.shape)))


def unpooling():
    return Unpooling(1, 8, Unpooling(8, 16, Unpooling(16, 16)))


def train(model, loss, x, x_val, epochs, batch_size, rate):
    """The loss on x_val after these epochs of Adam, from Glorot weights and biases at zero."""
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for _ in range(epochs):
        for i in torch.randperm(len(x)).split(batch_size):
            optimizer.zero_grad()
            loss(model(x[i]), x[i]).backward()
            optimizer.step()
    with torch.no_grad():
        return loss(model(x_val), x_val).item()


def main(seeds=3):
    data = load_images("digits", size=28)
    x, test = (torch.tensor(a).permute(0, 3, 1, 2) for a in (data.x_train, data.x_test))
    cut = len(x) * 5 // 6
    bce, mse = nn.BCELoss(), nn.MSELoss()
    runs = {
        "10, 784 numbers": lambda: train(autoencoder(32, 16), bce, x, test, 10, 32, 0.003),
        "10, 392 numbers": lambda: train(autoencoder(16, 8), bce, x, test, 10, 32, 0.003),
        "11": lambda: train(transposed(), bce, x, test, 8, 32, 0.002),
        "12": lambda: train(unpooling(), mse, x[:cut], x[cut:], 20, 16, 0.005),
    }
    for name, run in runs.items():
        found = []
        for seed in range(seeds):
            torch.manual_seed(seed)
            found.append(run())
        mean = sum(found) / len(found)
        print(f"{name}: mean {mean:.5f}, {min(found):.5f} to {max(found):.5f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
