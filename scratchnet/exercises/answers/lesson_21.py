"""Answer to lesson 21: a forget gate that is 1 at all steps.

The input gate i, with the candidate g: what they add to a cell must not depend on the later
inputs, because with f = 1 nothing that was added ever disappears. The script looks at the cell
that remembers the first number best. What this cell adds at later steps depends on the first
number, which the network knows from its state h, and hardly on the input of the step.
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown
from scratchnet.numerics import sigmoid


def correlation(a, b):
    """Size of the correlation of two vectors."""
    return abs(np.corrcoef(a, b)[0, 1])


def main():
    """Train with the forget gate fixed at the start, and look at the input gate at each step."""
    m = lesson("21", "history = train(lstm)")
    lstm, M = m.lstm, m.cfg.units
    layer = lstm.layers[0]
    forget = slice(M, 2 * M)
    layer.W[:, forget], layer.U[:, forget], layer.b[forget] = 0, 0, 20
    history = m.train(lstm)
    x, W, U, b = m.x_val, layer.W, layer.U, layer.b
    h, c = np.zeros((len(x), M)), np.zeros((len(x), M))
    added = []  # what each cell adds at each step, (N, M)
    for t in range(x.shape[1]):
        a_i, a_f, a_g, a_o = np.split(x[:, t] @ W + b + h @ U, 4, axis=1)
        i, g = sigmoid(a_i), np.tanh(a_g)
        c = sigmoid(a_f) * c + i * g
        h = sigmoid(a_o) * np.tanh(c)
        added.append(i * g)
    first = np.asarray(x[:, 0, 0])
    memory = [correlation(c[:, k], first) for k in range(M)]
    cell = int(np.argmax(memory))
    later = range(5, x.shape[1])
    return shown(
        {
            "validation MSE": history["validation"][-1],
            "validation MSE of the mean": first.var(),
            "correlation of the best cell with x_1": max(memory),
            "of what it adds at step 1, with x_1": correlation(added[0][:, cell], first),
            "of what it adds later, with x_t": np.mean(
                [correlation(added[t][:, cell], np.asarray(x[:, t, 0])) for t in later]
            ),
            "of what it adds later, with x_1": np.mean(
                [correlation(added[t][:, cell], first) for t in later]
            ),
        }
    )
