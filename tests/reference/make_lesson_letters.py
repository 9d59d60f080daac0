"""The PyTorch figures that lesson 35 prints beside its own: bits per letter of an LSTM.

Text, initial weights and the order of the parts are those of the lesson, so that each number is
that of the lesson up to the rounding of float32. Run where torch and the requirements of scratchnet
are installed, with the repository on the path, and copy the printed numbers into
scratchnet/references.json:

    PYTHONPATH=. python tests/reference/make_lesson_letters.py [seeds]
"""

import math
import sys

import torch
from torch import nn

from scratchnet.exercises.answers.continued import lesson


class Model(nn.Module):
    """Embedding, LSTM and a Linear layer for each step, with the weights of a built model."""

    def __init__(self, built):
        super().__init__()
        table, lstm, dense = built.layers
        self.embedding = nn.Embedding(*table.W.shape)
        self.lstm = nn.LSTM(table.output_dim, lstm.units, batch_first=True)
        self.last = nn.Linear(lstm.units, table.input_dim)
        weights = {
            self.embedding.weight: table.W,
            self.lstm.weight_ih_l0: lstm.W.T,
            self.lstm.weight_hh_l0: lstm.U.T,
            self.lstm.bias_ih_l0: lstm.b,
            self.last.weight: dense.layer.W.T,
            self.last.bias: dense.layer.b,
        }
        for parameter, value in weights.items():
            parameter.data[:] = torch.tensor(value.copy())
        self.lstm.bias_hh_l0.data[:] = 0
        self.lstm.bias_hh_l0.requires_grad_(False)  # a second bias would double the steps

    def forward(self, x, state=None):
        h, state = self.lstm(self.embedding(x), state)
        return self.last(h), state


def bits(model, x, t):
    """Mean bits per letter of streams (N, T), each read from the state 0."""
    loss = nn.functional.cross_entropy(model(x)[0].flatten(0, 1), t.flatten())
    return loss.item() / math.log(2)


def train(model, m, x, t, carry):
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, m.cfg.learning_rate)
    for _ in range(m.cfg.epochs):
        state = None
        for start in range(0, x.shape[1], m.cfg.part):
            s = slice(start, start + m.cfg.part)
            optimizer.zero_grad()
            y, state = model(x[:, s], state if carry else None)
            nn.functional.cross_entropy(y.flatten(0, 1), t[:, s].flatten()).backward()
            optimizer.step()
            state = tuple(part.detach() for part in state)


def main(seeds="1"):
    m = lesson("35", "# %%\n# Check before you train")
    x, t, x_val, t_val = map(torch.tensor, (m.x, m.t, m.x_val, m.t_val))
    print(f"torch {torch.__version__}, {len(m.text)} letters, {m.V} different")
    for seed in range(int(seeds)):
        for carry in (True, False):
            model = Model(m.build(seed))
            train(model, m, x, t, carry)
            length = x_val.shape[1] if carry else m.cfg.part
            with torch.no_grad():
                found = bits(model, x_val.reshape(-1, length), t_val.reshape(-1, length))
            print(f"seed {seed}, carry {carry}: {found:.4f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
