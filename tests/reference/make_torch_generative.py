"""Make torch_generative.npz: three steps of a VAE and of a GAN, in float64, noise given.

Both also conditional on a class: the one-hot label c beside x and z.

pip install torch numpy
python tests/reference/make_torch_generative.py
"""

import numpy as np
import torch
import torch.nn.functional as F
from archive import normal, rng, save
from torch.distributions import Normal, kl_divergence

MADE_WITH = f"PyTorch {torch.__version__}, float64. Weights (in, out), as ours."


def dense(*sizes):
    """[W, b, W, b, ...] for a chain of layers of these sizes."""
    shapes = [s for d, m in zip(sizes, sizes[1:], strict=False) for s in ((d, m), (m,))]
    return [torch.tensor(0.5 * normal(*shape), requires_grad=True) for shape in shapes]


def mlp(x, weights, activation):
    w1, b1, w2, b2 = weights
    return activation(x @ w1 + b1) @ w2 + b2


def flat(weights):
    return torch.cat([w.detach().reshape(-1) for w in weights]).numpy().copy()


def vae_steps():
    encoder, decoder = dense(6, 7, 4), dense(2, 7, 6)
    weights = encoder + decoder
    rule = torch.optim.RMSprop(weights, lr=0.01, alpha=0.9, eps=1e-7)
    x, noise = rng.random((3, 5, 6)), normal(3, 5, 2)
    start, losses, kls = flat(weights), [], []
    for t, e in zip(torch.tensor(x), torch.tensor(noise), strict=True):
        m, v = mlp(t, encoder, torch.tanh).chunk(2, dim=1)
        a = mlp(m + torch.exp(v / 2) * e, decoder, torch.tanh)
        vae_update(rule, t, m, v, a, losses, kls)
    given = {"x": x, "noise": noise, "start": start}
    return given | {"losses": losses, "kls": kls, "end": flat(weights)}


def vae_update(rule, t, m, v, a, losses, kls):
    """One update by the bound of targets t with beta = 0.7; both terms are added to the lists."""
    loss = F.binary_cross_entropy_with_logits(a, t, reduction="sum") / len(t)
    kl = 0.7 * kl_divergence(Normal(m, torch.exp(v / 2)), Normal(0.0, 1.0)).sum() / len(t)
    rule.zero_grad()
    (loss + kl).backward()
    rule.step()
    losses.append(loss.item())
    kls.append(kl.item())


def gan_update(rules, judged, generated, real, z, other):
    """An update of D with real samples and codes z, then one of G; the losses before each."""
    bce, (rule_d, rule_g) = F.binary_cross_entropy_with_logits, rules
    yes, no = judged(real), judged(generated(z).detach())
    loss_d = bce(yes, torch.full_like(yes, 0.9)) + bce(no, torch.zeros_like(no))
    rule_d.zero_grad()
    loss_d.backward()
    rule_d.step()
    a = judged(generated(other))
    loss_g = bce(a, torch.ones_like(a))
    rule_g.zero_grad()
    loss_g.backward()
    rule_g.step()
    return [loss_d.item(), loss_g.item()]


def gan_steps():
    g, d = dense(3, 5, 6), dense(6, 5, 1)
    rule_d = torch.optim.Adam(d, lr=0.01, betas=(0.5, 0.999))
    rule_g = torch.optim.Adam(g, lr=0.02, betas=(0.5, 0.999))
    x, z_d, z_g = rng.random((3, 5, 6)), normal(3, 5, 3), normal(3, 5, 3)
    start, losses = flat(g + d), []
    for real, z, other in zip(*map(torch.tensor, (x, z_d, z_g)), strict=True):

        def judged(samples):
            return mlp(samples, d, leaky)

        def generated(codes):
            return mlp(codes, g, torch.tanh)

        losses.append(gan_update((rule_d, rule_g), judged, generated, real, z, other))
    given = {"x": x, "z_d": z_d, "z_g": z_g, "start": start}
    return given | {"losses": losses, "end": flat(g + d)}


def labels(n=3):
    """A class of three for each of five samples, in three steps, and as one-hot rows."""
    y = rng.integers(3, size=(n, 5))
    return y, torch.tensor(np.eye(3)[y])


def conditional_vae_steps():
    encoder, decoder = dense(6 + 3, 7, 4), dense(2 + 3, 7, 6)
    weights = encoder + decoder
    rule = torch.optim.RMSprop(weights, lr=0.01, alpha=0.9, eps=1e-7)
    x, noise, (y, c) = rng.random((3, 5, 6)), normal(3, 5, 2), labels()
    start, losses, kls = flat(weights), [], []
    for t, e, c_ in zip(torch.tensor(x), torch.tensor(noise), c, strict=True):
        m, v = mlp(torch.cat([t, c_], 1), encoder, torch.tanh).chunk(2, dim=1)
        a = mlp(torch.cat([m + torch.exp(v / 2) * e, c_], 1), decoder, torch.tanh)
        vae_update(rule, t, m, v, a, losses, kls)
    given = {"x": x, "noise": noise, "labels": y, "start": start}
    return given | {"losses": losses, "kls": kls, "end": flat(weights)}


def conditional_gan_steps():
    g, d = dense(3 + 3, 5, 6), dense(6 + 3, 5, 1)
    rule_d = torch.optim.Adam(d, lr=0.01, betas=(0.5, 0.999))
    rule_g = torch.optim.Adam(g, lr=0.02, betas=(0.5, 0.999))
    x, z_d, z_g, (y, c) = rng.random((3, 5, 6)), normal(3, 5, 3), normal(3, 5, 3), labels()
    start, losses = flat(g + d), []
    for real, z, other, c_ in zip(*map(torch.tensor, (x, z_d, z_g)), c, strict=True):

        def judged(samples, c_=c_):
            return mlp(torch.cat([samples, c_], 1), d, leaky)

        def generated(codes, c_=c_):
            return mlp(torch.cat([codes, c_], 1), g, torch.tanh)

        losses.append(gan_update((rule_d, rule_g), judged, generated, real, z, other))
    given = {"x": x, "z_d": z_d, "z_g": z_g, "labels": y, "start": start}
    return given | {"losses": losses, "end": flat(g + d)}


def leaky(x):
    return F.leaky_relu(x, 0.3)


cases = {"vae": vae_steps(), "gan": gan_steps()}
cases |= {"conditional vae": conditional_vae_steps(), "conditional gan": conditional_gan_steps()}
save("torch_generative", cases, MADE_WITH)
