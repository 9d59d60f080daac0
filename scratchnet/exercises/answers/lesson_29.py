"""Answer to lesson 29: the faults of the worked example, repaired one at a time.

Two repairs change the cosine most, and about equally: the second input of q1, from v1, and a
visible bias that is learned. Both concern the negative phase. The input from h2 in the positive
phase, and a new sample of h2, change little alone. With these three repaired p1 may stay as it
is: the cosine is 0.98 without mean field and nearly 1 with it. The second input of q1 alone is
not enough, because b0 is still missing.
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown


def step(m, model, v0, rng, top_down=False, second_input=False, visible_bias=False, top=False):
    """The mean direction of the worked example, with the chosen repairs."""
    (W1, W2), (b0, b1, b2), n = model.weights, model.biases, len(v0)
    p1 = m.sigmoid(v0 @ W1 + b1)
    if top_down:  # the positive phase by mean field, with the input from h2
        _, p1, p2 = (np.broadcast_to(a, (n, a.shape[1])) for a in m.mean_field(model, v0[:1], 10))
        h1, h2 = p1, p2
    else:
        _, h1 = m.draw(p1, rng)
        p2 = m.sigmoid(h1 @ W2 + b2)
        _, h2 = m.draw(p2, rng)
    if second_input:  # q1 receives input from v1 and from h2
        _, v1 = m.draw(m.sigmoid(h1 @ W1.T + b0), rng)
        _, g1 = m.draw(m.sigmoid(v1 @ W1 + h2 @ W2.T + b1), rng)
    else:
        _, g1 = m.draw(m.sigmoid(h2 @ W2.T), rng)
        _, v1 = m.draw(m.sigmoid(g1 @ W1.T), rng)
    _, g2 = m.draw(m.sigmoid(g1 @ W2 + b2), rng)
    g2 = g2 if top else h2  # h2 is sampled again in the negative phase
    return {
        "W1": (v0.T @ h1 - v1.T @ g1) / n,
        "W2": (h1.T @ h2 - g1.T @ g2) / n,
        "b0": (v0 - v1).mean(axis=0) * visible_bias,
        "b1": (h1 - g1).mean(axis=0),
        "b2": (h2 - (g2 if top else p2)).mean(axis=0),
    }


def main():
    """Cosines with the exact gradient, for each repair alone and for all of them."""
    m = lesson("29", "fault = {}", "--draws", "10000")
    model = m.build(m.cfg.judged_scale)
    v = np.tile(np.asarray(m.seen[:1]), (m.cfg.draws, 1))
    gradient = m.exact.gradient(model, v[:1])
    exactly = np.concatenate([np.ravel(gradient[k]) for k in gradient])
    repairs = ("top_down", "second_input", "visible_bias", "top")
    choices = {"none": {}} | {name: {name: True} for name in repairs}
    choices["all but top_down"] = dict.fromkeys(repairs[1:], True)
    choices["all four"] = dict.fromkeys(repairs, True)
    numbers = {}
    for name, chosen in choices.items():
        direction = step(m, model, v, m.RNG(m.cfg.seed), **chosen)
        found = np.concatenate([np.ravel(direction[k]) for k in gradient])
        cosine = found @ exactly / np.linalg.norm(found) / np.linalg.norm(exactly)
        numbers[f"cosine, repaired: {name}"] = cosine
    return shown(numbers)
