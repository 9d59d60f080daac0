"""Make exchange_torch.npz and exchange.safetensors for tests/exchange/test_transfer.py.

    pip install torch numpy safetensors
    python tests/reference/make_exchange_torch.py

For each architecture of exchange_models.py: the state_dict of the equal PyTorch model with random
weights, an input and the output, computed in float64, with PyTorch's axes (channels first).
"""

import copy
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

FOLDER = Path(__file__).parent


class Last(nn.Module):
    """The last step of a recurrent layer, or every step."""

    def __init__(self, rnn, every_step=False):
        super().__init__()
        self.rnn, self.every_step = rnn, every_step

    def forward(self, x):
        y, state = self.rnn(x)
        if self.every_step:
            return y
        h = state[0] if isinstance(state, tuple) else state  # (directions, N, M)
        return torch.cat(list(h), dim=-1)


class LSTM(nn.LSTM):
    """nn.LSTM, whose activation is always tanh, with another one."""

    def __init__(self, d, m, activation, **options):
        super().__init__(d, m, **options)
        self.activation = activation

    def forward(self, x):
        h = c = x.new_zeros(len(x), self.hidden_size)
        steps = []
        for x_t in x.unbind(1):
            a = nn.functional.linear(x_t, self.weight_ih_l0, self.bias_ih_l0)
            a = a + nn.functional.linear(h, self.weight_hh_l0, self.bias_hh_l0)
            i, f, g, o = a.chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * self.activation(g)
            h = o.sigmoid() * self.activation(c)
            steps.append(h)
        return torch.stack(steps, dim=1), (h[None], c[None])


class Repeat(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def forward(self, x):
        return x[:, None].repeat(1, self.n, 1)


class Unpooling(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        p, indices = nn.functional.max_pool2d(x, 2, return_indices=True)
        return nn.functional.max_unpool2d(self.inner(p), indices, 2)


class Concatenate(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return torch.cat([x, self.inner(x)], dim=1)


def conv(c, f):
    return nn.Conv2d(c, f, 3, padding=1)


def transposed(c, f):
    return nn.ConvTranspose2d(c, f, 3, padding=1)


def lstm(d, m, every_step=False, kind=nn.LSTM, **options):
    return Last(kind(d, m, batch_first=True, **options), every_step)


def seq(*layers):
    return nn.Sequential(*layers)


R, T, S, flat, pool = nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.Flatten(), nn.MaxPool2d(2)
up = nn.Upsample(scale_factor=2)
halve = dict(kernel_size=4, stride=2, padding=1)
MODELS = {  # name: (model, shape of a sample)
    "dense autoencoder": (seq(seq(nn.Linear(9, 5), R), seq(nn.Linear(5, 9), S)), (9,)),
    "digit classifier": (seq(nn.Linear(9, 7), R, nn.Linear(7, 6), R, nn.Linear(6, 4)), (9,)),
    "deep autoencoder": (
        seq(
            seq(nn.Linear(9, 7), R, nn.Linear(7, 3), T),
            seq(nn.Linear(3, 7), T, nn.Linear(7, 9), S),
        ),
        (9,),
    ),
    "convolution": (seq(nn.Conv2d(2, 4, 3), R, pool, flat, nn.Linear(64, 5)), (2, 10, 10)),
    "convolutional autoencoder": (
        seq(seq(conv(1, 3), R, pool), seq(conv(3, 3), R, up, conv(3, 1), S)),
        (1, 6, 6),
    ),
    "latent space": (
        seq(
            seq(conv(1, 3), R, pool, conv(3, 4), R),
            seq(transposed(4, 3), R, up, transposed(3, 1), S),
        ),
        (1, 6, 6),
    ),
    "unpooling": (
        seq(
            nn.Conv2d(1, 3, 3),
            R,
            Unpooling(seq(conv(3, 3), R, transposed(3, 3), R)),
            nn.ConvTranspose2d(3, 1, 3),
            S,
        ),
        (1, 8, 8),
    ),
    "dense on images": (
        seq(flat, nn.Linear(48, 6), R, nn.Linear(6, 48), T, nn.Unflatten(1, (3, 4, 4))),
        (3, 4, 4),
    ),
    "strided convolutions": (
        seq(
            nn.Conv2d(3, 3, **halve),
            R,
            nn.Conv2d(3, 5, **halve),
            R,
            nn.ConvTranspose2d(5, 3, **halve),
            R,
            nn.ConvTranspose2d(3, 3, **halve),
            T,
        ),
        (3, 8, 8),
    ),
    "narrow code": (
        seq(
            seq(nn.Conv2d(2, 3, **halve), R, flat, nn.Linear(48, 4)),
            nn.Linear(4, 48),
            R,
            nn.Unflatten(1, (3, 4, 4)),
            nn.ConvTranspose2d(3, 2, **halve),
            T,
        ),
        (2, 8, 8),
    ),
    "discriminator": (seq(nn.Linear(9, 6), nn.LeakyReLU(0.2), nn.Linear(6, 1)), (9,)),
    "lstm": (seq(lstm(2, 4), nn.Linear(4, 1)), (6, 2)),
    "lstm autoencoder": (
        seq(lstm(2, 4), Repeat(5), lstm(4, 3, True), nn.Linear(3, 2)),
        (5, 2),
    ),
    "convolutional code": (
        seq(
            seq(conv(1, 2), R, pool, conv(2, 3), R, flat, nn.Linear(48, 3)),
            seq(
                nn.Linear(3, 48),
                R,
                nn.Unflatten(1, (3, 4, 4)),
                transposed(3, 2),
                R,
                up,
                transposed(2, 1),
                S,
            ),
        ),
        (1, 8, 8),
    ),
    "image as sequence": (
        seq(
            nn.Flatten(1, 2),
            lstm(6, 4),
            Repeat(6),
            lstm(4, 5, True),
            nn.Linear(5, 6),
            S,
            nn.Unflatten(1, (1, 6)),
        ),
        (1, 6, 6),
    ),  # fmt: skip
    "u-net": (
        seq(conv(2, 3), R, Concatenate(seq(pool, conv(3, 4), R, up)), nn.Conv2d(7, 2, 1)),
        (2, 6, 6),
    ),
    "letters": (seq(nn.Embedding(7, 3), lstm(3, 4, True), nn.Linear(4, 7)), (6,)),
    "normalized": (
        seq(
            nn.Conv2d(2, 4, 3),
            nn.BatchNorm2d(4, eps=1e-3),
            R,
            nn.GroupNorm(2, 4, eps=1e-3),
            flat,
            nn.BatchNorm1d(48, eps=1e-3),
            nn.Linear(48, 12),
            nn.BatchNorm1d(12, eps=1e-3),
            R,
            nn.LayerNorm(12, eps=1e-3),
            nn.Unflatten(1, (3, 2, 2)),
            nn.Conv2d(3, 2, 2, bias=False),
        ),
        (2, 5, 6),
    ),  # fmt: skip
    "gru": (seq(lstm(2, 4, True, nn.GRU), lstm(4, 3, kind=nn.GRU)), (6, 2)),
    "recurrent": (
        seq(
            lstm(2, 3, True, nn.GRU, bidirectional=True),
            lstm(6, 2, bidirectional=True),
            nn.Linear(4, 2),
        ),
        (5, 2),
    ),
    "simple rnn": (seq(lstm(2, 4, kind=nn.RNN), nn.Linear(4, 1)), (6, 2)),
    "lstm with relu": (
        seq(
            lstm(1, 4, kind=LSTM, activation=torch.relu),
            Repeat(5),
            lstm(4, 1, True, kind=LSTM, activation=torch.sigmoid),
        ),
        (5, 1),
    ),
}

torch.manual_seed(0)
entries = {"made_with": f"PyTorch {torch.__version__}, NumPy {np.__version__}"}
for name, (model, shape) in MODELS.items():
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.dtype.is_floating_point:
                tensor.copy_(0.5 * torch.randn_like(tensor))
        for full, tensor in model.named_buffers():
            if full.endswith("running_var"):
                tensor.abs_().add_(0.5)
    x = torch.randint(0, 7, (3, *shape)) if name == "letters" else torch.randn(3, *shape)
    exact = copy.deepcopy(model).double().eval()
    y = exact(x.double() if x.dtype.is_floating_point else x).detach()
    for field, array in {"x": x, "y": y, **model.state_dict()}.items():
        entries[f"{name} | {field}"] = array.numpy()
    print(name, tuple(y.shape))
    if name == "normalized":
        save_file(model.state_dict(), FOLDER / "exchange.safetensors")
np.savez_compressed(FOLDER / "exchange_torch.npz", **entries)
