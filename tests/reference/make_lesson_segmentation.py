"""The PyTorch figures that lesson 34 prints beside its own: the U-Net with and without skips.

Pictures and initial weights are those of the lesson; the order of the pictures differs. Run where
torch and the requirements of scratchnet are installed, with the repository on the path, and copy
the printed means into scratchnet/references.json:

    PYTHONPATH=. python tests/reference/make_lesson_segmentation.py [seeds]
"""

import sys

import numpy as np
import torch
from torch import nn

from scratchnet.exercises.answers.continued import lesson
from scratchnet.layers import Conv2D

EPOCHS, BATCH, RATE = 12, 16, 0.01


class Skip(nn.Module):
    """The channels of x, then those of inner(x)."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return torch.cat([x, self.inner(x)], dim=1)


def conv(channels, filters):
    normalization = nn.BatchNorm2d(filters, eps=1e-3, momentum=0.1)
    return [nn.Conv2d(channels, filters, 3, padding=1, bias=False), normalization, nn.ReLU()]


def network(skips, f):
    def beside(inner):
        return Skip(inner) if skips else inner

    up = nn.Upsample(scale_factor=2)
    bottom = nn.Sequential(nn.MaxPool2d(2), *conv(2 * f, 4 * f), *conv(4 * f, 4 * f), up)
    joined = 6 * f if skips else 4 * f
    middle = [*conv(f, 2 * f), beside(bottom), *conv(joined, 2 * f)]
    inner = nn.Sequential(nn.MaxPool2d(2), *middle, up)
    joined = 3 * f if skips else 2 * f
    return nn.Sequential(*conv(1, f), beside(inner), *conv(joined, f), nn.Conv2d(f, 11, 1))


def start(model, built):
    """Give the model the initial weights of a model of scratchnet."""
    ours = [part for part in built.named_layers().values() if isinstance(part, Conv2D)]
    theirs = [part for part in model.modules() if isinstance(part, nn.Conv2d)]
    for mine, part in zip(ours, theirs, strict=True):
        part.weight.data[:] = torch.tensor(mine.W.transpose(3, 2, 0, 1))
        if part.bias is not None:
            part.bias.data[:] = torch.tensor(mine.b)


def train(model, x, t):
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    loss = nn.CrossEntropyLoss()
    for _ in range(EPOCHS):
        for i in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss(model(x[i]), t[i]).backward()
            optimizer.step()
    model.eval()


def main(seeds="3"):
    m = lesson("34", "# %%\n# Check before you train")
    x, x_val = (torch.tensor(a.transpose(0, 3, 1, 2).copy()) for a in (m.x, m.x_val))
    t = torch.tensor(m.t)
    print(f"torch {torch.__version__}, seeds 0 to {int(seeds) - 1}")
    for name, skips in (("with skips", True), ("without skips", False)):
        figures = []
        for seed in range(int(seeds)):
            torch.manual_seed(seed)
            model, built = network(skips, m.cfg.filters), m.build(skips, seed)
            start(model, built)
            with torch.no_grad():
                model.eval()
                ours = torch.tensor(built(m.x_val[:4])).permute(0, 3, 1, 2)
                torch.testing.assert_close(model(x_val[:4]), ours, rtol=1e-4, atol=1e-4)
                model.train()
            train(model, x, t)
            with torch.no_grad():
                p = model(x_val).argmax(dim=1).numpy()
            pairs = [(p == k, m.t_val == k) for k in range(11)]
            overlap = np.mean([(a & b).sum() / (a | b).sum() for a, b in pairs])
            figures.append((overlap, (p == m.t_val).mean()))
            print(name, seed, figures[-1], flush=True)
        for what, values in zip(("mean IoU", "correct"), np.array(figures).T, strict=True):
            low, high = values.min(), values.max()
            print(f"{name} {what}: mean {values.mean():.4f}, range {low:.4f} to {high:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
