"""Solutions of the exercises, and mistakes in them, for the tests of the grading.

A solution is the list of the bodies that replace `raise NotImplementedError` in the written file,
one after the other. A mistake (name, old, new, words) replaces a part of a solution; `words` occur
in the sentence that the grading gives.
"""

import textwrap
import types

from scratchnet.exercises.catalogue import find
from scratchnet.exercises.grading import grade_module

_SIGMOID = "1 / (1 + np.exp(-({})))"
_WINDOWS = "kh, kw = {}\nsh, sw = self.strides\n_, oh, ow, _ = {}.shape\n"
_LOOP = """for i in range(oh):
    for j in range(ow):
        rows, columns = slice(i * sh, i * sh + kh), slice(j * sw, j * sw + kw)
        """

BODIES = {
    "ReLU": ["return np.maximum(x, 0), x", "return dy * (cache > 0), {}"],
    "Sigmoid": [
        "y = 0.5 * (1 + np.tanh(0.5 * x))\nreturn y, y",
        "return dy * cache * (1 - cache), {}",
    ],
    "Tanh": ["y = np.tanh(x)\nreturn y, y", "return dy * (1 - cache**2), {}"],
    "Dense": [
        "y = x @ self.W\nif self.use_bias:\n    y += self.b\nreturn y, x",
        """x = cache
grads = {"W": x.T @ dy}
if self.use_bias:
    grads["b"] = dy.sum(axis=0)
return dy @ self.W.T, grads""",
    ],
    "Softmax": [
        """e = np.exp(x - x.max(axis=self.axis, keepdims=True))
y = e / e.sum(axis=self.axis, keepdims=True)
return y, y""",
        "y = cache\nreturn y * (dy - (dy * y).sum(axis=self.axis, keepdims=True)), {}",
    ],
    "MeanSquaredError": [
        """d = prediction - target
n = d.size if self.reduction == "mean" else len(d)
return (d**2).sum() / n, (d, n)""",
        "d, n = cache\nreturn 2 * d / n",
    ],
    "BinaryCrossEntropy": [
        """x, t = prediction, target
n = x.size if self.reduction == "mean" else len(x)
if self.from_logits:
    return (np.logaddexp(0, x) - t * x).sum() / n, (x, t, n)
return -(t * np.log(x) + (1 - t) * np.log(1 - x)).sum() / n, (x, t, n)""",
        """x, t, n = cache
if self.from_logits:
    return (1 / (1 + np.exp(-x)) - t) / n
return (x - t) / (x * (1 - x)) / n""",
    ],
    "SoftmaxCrossEntropy": [
        """x = prediction - prediction.max(axis=1, keepdims=True)
log_p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
t = np.eye(x.shape[1])[target] if target.ndim == 1 else target
return -(t * log_p).sum() / len(x), (log_p, t)""",
        "log_p, t = cache\nreturn (np.exp(log_p) - t) / len(t)",
    ],
    "KLToStandardNormal": [
        """m, v = mean, log_variance
return -0.5 * (1 + v - m**2 - np.exp(v)).sum() / len(m), (m, v)""",
        "m, v = cache\nreturn m / len(m), (np.exp(v) - 1) / (2 * len(m))",
    ],
    "SGD": [
        """v *= self.momentum
v += g
w -= rate * (g + self.momentum * v if self.nesterov else v)"""
    ],
    "RMSprop": ["v += (1 - self.rho) * (g**2 - v)\nw -= rate * g / (np.sqrt(v) + self.epsilon)"],
    "Adam": [
        """m += (1 - self.beta_1) * (g - m)
v += (1 - self.beta_2) * (g**2 - v)
m_hat = m / (1 - self.beta_1**self.t)
v_hat = v / (1 - self.beta_2**self.t)
w -= rate * m_hat / (np.sqrt(v_hat) + self.epsilon)"""
    ],
    "ActivityRegularization": [
        "return x, x",
        "x = cache\nreturn (self.l1 * abs(x).sum() + self.l2 * (x**2).sum()) / len(x)",
        "x = cache\nreturn dy + (self.l1 * np.sign(x) + 2 * self.l2 * x) / len(x), {}",
    ],
    "Dropout": [
        """if not train:
    return x, 1.0
m = (self.rng.uniform(like=x) >= self.rate) / (1 - self.rate)
return x * m, m""",
        "return dy * cache, {}",
    ],
    "Flatten": ["return x.reshape(len(x), -1), x.shape", "return dy.reshape(cache), {}"],
    "BatchNormalization": [
        """axes = tuple(range(x.ndim - 1))
if train:
    mean, var = x.mean(axis=axes), x.var(axis=axes)
else:
    mean, var = self.state["moving_mean"], self.state["moving_variance"]
std = np.sqrt(var + self.epsilon)
x_hat = (x - mean) / std
return self.gamma * x_hat + self.beta, (x_hat, std, mean, var, train)""",
        """x_hat, std, _, _, train = cache
axes = tuple(range(dy.ndim - 1))
grads = {"gamma": (dy * x_hat).sum(axis=axes), "beta": dy.sum(axis=axes)}
dx_hat = dy * self.gamma
if not train:
    return dx_hat / std, grads
dx = dx_hat - dx_hat.mean(axis=axes) - x_hat * (dx_hat * x_hat).mean(axis=axes)
return dx / std, grads""",
        """_, _, mean, var, _ = cache
for name, new in (("moving_mean", mean), ("moving_variance", var)):
    self.state[name] += (1 - self.momentum) * (new - self.state[name])""",
    ],
    "Conv2D": [
        "y = np.zeros((len(x), *self.output_shape), x.dtype)\n"
        + _WINDOWS.format("self.kernel_size", "y")
        + _LOOP
        + 'y[:, i, j] = np.einsum("nuvc,uvcf->nf", x[:, rows, columns], self.W)\n'
        + "return y + self.b if self.use_bias else y, x",
        "x, dx, dW = cache, np.zeros_like(cache), np.zeros_like(self.W)\n"
        + _WINDOWS.format("self.kernel_size", "dy")
        + _LOOP
        + 'dx[:, rows, columns] += np.einsum("nf,uvcf->nuvc", dy[:, i, j], self.W)\n        '
        + 'dW += np.einsum("nuvc,nf->uvcf", x[:, rows, columns], dy[:, i, j])\n'
        + 'return dx, {"W": dW} | ({"b": dy.sum(axis=(0, 1, 2))} if self.use_bias else {})',
    ],
    "Conv2DTranspose": [
        "y = np.zeros((len(x), *self.output_shape), x.dtype)\n"
        + _WINDOWS.format("self.kernel_size", "x")
        + _LOOP
        + 'y[:, rows, columns] += np.einsum("nc,uvfc->nuvf", x[:, i, j], self.W)\n'
        + "return y + self.b if self.use_bias else y, x",
        "x, dx, dW = cache, np.zeros_like(cache), np.zeros_like(self.W)\n"
        + _WINDOWS.format("self.kernel_size", "x")
        + _LOOP
        + 'dx[:, i, j] = np.einsum("nuvf,uvfc->nc", dy[:, rows, columns], self.W)\n        '
        + 'dW += np.einsum("nuvf,nc->uvfc", dy[:, rows, columns], x[:, i, j])\n'
        + 'return dx, {"W": dW} | ({"b": dy.sum(axis=(0, 1, 2))} if self.use_bias else {})',
    ],
    "MaxPooling2D": [
        "y = np.zeros((len(x), *self.output_shape), x.dtype)\n"
        + _WINDOWS.format("self.pool_size", "y")
        + _LOOP
        + "y[:, i, j] = x[:, rows, columns].max(axis=(1, 2))\n"
        + "return y, (x, y)",
        "(x, y), dx = cache, np.zeros_like(cache[0])\n"
        + _WINDOWS.format("self.pool_size", "dy")
        + _LOOP
        + "mask = x[:, rows, columns] == y[:, i : i + 1, j : j + 1]\n        "
        + "dx[:, rows, columns] += mask * dy[:, i : i + 1, j : j + 1]\n"
        + "return dx, {}",
    ],
    "UpSampling2D": [
        "return x.repeat(self.size[0], axis=1).repeat(self.size[1], axis=2), None",
        """n, h, w, c = dy.shape
(sh, sw) = self.size
return dy.reshape(n, h // sh, sh, w // sw, sw, c).sum(axis=(2, 4)), {}""",
    ],
    "Sampling": [
        """mu, log_var = np.split(x, 2, axis=-1)
if not train:
    return mu, (mu, log_var, np.zeros_like(mu))
noise = np.exp(log_var / 2) * self.rng.normal(like=mu)
return mu + noise, (mu, log_var, noise)""",
        """mu, log_var, _ = cache
kl = -0.5 * (1 + log_var - mu**2 - np.exp(log_var)).sum()
return self.beta * kl / len(mu)""",
        """mu, log_var, noise = cache
dmu = dz + self.beta * mu / len(mu)
dlog_var = 0.5 * dz * noise + self.beta * 0.5 * (np.exp(log_var) - 1) / len(mu)
return np.concatenate([dmu, dlog_var], axis=-1), {}""",
    ],
    "rnn_step": [
        "return np.tanh(x @ W + b + h @ U)",
        """h_new = np.tanh(x @ W + b + h @ U)
da = dh_new * (1 - h_new**2)
return da @ W.T, da @ U.T, x.T @ da, h.T @ da, da.sum(axis=0)""",
    ],
    "lstm_step": [
        f"""a_i, a_f, a_g, a_o = np.split(x @ W + b + h @ U, 4, axis=1)
i, f, o = ({_SIGMOID.format("a")} for a in (a_i, a_f, a_o))
c_new = f * c + i * np.tanh(a_g)
return o * np.tanh(c_new), c_new""",
        f"""a_i, a_f, a_g, a_o = np.split(x @ W + b + h @ U, 4, axis=1)
i, f, o = ({_SIGMOID.format("a")} for a in (a_i, a_f, a_o))
g = np.tanh(a_g)
t = np.tanh(f * c + i * g)
dc_new = dc_new + dh_new * o * (1 - t**2)
di, df, dg, do = dc_new * g, dc_new * c, dc_new * i, dh_new * t
da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
da = np.concatenate(da, axis=1)
return da @ W.T, da @ U.T, dc_new * f, x.T @ da, h.T @ da, da.sum(axis=0)""",
    ],
    "gru_step": [
        f"""a_z, a_r, a_g = np.split(x @ W + b[0], 3, axis=1)
u_z, u_r, u_g = np.split(h @ U + b[1], 3, axis=1)
z, r = ({_SIGMOID.format("a")} for a in (a_z + u_z, a_r + u_r))
g = np.tanh(a_g + r * u_g)
return z * h + (1 - z) * g""",
        f"""a_z, a_r, a_g = np.split(x @ W + b[0], 3, axis=1)
u_z, u_r, u_g = np.split(h @ U + b[1], 3, axis=1)
z, r = ({_SIGMOID.format("a")} for a in (a_z + u_z, a_r + u_r))
g = np.tanh(a_g + r * u_g)
da_g = dh_new * (1 - z) * (1 - g**2)
da_z, da_r = dh_new * (h - g) * z * (1 - z), da_g * u_g * r * (1 - r)
da = np.concatenate([da_z, da_r, da_g], axis=1)
du = np.concatenate([da_z, da_r, da_g * r], axis=1)
db = np.stack([da.sum(axis=0), du.sum(axis=0)])
return da @ W.T, du @ U.T + dh_new * z, x.T @ da, h.T @ du, db""",
    ],
    "free_energy": ["return -v @ a - np.logaddexp(0, v @ W + b).sum(axis=1)"],
    "log_partition": [
        """h = np.array(list(itertools.product((0.0, 1.0), repeat=len(b))))
logs = h @ b + np.logaddexp(0, h @ W.T + a).sum(axis=1)
return np.logaddexp.reduce(logs)"""
    ],
    "gibbs_half_sweep": [
        f"p = {_SIGMOID.format('v @ W + b')}\nreturn (u < p).astype(float), p",
    ],
    "contrastive_divergence": [
        f"""p0 = {_SIGMOID.format("v0 @ W + b")}
h0 = (u_h < p0).astype(float)
v1 = (u_v < {_SIGMOID.format("h0 @ W.T + a")}).astype(float)
p1 = {_SIGMOID.format("v1 @ W + b")}
dW = (v0.T @ p0 - v1.T @ p1) / len(v0)
return dW, (v0 - v1).mean(axis=0), (p0 - p1).mean(axis=0)"""
    ],
    "mean_field": [
        f"""mu1 = {_SIGMOID.format("v @ W1 + mu2 @ W2.T + b1")}
return mu1, {_SIGMOID.format("mu1 @ W2 + b2")}""",
        """mu2 = np.full((len(v), len(b2)), 0.5)
for _ in range(sweeps):
    mu1, mu2 = mean_field_sweep(v, mu2, W1, W2, b1, b2)
return mu1, mu2""",
    ],
}


def solution(name):
    """The written file of an exercise with its bodies filled in."""
    parts = find(name).template.read_text(encoding="ascii").split("raise NotImplementedError\n")
    bodies = BODIES[name]
    assert len(parts) == len(bodies) + 1, f"{name}: {len(parts) - 1} bodies to fill in"
    text = parts[0]
    for body, part in zip(bodies, parts[1:], strict=True):
        indent = text[text.rindex("\n") + 1 :]
        text += textwrap.indent(body, indent)[len(indent) :] + "\n" + part
    return text


# name, part of the solution, the mistake in its place, words of the sentence that names it
MISTAKES = [
    ("ReLU", "dy * (cache > 0)", "dy", "the mask"),
    ("ReLU", "np.maximum(x, 0), x", "x, x", "x is returned as it is"),
    ("ReLU", "cache > 0", "cache >= 0", "the derivative at x = 0 is 1: take 0"),
    ("Sigmoid", "dy * cache * (1 - cache)", "dy * (1 - cache)", "y"),
    ("Sigmoid", "np.tanh(0.5 * x)", "np.tanh(x)", "sigmoid of 2 x"),
    ("Tanh", "1 - cache**2", "cache**2 - 1", "sign is wrong"),
    ("Dense", "x.T @ dy", "x.T @ dy / len(x)", "batch size"),
    ("Dense", "dy.sum(axis=0)", "dy", "(4, 3); expected (3,): sum dy over axis 0"),
    ("Dense", "x.T @ dy", "dy.T @ x", "transpose"),
    ("Dense", "if self.use_bias:\n    grads", "if True:\n    grads", "no such parameter"),
    ("Dense", "y += self.b", "y -= self.b", "b enters with the wrong sign"),
    ("Softmax", "dy - (dy * y).sum(axis=self.axis, keepdims=True)", "dy", "is"),
    ("Softmax", "x - x.max(axis=self.axis, keepdims=True)", "-x", "take exp(x)"),
    ("MeanSquaredError", "2 * d / n", "d / n", "1/2 times"),
    ("MeanSquaredError", '"mean" else len(d)', '"mean" else d.size', "0.3333 times"),
    ("BinaryCrossEntropy", "return -(t * np.log(x)", "return (t * np.log(x)", "is"),
    ("BinaryCrossEntropy", "1 / (1 + np.exp(-x)) - t", "x - t", "is"),
    ("SoftmaxCrossEntropy", "- t) / len(t)", "- t)", "4 times the right value"),
    ("SoftmaxCrossEntropy", ".sum() / len(x), (log_p", ".mean(), (log_p", "sum over the classes"),
    ("KLToStandardNormal", "(2 * len(m))", "len(m)", "2 times"),
    ("SGD", "v += g", "v += (1 - self.momentum) * g", "add the whole g"),
    ("SGD", "v *= self.momentum", "v *= 0", "no effect"),
    ("SGD", "w -= rate", "w += rate", "the sign is wrong"),
    ("SGD", "w -= rate * (", "w = w - rate * (", "in place"),
    ("RMSprop", "np.sqrt(v) + self.epsilon", "np.sqrt(v + self.epsilon)", "inside the root"),
    ("Adam", "m / (1 - self.beta_1**self.t)", "m", "m is not corrected"),
    ("Adam", "self.t)", "(self.t + 1))", "one too large"),
    ("ActivityRegularization", "return dy + (", "return dy + 0 * (", "penalty"),
    ("ActivityRegularization", "abs(x).sum()", "x.sum()", "absolute value"),
    ("Dropout", " / (1 - self.rate)", "", "1 / (1 - rate) is missing"),
    ("Dropout", "return dy * cache", "return dy", "returns dy as it is"),
    ("Flatten", "x.reshape(len(x), -1), x.shape", "x.reshape(len(x), -1)[:, ::-1], x.shape", "rev"),
    ("BatchNormalization", "dx_hat - dx_hat.mean(axis=axes)", "dx_hat", "dx"),
    ("BatchNormalization", "x.var(axis=axes)", "x.var(axis=axes, ddof=len(x) > 1)", "y"),
    ("BatchNormalization", "(1 - self.momentum) * (new", "self.momentum * (new", "exchanged"),
    ("Conv2D", "dx[:, rows, columns] +=", "dx[:, rows, columns] =", "dx"),
    ("Conv2D", "dW +=", "dW =", "dW[0, 0, 0, 0] is"),
    ("Conv2D", "self.W)\nreturn", "self.W[::-1, ::-1])\nreturn", "turned by 180 degrees"),
    ("Conv2DTranspose", "y[:, rows, columns] +=", "y[:, rows, columns] =", "add with +="),
    ("Conv2DTranspose", "dy.sum(axis=(0, 1, 2))", "dy.mean(axis=(0, 1, 2))", "db"),
    ("MaxPooling2D", "] += mask", "] = mask", "dx"),
    ("UpSampling2D", "sum(axis=(2, 4))", "mean(axis=(2, 4))", "times the right value"),
    ("Sampling", "0.5 * dz * noise", "dz * noise", "dx"),
    ("Sampling", "-0.5 * (1 + log_var", "-(1 + log_var", "P is 2 times"),
    ("rnn_step", "1 - h_new**2", "1", "is"),
    ("rnn_step", "x @ W + b + h @ U", "x @ W + b", "lacks the input h U"),
    ("lstm_step", "dc_new = dc_new + ", "dc_new = ", "is"),
    ("lstm_step", "a_i, a_f, a_g, a_o = np.split", "a_i, a_f, a_o, a_g = np.split", "i, f, g, o"),
    ("gru_step", "du @ U.T + dh_new * z", "du @ U.T", "dh"),
    ("gru_step", "z * h + (1 - z) * g", "(1 - z) * h + z * g", "exchanged"),
    ("free_energy", "-v @ a - ", "-", "lacks the term"),
    ("free_energy", "-v @ a - ", "v @ a + ", "-1 times"),
    ("log_partition", "return np.logaddexp", "return np.exp(1) + np.logaddexp", "is"),
    ("log_partition", "h @ b + ", "", "is"),
    ("gibbs_half_sweep", "u < p", "u > p", "u < p"),
    ("gibbs_half_sweep", "(u < p).astype(float)", "p", "draw a sample"),
    ("contrastive_divergence", "(u_h < p0).astype(float)", "p0", "sample h0 first"),
    ("contrastive_divergence", " / len(v0)", "", "mean over the batch is missing"),
    ("mean_field", "mu2 @ W2.T + ", "", "no input from mu2"),
    ("mean_field", "0.5)", "0.0)", "start at 1/2"),
]


def with_mistake(name, old, new):
    """The solution of an exercise with a mistake in place of one of its parts."""
    text = solution(name)
    indented = [old, *(textwrap.indent(old, " " * n).strip() for n in (4, 8))]
    found = [part for part in indented if part in text]
    assert found, f"{name}: the solution does not contain {old!r}"
    if found[0] != old:
        n = indented.index(found[0]) * 4
        new = textwrap.indent(new, " " * n).strip()
    return text.replace(found[0], new)


def sentence_about(name, *changes):
    """The sentence of the grading about a solution with the changes (old, new)."""
    text = solution(name)
    for old, new in changes:
        assert old in text, f"{name}: the solution does not contain {old!r}"
        text = text.replace(old, new)
    module = types.ModuleType("answer")
    exec(compile(text, "answer", "exec"), vars(module))
    result = grade_module(find(name), module)
    return "" if result.ok else str(result).splitlines()[-1]
