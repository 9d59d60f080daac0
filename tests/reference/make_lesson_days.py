"""The PyTorch figures that lesson 23 prints beside its own: training error and days found.

Run where torch is installed, with the repository on the path, and copy the printed ranges into the
lesson:

    SCRATCHNET_DATA=... PYTHONPATH=. python tests/reference/make_lesson_days.py [taxi] [seeds]
"""

import sys

import numpy as np
import torch
from torch import nn

from scratchnet.data.series import HALF_HOURS, load_days

SETTINGS = {"pattern": (32, 40), "taxi": (64, 80)}  # units, epochs


class Autoencoder(nn.Module):
    """LSTM -> the code at each half hour -> LSTM -> a number each, begun as scratchnet begins."""

    def __init__(self, units):
        super().__init__()
        self.encoder = nn.LSTM(1, units, batch_first=True)
        self.decoder = nn.LSTM(units, units, batch_first=True)
        self.last = nn.Linear(units, 1)
        for name, p in self.named_parameters():
            if "weight_hh" in name:
                nn.init.orthogonal_(p)
            elif "weight" in name:
                nn.init.xavier_uniform_(p)
            else:
                nn.init.zeros_(p)
        for layer in (self.encoder, self.decoder):
            layer.bias_ih_l0.data[units : 2 * units] = 1  # the forget gate
            layer.bias_hh_l0.requires_grad_(False)  # a second bias would double the steps

    def forward(self, x):
        _, (h, _) = self.encoder(x)
        return self.last(self.decoder(h[0][:, None].repeat(1, HALF_HOURS, 1))[0])


def train(z, n, units, epochs):
    """The last epoch's loss, and the errors (N, 48) of all days."""
    x, model = torch.tensor(z[..., None]), Autoencoder(units)
    optimizer, loss = torch.optim.Adam(model.parameters(), 0.003), nn.MSELoss()
    for _ in range(epochs):
        total = 0.0
        for i in torch.randperm(n).split(16):
            optimizer.zero_grad()
            value = loss(model(x[i]), x[i])
            value.backward()
            optimizer.step()
            total += value.item() * len(i)
    with torch.no_grad():
        return total / n, (model(x) - x)[..., 0].numpy()


def distance(e, n, ridge=0.01):
    e = e.astype("float64")
    S = e[:n].T @ e[:n] / n
    S += ridge * np.trace(S) / len(S) * np.eye(len(S))
    return (e * np.linalg.solve(S, e.T).T).mean(axis=1)


def found(days, score, near=0, top=8):
    """How many labelled days have, within `near` days, one of the highest scores."""
    n = days.n_normal
    highest = n + np.argsort(-score[n:])[:top]
    return sum(abs(highest - day).min() <= near for day in np.flatnonzero(days.is_odd))


def main(name="pattern", seeds="5"):
    days = load_days(name)
    n, weekdays = days.n_normal, days.weekdays
    z = (days.counts - days.counts[:n].mean()) / days.counts[:n].std()
    usual = np.stack([z[:n][weekdays[:n] == k].mean(axis=0) for k in range(7)])[weekdays]
    print(f"torch {torch.__version__}, {name}, seeds 0 to {int(seeds) - 1}")
    for seed in range(int(seeds)):
        torch.manual_seed(seed)
        mse, e = train(z, n, *SETTINGS[name])
        _, left = train(z - usual, n, *SETTINGS[name])
        square, left_square = (e**2).mean(axis=1), (left**2).mean(axis=1)
        print(
            f"seed {seed}: training MSE {mse:.4f}, found by mean square {found(days, square)}, "
            f"by distance {found(days, distance(e, n))}, "
            f"less its weekday {found(days, left_square)}, "
            f"or beside {found(days, left_square, near=1)}",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
