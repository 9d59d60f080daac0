"""Make torch_densities.npz: the likelihoods of torch.distributions as losses, in float64.

pip install torch numpy
python tests/reference/make_torch_densities.py
"""

import torch
from archive import normal, save, wide
from torch.distributions import Normal  # noqa: F401, the calls below use it

MADE_WITH = f"PyTorch {torch.__version__}, float64."

cases = {}


def loss(call, y, t):
    """Value and gradient for the prediction y."""
    tensors = {"y": torch.tensor(y, requires_grad=True), "t": torch.tensor(t)}
    value = eval(call, globals(), tensors)
    value.backward()
    gradient = tensors["y"].grad
    cases[call] = {"prediction": y, "target": t, "value": value.detach(), "gradient": gradient}


y, t = wide(4, 3), normal(4, 3)
loss("-Normal(y, 0.2).log_prob(t).mean()", y, t)
loss("-Normal(y, 1.5).log_prob(t).sum() / len(y)", y, t)

save("torch_densities", cases, MADE_WITH)
