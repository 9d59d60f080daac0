"""Make torch_recurrent.npz, golden values in float64 for tests/test_golden.py.

pip install torch numpy
python tests/reference/make_torch_recurrent.py
"""

import numpy as np
import torch
from archive import normal, save
from torch import nn  # noqa: F401, the calls below use it

MADE_WITH = f"""PyTorch {torch.__version__}, NumPy {np.__version__}, float64.
Weights are stored as ours, (in, out): PyTorch holds the transposes.
Of the two biases that LSTM and RNN add up, the second is set to 0: ours is one.
GRU's gates are stored as ours, z, r, g: PyTorch's order is r, z, n."""

cases = {}


def layer(constructor, call, x, **states):
    """Outputs and every gradient, for random upstream gradients."""
    module = eval(constructor).double()
    gru = constructor.startswith("nn.GRU")
    for name, p in module.named_parameters():
        zero = name == "bias_hh_l0" and not gru
        p.data = torch.tensor(normal(*p.shape) / 2) * (0 if zero else 1)

    def ours(array):
        """(gates M, ...) -> (..., gates M), with GRU's blocks in our order."""
        blocks = np.split(array.numpy(), 3 if gru else 1)
        return np.concatenate([blocks[i] for i in ((1, 0, 2) if gru else (0,))]).T

    def named(prefix, arrays):
        W, U, b, b_h = (ours(a) for a in arrays)
        return {f"{prefix}W": W, f"{prefix}U": U, f"{prefix}b": np.stack([b, b_h]) if gru else b}

    given = {n: torch.tensor(a, requires_grad=True) for n, a in {"x": x, **states}.items()}
    y, last = eval(f"module{call}", globals(), {"module": module, **given})
    last = [part[0] for part in (last if isinstance(last, tuple) else (last,))]
    outputs = dict(zip(("y", "h", "c"), (y, *last), strict=False))
    upstream = {f"upstream {name}": normal(*part.shape) for name, part in outputs.items()}
    torch.autograd.backward(list(outputs.values()), [torch.tensor(d) for d in upstream.values()])
    parameters = list(module.parameters())
    cases[constructor + call] = {
        "x": x,
        **states,
        **named("", [p.detach() for p in parameters]),
        **upstream,
        **{name: part.detach() for name, part in outputs.items()},
        **{f"d{name}": tensor.grad for name, tensor in given.items()},
        **named("d", [p.grad for p in parameters]),
    }


n, t, m = 5, 7, 4
start = dict(h0=normal(n, m), c0=normal(n, m))
lstm = "nn.LSTM(3, 4, batch_first=True)"
layer(lstm, "(x, (h0[None], c0[None]))", normal(n, t, 3), **start)
layer("nn.GRU(3, 4, batch_first=True)", "(x, h0[None])", normal(1, t, 3), h0=normal(1, m))
layer("nn.RNN(3, 4, batch_first=True)", "(x, h0[None])", normal(n, 1, 3), h0=normal(n, m))
rnn = "nn.RNN(3, 2, nonlinearity='relu', batch_first=True)"
layer(rnn, "(x, h0[None])", normal(n, 2, 3), h0=normal(n, 2))

save("torch_recurrent", cases, MADE_WITH)
