"""Answer to lesson 27: a constant answer for each film, and a learning rate for the script.

The majority of each film is better than one answer for all films, and worse than the biases of
films and users: the model with films as cases and the biases are still better. For the script no
rate gives fewer wrong answers than the constant answer. Of those tried, 1, which is its own, is
among the best: with a smaller rate its large random first weights only stay longer.
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown


def main():
    """Wrong answers of a majority for each film, and of the script with several rates."""
    m = lesson("27", "sampled, _ = script", "--epochs", "2")
    votes = np.where(np.isfinite(m.X), m.X >= m.cfg.like, np.nan)
    known = np.isfinite(votes)
    majority = np.nansum(votes, axis=0) > known.sum(axis=0) / 2  # (items,)
    numbers = {
        "always the same": m.levels["always the same"],
        "biases": m.levels["biases"],
        "majority of each film": m.share_wrong(m.liked, majority[m.item]),
    }
    for rate in (10.0, 1.0, 0.1, 0.01, 0.001):
        numbers[f"the likelier bit, rate {rate:g}"] = likelier_bit(m, rate)
    return shown(numbers)


def likelier_bit(m, rate):
    """Share of wrong answers of the lesson's script, with a learning rate in its updates."""
    rng, sample, s = m.RNG(m.cfg.seed), m.Bernoulli().sample, m.sigmoid
    n_items = m.data.shape[1]
    W = rng.normal(m.zeros((100, n_items)))
    a, b = rng.normal(m.zeros(100)), rng.normal(m.zeros(n_items))
    rated = np.isfinite(m.X)
    v = np.where(rated, (m.X >= m.cfg.like) + 0.0, 0).astype(W.dtype)
    for _ in range(m.cfg.script_epochs):
        for first in range(0, len(v) - 99, 100):
            v0, is_rated = v[first : first + 100], rated[first : first + 100]
            vk, p0 = v0, s(v0 @ W.T + a)
            for _ in range(10):
                h = sample(s(vk @ W.T + a), rng)
                vk = np.where(is_rated, sample(s(h @ W + b), rng), v0)
            pk = s(vk @ W.T + a)
            W += rate * (v0.T @ p0 - vk.T @ pk).T
            b += rate * (v0 - vk).sum(axis=0)
            a += rate * (p0 - pk).sum(axis=0)
    p = s(sample(s(v @ W.T + a), rng) @ W + b)
    return m.share_wrong(m.liked, p[m.user, m.item] > 0.5)
