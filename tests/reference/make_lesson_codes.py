"""The PyTorch figures that lesson 24 prints beside its own, on the bundled digits: error and probe.

Run where torch and scikit-learn are installed, with the repository on the path, and copy the
printed means and ranges into the lesson:

    PYTHONPATH=. python tests/reference/make_lesson_codes.py [seeds]
"""

import sys

import numpy as np
import torch
from torch import nn

from scratchnet.data import load_images

UNITS, FILTERS, EPOCHS, BATCH, RATE = 64, 4, 16, 16, 0.003


def convolutional(squeezed, f=FILTERS):
    """Encoder and decoder: maps of 7x7, or with a Linear layer on either side of the code."""
    sizes = [(1, f), (f, 2 * f), (2 * f, 4 * f)]
    first, second, third = ([nn.Conv2d(c, d, 3, padding=1), nn.ReLU()] for c, d in sizes)
    down = [*first, nn.MaxPool2d(2), *second, nn.MaxPool2d(2), *third]
    up = []
    for c, d in ((4 * f, 2 * f), (2 * f, f)):
        up += [nn.ConvTranspose2d(c, d, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)]
    up += [nn.ConvTranspose2d(f, 1, 3, padding=1), nn.Sigmoid()]
    if squeezed:
        n = 7 * 7 * 4 * f
        down += [nn.Flatten(), nn.Linear(n, UNITS)]
        up = [nn.Linear(UNITS, n), nn.ReLU(), nn.Unflatten(1, (4 * f, 7, 7)), *up]
    return nn.Sequential(nn.Sequential(*down), nn.Sequential(*up))


class Reader(nn.Module):
    """The last state of an LSTM that reads the rows."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(28, UNITS, batch_first=True)

    def forward(self, x):
        return self.lstm(x[:, 0])[1][0][0]


class Writer(nn.Module):
    """The rows again, from the code at each step."""

    def __init__(self):
        super().__init__()
        self.lstm, self.last = nn.LSTM(UNITS, UNITS, batch_first=True), nn.Linear(UNITS, 28)

    def forward(self, code):
        h, _ = self.lstm(code[:, None].repeat(1, 28, 1))
        return torch.sigmoid(self.last(h))[:, None]


def start(model):
    """Weights and biases as scratchnet draws them."""
    for name, p in model.named_parameters():
        if "weight_hh" in name:
            nn.init.orthogonal_(p)
        elif p.ndim > 1:
            nn.init.xavier_uniform_(p)
        else:
            nn.init.zeros_(p)
    for layer in model.modules():
        if isinstance(layer, nn.LSTM):
            layer.bias_ih_l0.data[UNITS : 2 * UNITS] = 1  # the forget gate
            layer.bias_hh_l0.requires_grad_(False)  # a second bias would double the steps
    return model


def train(model, x):
    optimizer, loss = torch.optim.Adam(model.parameters(), RATE), nn.BCELoss()
    for _ in range(EPOCHS):
        for i in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss(model(x[i]), x[i]).backward()
            optimizer.step()


def probe(code, t, code_val, t_val):
    from sklearn.linear_model import RidgeClassifier

    scale = code.std(axis=0).mean()
    return RidgeClassifier(alpha=1.0).fit(code / scale, t).score(code_val / scale, t_val)


def main(seeds="3"):
    data = load_images("digits", size=28)
    x, x_val = (torch.tensor(a.transpose(0, 3, 1, 2)) for a in (data.x_train, data.x_test))
    print(f"torch {torch.__version__}, seeds 0 to {int(seeds) - 1}")
    for name, make in {
        "conv maps": lambda: convolutional(False),
        "conv": lambda: convolutional(True),
        "LSTM": lambda: nn.Sequential(Reader(), Writer()),
    }.items():
        figures = []
        for seed in range(int(seeds)):
            torch.manual_seed(seed)
            model = start(make())
            train(model, x)
            with torch.no_grad():
                mse = ((model(x_val) - x_val) ** 2).mean().item()
                codes = [model[0](a).flatten(1).numpy() for a in (x, x_val)]
            figures.append((mse, probe(codes[0], data.y_train, codes[1], data.y_test)))
        for what, values in zip(("MSE", "probe"), np.array(figures).T, strict=True):
            low, high = values.min(), values.max()
            print(f"{name:10} {what:5} mean {values.mean():.4f}  range {low:.4f} to {high:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
