"""Make torch.npz, golden values in float64 for tests/test_golden.py.

    pip install torch numpy
    python tests/reference/make_torch.py

The tests need the file, not PyTorch. Run it again when a case is added.
"""

import image_calls
import numpy as np
import torch
import torch.nn.functional as F  # noqa: F401, the calls below use it
from archive import STEPS, gradients, normal, rng, save, wide
from torch import nn  # noqa: F401
from torch.distributions import Normal, kl_divergence  # noqa: F401
from torch.nn.utils import clip_grad_norm_, clip_grad_value_  # noqa: F401
from torch.optim.lr_scheduler import (  # noqa: F401
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    SequentialLR,
    StepLR,
)

MADE_WITH = f"""PyTorch {torch.__version__}, NumPy {np.__version__}, float64.
Weights of Dense are stored as ours, (in, out): PyTorch's nn.Linear holds the transpose.
Images are stored channels last: the permutes stand in the calls.
F.batch_norm's running variance is unbiased, ours (as Keras') is not: see keras.npz for it.
F.softplus turns into y = x above its threshold: raised from 20 to 100.
clip_grad_norm_ adds 1e-6 to the norm, ours does not: hence a gradient of norm 1e6.
CosineAnnealingLR rises again after T_max, ours stays: recorded up to T_max."""

cases = {}


def kinked(*shape):
    x = wide(*shape)
    x.flat[4] = 0  # where ReLU, ELU, abs(x) have two slopes
    return x


def leaf(array, constant=False):
    return torch.tensor(array, requires_grad=array.dtype.kind == "f" and not constant)


def layer(call, x, **parameters):
    """y, dx and the gradient of every parameter, for a random upstream gradient dy."""
    arrays = {"x": x, **parameters}
    tensors = {name: leaf(array, name.startswith("moving")) for name, array in arrays.items()}
    y = eval(call, globals(), {name.replace("/", "_"): t for name, t in tensors.items()})
    dy = normal(*y.shape)
    y.backward(torch.tensor(dy))
    grads = {f"d{n}": t.grad for n, t in tensors.items() if t.grad is not None}
    cases[call] = {**arrays, "dy": dy, "y": y.detach(), **grads}


def penalty(call, x):
    """What an activity adds to the loss, and to the gradient dy that comes from above."""
    tensor, dy = leaf(x), normal(*x.shape)
    value = eval(call, globals(), {"x": tensor})
    (grad,) = torch.autograd.grad(value, tensor)
    cases[call] = {"x": x, "dy": dy, "penalty": value.detach(), "dx": grad.numpy() + dy}


def loss(call, gradients_of=1, **arrays):
    """Value and gradient for the first array, the prediction, or for the first two, stacked."""
    tensors = {name: leaf(array) for name, array in arrays.items()}
    value = eval(call, globals(), tensors)
    grads = torch.autograd.grad(value, list(tensors.values())[:gradients_of])
    prediction, target = arrays.values()
    cases[call] = {
        "prediction": prediction,
        "target": target,
        "value": value.detach(),
        "gradient": grads[0] if gradients_of == 1 else torch.stack(grads),
    }


def optimizer(call):
    """The parameters w after 1, 2, 10 and 200 updates."""
    inputs = cases["torch.optim"]
    w = leaf(inputs["start"])
    rule = eval(call, globals(), {"w": w})
    seen = {}
    for t, g in enumerate(inputs["gradients"], start=1):
        w.grad = torch.tensor(g)
        rule.step()
        seen[t] = w.detach().clone()
    cases[call] = {"w": torch.stack([seen[t] for t in STEPS])}


def clip(call, g):
    w = leaf(g)
    w.grad = torch.tensor(g)
    eval(call, globals(), {"w": w})
    cases[call] = {"g": g, "clipped": w.grad}


def schedule(call, initial, updates):
    sgd = torch.optim.SGD([leaf(np.zeros(1))], lr=initial)
    scheduler = eval(call, globals(), {"sgd": sgd})
    rates = []
    for _ in range(updates):
        rates.append(scheduler.get_last_lr()[0])
        sgd.step()
        scheduler.step()
    cases[call] = {"rate": rates}


def model(call, loss, rule, x, target):
    """Losses and final weights of three training steps, then the outputs at inference."""
    net = eval(call).double()

    def weights():  # one vector, as ours: nn.Linear's W (out, in) is transposed
        return np.concatenate([p.detach().numpy().T.ravel() for p in net.parameters()])

    start, losses = weights(), []
    rule = eval(rule, globals(), {"net": net})
    for xs, ts in zip(torch.tensor(x), torch.tensor(target), strict=True):
        value = eval(loss, globals(), {"y": net(xs), "t": ts})
        rule.zero_grad()
        value.backward()
        rule.step()
        losses.append(value.item())
    cases[call] = {"x": x, "target": target, "start": start, "losses": losses, "end": weights()}
    cases[call]["y"] = net(torch.tensor(x[0])).detach()


# ---------------------------------------------------------------------------------------- layers

layer("F.linear(x, W.T, b)", normal(5, 3), W=normal(3, 4), b=normal(4))
layer("F.linear(x, W.T)", normal(1, 4), W=normal(4, 3))

layer("F.relu(x)", kinked(5, 7))
layer("F.leaky_relu(x, 0.01)", kinked(5, 7))
layer("F.leaky_relu(x, 0.3)", kinked(1, 9))
layer("F.elu(x)", kinked(5, 7))
layer("F.elu(x, alpha=0.4)", kinked(1, 9))
layer("F.gelu(x)", kinked(5, 7))
layer("F.gelu(x, approximate='tanh')", kinked(5, 7))
layer("F.softplus(x, threshold=100)", kinked(5, 7))
layer("torch.sigmoid(x)", kinked(5, 7))
layer("torch.tanh(x)", kinked(5, 7))
layer("F.softmax(x, dim=-1)", kinked(4, 3, 5))
layer("F.softmax(x, dim=1)", kinked(4, 3, 5))

layer("x.flatten(1)", normal(3, 2, 4, 5))
layer("x.reshape(3, 4, 2, 5)", normal(3, 2, 4, 5))

rows = {"gamma": normal(4), "beta": normal(4)}
fixed = {"moving_mean": normal(4), "moving_variance": rng.uniform(0.2, 3, 4)}
layer("F.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-3)", 3 * normal(6, 4), **rows)
layer("F.batch_norm(x, None, None, gamma, training=True, eps=0.1)", normal(6, 4), gamma=normal(4))
layer("F.batch_norm(x, None, None, None, beta, training=True)", normal(6, 4), beta=normal(4))
layer("F.batch_norm(x, None, None, training=True)", normal(6, 4))
first = "x.permute(0, 3, 1, 2)"  # channels first
last = ".permute(0, 2, 3, 1)"
call = f"F.batch_norm({first}, None, None, gamma, beta, training=True){last}"
layer(call, 3 + normal(1, 3, 2, 4), **rows)
evaluating = "moving_mean, moving_variance, gamma, beta, training=False"
layer(f"F.batch_norm(x, {evaluating})", normal(6, 4), **rows, **fixed)
layer(f"F.batch_norm({first}, {evaluating}){last}", normal(2, 3, 2, 4), **rows, **fixed)

layer("F.layer_norm(x, (4,), gamma, beta)", 3 + normal(6, 4), **rows)
layer("F.layer_norm(x, (5,), gamma, eps=0.1)", normal(1, 5), gamma=normal(5))
layer("F.layer_norm(x, (5,), None, beta)", normal(2, 5), beta=normal(5))
layer("F.layer_norm(x, (3,))", normal(4, 3))
layer("F.layer_norm(x, (4,), gamma, beta, eps=1e-3)", normal(2, 3, 4), **rows)

penalty("(0.1 * x.abs().sum() + 0.02 * x.square().sum()) / len(x)", kinked(3, 4))
penalty("0.1 * x.abs().sum() + 0.02 * x.square().sum()", kinked(3, 4))
penalty("0.1 * x.abs().sum() / len(x)", kinked(2, 3, 4))
penalty("0.02 * x.square().sum()", kinked(1, 9))

# ---------------------------------------------------------------------------------------- losses

y, t = wide(4, 3), normal(4, 3)
t[0, 0] = y[0, 0]  # the kink of the absolute error
image = {"y": normal(2, 3, 5, 1), "t": normal(2, 3, 5, 1)}
for name in ("F.mse_loss", "F.l1_loss", "F.huber_loss"):
    loss(f"{name}(y, t)", y=y, t=t)
    loss(f"{name}(y, t, reduction='sum') / len(y)", **image)
loss("F.huber_loss(y, t, delta=0.3)", y=y, t=t)
loss("F.huber_loss(y, t, reduction='sum', delta=2.5) / len(y)", y=y, t=t)

p, t = rng.uniform(0, 1, (4, 3)), rng.uniform(0, 1, (4, 3))
p.flat[:4], t.flat[:4] = (1e-6, 1 - 1e-6) * 2, (0, 1, 1, 0)  # right and wrong certainties
loss("F.binary_cross_entropy(p, t)", p=p, t=t)
loss("F.binary_cross_entropy(p, t, reduction='sum') / len(p)", p=p, t=t)
x, t = wide(4, 5), rng.uniform(0, 1, (4, 5))
t.flat[:4] = 1, 0, 0, 1  # 30 and -30 right, 12 and -12 wrong
loss("F.binary_cross_entropy_with_logits(x, t)", x=x, t=t)
loss("F.binary_cross_entropy_with_logits(x, t, reduction='sum') / len(x)", x=-x, t=t)

x, index = wide(5, 4), rng.integers(0, 4, 5)
loss("F.cross_entropy(x, index)", x=x, index=index)
loss("F.cross_entropy(x, one_hot)", x=x, one_hot=np.eye(4)[index])
loss("F.cross_entropy(x, soft)", x=x, soft=rng.dirichlet(np.ones(4), 5))
loss("F.cross_entropy(x[:1], index[:1])", x=x[:1], index=index[:1])

kl = "kl_divergence(Normal(m, torch.exp(v / 2)), Normal(0.0, 1.0)).sum() / len(m)"
loss(kl, gradients_of=2, m=2 * normal(5, 3), v=rng.uniform(-8, 4, (5, 3)))

# ------------------------------------------------------------------------ optimizers, schedules

cases["torch.optim"] = {"start": normal(7), "gradients": gradients()}
optimizer("torch.optim.SGD([w], lr=0.1)")
optimizer("torch.optim.SGD([w], lr=0.01, momentum=0.9)")
optimizer("torch.optim.SGD([w], lr=0.01, momentum=0.8, nesterov=True)")
optimizer("torch.optim.RMSprop([w], lr=0.01, alpha=0.9, eps=1e-7)")
optimizer("torch.optim.RMSprop([w], lr=0.01, alpha=0.99, eps=0.1)")
optimizer("torch.optim.Adagrad([w], lr=0.1)")
optimizer("torch.optim.Adagrad([w], lr=0.1, initial_accumulator_value=0.5, eps=0.1)")
optimizer("torch.optim.Adam([w])")
optimizer("torch.optim.Adam([w], lr=0.1, betas=(0.5, 0.9), eps=0.1)")
optimizer("torch.optim.AdamW([w])")
optimizer("torch.optim.AdamW([w], lr=0.01, betas=(0.8, 0.99), eps=0.01, weight_decay=0.3)")

clip("clip_grad_norm_(w, max_norm=2.5)", 1e6 * normal(7))
clip("clip_grad_norm_(w, max_norm=100)", normal(7))
clip("clip_grad_value_(w, 0.5)", 3 * normal(7))

schedule("StepLR(sgd, step_size=10, gamma=0.5)", 0.1, 35)
schedule("ExponentialLR(sgd, gamma=0.5 ** (1 / 7))", 0.1, 35)
schedule("CosineAnnealingLR(sgd, T_max=20)", 0.1, 21)
schedule("CosineAnnealingLR(sgd, T_max=20, eta_min=0.01)", 0.1, 21)
schedule("LinearLR(sgd, 1 / 6, total_iters=5)", 0.1, 10)
chain = "[LinearLR(sgd, 1 / 6, total_iters=5), CosineAnnealingLR(sgd, 20)]"
schedule(f"SequentialLR(sgd, {chain}, milestones=[5])", 0.1, 26)

# ----------------------------------------------------------------------------------------- a model

torch.manual_seed(rng.integers(1000))
model(
    "nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))",
    loss="F.cross_entropy(y, t)",
    rule="torch.optim.Adam(net.parameters(), lr=0.05)",
    x=normal(3, 8, 6),
    target=rng.integers(0, 3, (3, 8)),
)

for call, shapes in image_calls.TORCH.items():
    layer(call, **{name: normal(*shape) for name, shape in shapes.items()})

# -------------------------------------------- added later: the numbers above stay what they were

layer("F.selu(x)", kinked(5, 7))
groups = {"gamma": normal(4), "beta": normal(4)}
call = "F.group_norm(x.movedim(3, 1), 2, gamma, beta, eps=1e-3).movedim(1, 3)"
layer(call, 3 + normal(2, 3, 2, 4), **groups)
layer("F.group_norm(x, 4)", normal(3, 8))

layer("F.embedding(x, W)", rng.integers(0, 6, (3, 4)), W=normal(7, 3))
inner = {"inner/W": normal(4, 4), "inner/b": normal(4)}
layer("x + F.linear(x, inner_W.T, inner_b)", normal(5, 4), **inner)
inner = {"inner/W": normal(4, 3), "inner/b": normal(3)}
shortcut = {"shortcut/W": normal(4, 2), "shortcut/b": normal(2)}
call = "torch.cat([F.linear(x, shortcut_W.T, shortcut_b), F.linear(x, inner_W.T, inner_b)], dim=-1)"
layer(call, normal(5, 4), **inner, **shortcut)

weights = "torch.tensor([0.2, 1.0, 3.0, 0.5], dtype=torch.float64)"
steps, pixels = rng.integers(0, 4, (3, 5)), rng.integers(-1, 4, (2, 3, 4))
loss("F.cross_entropy(x.movedim(-1, 1), steps)", x=wide(3, 5, 4), steps=steps)
call = "F.cross_entropy(x.movedim(-1, 1), steps, reduction='sum') / len(x)"
loss(call, x=wide(3, 5, 4), steps=steps)
soft = rng.dirichlet(np.ones(4), (3, 5))
loss("F.cross_entropy(x.movedim(-1, 1), soft.movedim(-1, 1))", x=wide(3, 5, 4), soft=soft)
loss(
    "F.cross_entropy(x.movedim(-1, 1), pixels, ignore_index=-1)", x=wide(2, 3, 4, 4), pixels=pixels
)
loss(f"F.cross_entropy(x, index, weight={weights})", x=wide(5, 4), index=rng.integers(0, 4, 5))
call = f"F.cross_entropy(x.movedim(-1, 1), pixels, weight={weights}, ignore_index=-1)"
loss(call, x=wide(2, 3, 4, 4), pixels=pixels)
call = f"({weights} * (y - t).square().mean(dim=(1, 2))).sum() / {weights}.sum()"
loss(call, y=normal(4, 3, 2), t=normal(4, 3, 2))

torch.manual_seed(rng.integers(1000))
two_groups = (  # the weight decay of PyTorch is w, ours 2 l2 w; biases have none
    "[{'params': [p for p in net.parameters() if p.ndim > 1], 'weight_decay': 0.2}, "
    "{'params': [p for p in net.parameters() if p.ndim == 1]}]"
)
model(
    "nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))",
    loss="F.cross_entropy(y, t)",
    rule=f"torch.optim.Adam({two_groups}, lr=0.05)",
    x=normal(3, 8, 6),
    target=rng.integers(0, 3, (3, 8)),
)

layer("F.log_softmax(x, dim=-1)", wide(4, 3, 5))
layer("F.log_softmax(x, dim=1)", wide(4, 3, 5))
y, index = np.log(rng.dirichlet(np.ones(4), 5)), rng.integers(0, 4, 5)
loss("F.nll_loss(y, index)", y=y, index=index)
loss(f"F.nll_loss(y, index, weight={weights})", y=y, index=index)
y = np.log(rng.dirichlet(np.ones(4), (2, 3, 4)))
loss("F.nll_loss(y.movedim(-1, 1).contiguous(), pixels, ignore_index=-1)", y=y, pixels=pixels)
call = "F.nll_loss(y.movedim(-1, 1).contiguous(), pixels, reduction='sum') / len(y)"
loss(call, y=y, pixels=abs(pixels))
call = f"F.nll_loss(y.movedim(-1, 1).contiguous(), pixels, weight={weights}, ignore_index=-1)"
loss(call, y=y, pixels=pixels)

save("torch", cases, MADE_WITH)
