"""The networks of lessons 13, 14 and 19 in PyTorch, several seeds: the references of their tables.

pip install torch numpy scikit-learn, and SCRATCHNET_DATA for the faces
python tests/reference/make_faces.py {photos,faces} {dense,conv,through,vae} EPOCHS SEEDS [SIZE]
"""

import math
import sys

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from scratchnet.data import load_faces

which, name, epochs, seeds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
size = int(sys.argv[5]) if len(sys.argv) > 5 else 64
small, D = size // 8, size * size * 3


def dense():
    layers, widths = [nn.Flatten()], (D, 1024, 256, 64, 256, 1024)
    for d, m in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(d, m), nn.ReLU()]
    return [*layers, nn.Linear(1024, D), nn.Tanh(), nn.Unflatten(1, (3, size, size))]


def halves(out=None, code=None):
    """Encoder to `out` numbers and decoder from `code`; None: the 8 x 8 x 48 numbers between."""
    down, up, wide = [], [], small * small * 48
    for d, m in ((3, 12), (12, 24), (24, 48)):
        down += [nn.Conv2d(d, m, 4, 2, 1), nn.ReLU()]
    if code:
        down += [nn.Flatten(), nn.Linear(wide, out)]
        up += [nn.Linear(code, wide), nn.ReLU(), nn.Unflatten(1, (48, small, small))]
    for d, m in ((48, 24), (24, 12)):
        up += [nn.ConvTranspose2d(d, m, 4, 2, 1), nn.ReLU()]
    return down, [*up, nn.ConvTranspose2d(12, 3, 4, 2, 1), nn.Tanh()]


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = (nn.Sequential(*half) for half in halves(128, 64))
        self.s = 1.0

    def forward(self, x):
        return self.decoder(self.encoder(x)[:, :64])

    def terms(self, x):
        """Reconstruction and KL in nats (N,) each, with one random code, and the picture."""
        m, v = self.encoder(x).chunk(2, 1)
        y = self.decoder(m + (v / 2).exp() * torch.randn_like(m))
        constant = D * (math.log(self.s) + math.log(2 * math.pi) / 2)
        R = ((x - y) ** 2).sum((1, 2, 3)) / (2 * self.s**2) + constant
        return R, 0.5 * (m**2 + v.exp() - 1 - v).sum(1), y


MODELS = {
    "dense": lambda: nn.Sequential(*dense()),
    "conv": lambda: nn.Sequential(*sum(halves(), [])),
    "through": lambda: nn.Sequential(*sum(halves(64, 64), [])),
    "vae": VAE,
}


def epoch(model, x, rule):
    square = 0
    for i in torch.randperm(len(x)).split(32):
        rule.zero_grad()
        if name == "vae":
            R, KL, y = model.terms(x[i])
            (R + KL).mean().backward()
            square += ((y.detach() - x[i]) ** 2).mean().item() * len(i) / len(x)
        else:
            ((model(x[i]) - x[i]) ** 2).mean().backward()
        rule.step()
    model.s = math.sqrt(square)


def run(data, seed):
    """{what: number}: Adam 0.001, batches of 32; Glorot weights, biases from 0."""
    torch.manual_seed(seed)
    model = MODELS[name]()
    for p in model.parameters():
        nn.init.zeros_(p) if p.ndim == 1 else nn.init.xavier_uniform_(p)
    rule = torch.optim.Adam(model.parameters(), 0.001)
    x, unseen, anomaly = (
        torch.tensor(part.transpose(0, 3, 1, 2).copy())
        for part in (data.x_train, data.x_test, data.x_anomaly)
    )
    for _ in range(epochs):
        epoch(model, x, rule)
    with torch.no_grad():
        scores = {"MSE": [((model(t) - t) ** 2).mean((1, 2, 3)) / 4 for t in (unseen, anomaly)]}
        if name == "vae":
            terms = [model.terms(t) for t in (unseen, anomaly)]
            scores |= {"KL": [t[1] for t in terms], "-ELBO": [t[0] + t[1] for t in terms]}
    numbers, truth = {"s": model.s}, np.repeat([0, 1], [len(unseen), len(anomaly)])
    for score, both in scores.items():
        for heap, part in zip(("unseen", "anomalies"), both, strict=True):
            numbers[f"{score} {heap}"] = part.mean().item()
        numbers[f"AUC by {score}"] = roc_auc_score(truth, torch.cat(both).numpy())
    return numbers


torch.set_num_threads(1)
found = [run(load_faces(which, size), seed) for seed in range(seeds)]
for what in found[0]:
    column = np.array([numbers[what] for numbers in found])
    print(f"{which} {name} {what}: mean {column.mean():.5g}, seeds {np.round(column, 4)}")
