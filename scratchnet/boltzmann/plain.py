"""Plain reference implementations: each function is one formula of an RBM or DBM of 0-1 units.

The other modules compute the same values for every kind of unit and every depth. The tests compare
the two, with equal random numbers.

    plain function                      general form            file
    free_energy                         EnergyModel             machine/energy_model.py
    sample_h_given_v, sample_v_given_h  half_sweep              machine/gibbs.py
    gibbs_sweep                         gibbs                   machine/gibbs.py
    cd_gradient                         CD                      learning/trainers.py
    mean_field_sweep                    sweep                   machine/mean_field.py
    log_partition, model_statistics     the same names          likelihood/exact.py

The RBM has N rows (or chains) of visible units v (N, D) and hidden units h (N, H), weights
W (D, H), visible biases a (D,), hidden biases b (H,), and s(x) = 1 / (1 + exp(-x)):

    E(v, h) = -a v - b h - v W h        p(v, h) = exp(-E(v, h)) / Z

No two hidden units are connected, so they are independent given v, and all are sampled at once;
the same holds for the visible units given h. This is block Gibbs sampling. ``rng`` is an `RNG`:
``rng.uniform(p)`` is an array like p of uniform random numbers from 0 to 1.
"""

import itertools

from scratchnet.backend import xp_of
from scratchnet.numerics import logsumexp, sigmoid, softmax, softplus


def free_energy(v, W, a, b):
    """Free energy of an RBM, (N,): the energy of v with all states of h summed out.

    F(v) = -log sum over h of exp(-E(v, h)) = -a v - sum over j of log(1 + exp((v W + b)_j))

    >>> import numpy as np
    >>> free_energy(np.ones((1, 2)), W=np.zeros((2, 3)), a=np.ones(2), b=np.zeros(3)).round(4)
    array([-4.0794])
    """
    return -v @ a - softplus(v @ W + b).sum(axis=1)


def sample_h_given_v(v, W, b, rng):
    """Sample h (N, H) from p(h | v), and the probabilities p(h = 1 | v) = s(v W + b), (N, H).

    >>> import numpy as np
    >>> from scratchnet.backend import RNG
    >>> v, W = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[100.0], [-100.0]])
    >>> h, p = sample_h_given_v(v, W, b=np.zeros(1), rng=RNG(0))
    >>> h
    array([[1.],
           [0.]])
    """
    p = sigmoid(v @ W + b)  # (N, D) (D, H) + (H,) -> (N, H)
    h = rng.uniform(p) < p  # True with probability p
    return h.astype(p.dtype), p


def sample_v_given_h(h, W, a, rng):
    """Sample v (N, D) from p(v | h), and the probabilities p(v = 1 | h) = s(h W^T + a), (N, D).

    >>> import numpy as np
    >>> from scratchnet.backend import RNG
    >>> v, p = sample_v_given_h(np.ones((1, 1)), np.array([[100.0], [0.0]]), np.zeros(2), RNG(0))
    >>> p
    array([[1. , 0.5]])
    """
    p = sigmoid(h @ W.T + a)  # (N, H) (H, D) + (D,) -> (N, D)
    v = rng.uniform(p) < p
    return v.astype(p.dtype), p


def gibbs_sweep(h, W, a, b, rng):
    """One step of block Gibbs sampling, h -> v -> h: (v, h, p(h = 1 | v)).

    >>> import numpy as np
    >>> from scratchnet.backend import RNG
    >>> v, h, p = gibbs_sweep(np.ones((4, 3)), np.zeros((2, 3)), np.zeros(2), np.zeros(3), RNG(0))
    >>> v.shape, h.shape, p[0]
    ((4, 2), (4, 3), array([0.5, 0.5, 0.5]))
    """
    v, _ = sample_v_given_h(h, W, a, rng)
    h, p = sample_h_given_v(v, W, b, rng)
    return v, h, p


def cd_gradient(v0, W, a, b, k, rng):
    """Gradient estimate of the mean log-likelihood by CD-k, for the rows v0 (N, D): dW, da, db.

    dW = <v0^T p0 - vk^T pk>      da = <v0 - vk>      db = <p0 - pk>          Hinton (2002)

    < > is the mean over the rows; vk and pk = p(h = 1 | vk) are the end of k Gibbs sweeps from v0.
    The chain moves through samples of h; the products take its probabilities, which have the same
    mean and less noise.

    >>> import numpy as np
    >>> from scratchnet.backend import RNG
    >>> v0, W, a, b = np.ones((6, 2)), np.zeros((2, 1)), np.zeros(2), np.zeros(1)
    >>> dW, da, db = cd_gradient(v0, W, a, b, k=1, rng=RNG(0))
    >>> bool((da > 0).all()), db  # v is 1 in the data and half the time in the model
    (True, array([0.]))
    """
    h, p0 = sample_h_given_v(v0, W, b, rng)
    for _ in range(k):
        v, h, p = gibbs_sweep(h, W, a, b, rng)
    dW = (v0.T @ p0 - v.T @ p) / len(v)  # (D, N) (N, H) -> (D, H)
    return dW, (v0 - v).mean(axis=0), (p0 - p).mean(axis=0)


def mean_field_sweep(v, mu2, W1, W2, b1, b2):
    """One mean-field sweep of a DBM with two hidden layers: mu1 (N, n_1) and mu2 (N, n_2).

    mu1 = s(v W1 + mu2 W2^T + b1)        mu2 = s(mu1 W2 + b2)

    >>> import numpy as np
    >>> one = np.ones((1, 1))
    >>> mean_field_sweep(one, one, W1=2 * one, W2=-2 * one, b1=np.zeros(1), b2=np.ones(1))
    (array([[0.5]]), array([[0.5]]))
    """
    mu1 = sigmoid(v @ W1 + mu2 @ W2.T + b1)  # from the layer below and the layer above
    mu2 = sigmoid(mu1 @ W2 + b2)
    return mu1, mu2


def log_partition(W, a, b):
    """Log Z of an RBM by enumeration of the 2^H states of h, summed over v in closed form.

    Z = sum over h of exp(b h) product over i of (1 + exp((h W^T + a)_i))

    >>> import numpy as np
    >>> float(np.exp(log_partition(np.zeros((2, 3)), np.zeros(2), np.zeros(3))).round(6))  # 2^5
    32.0
    """
    _, log_w = _hidden_states(W, a, b)
    return logsumexp(log_w)[0]


def model_statistics(W, a, b):
    """Expectations E[v^T h] (D, H), E[v] (D,) and E[h] (H,) under an RBM, by enumeration.

    They are the negative phase of the exact gradient: dW = v^T p(h | v) - E[v^T h], and so on.

    >>> import numpy as np
    >>> vh, v, h = model_statistics(np.zeros((1, 1)), np.zeros(1), np.zeros(1))
    >>> vh, v, h
    (array([[0.25]]), array([0.5]), array([0.5]))
    """
    h, log_w = _hidden_states(W, a, b)
    p = softmax(log_w)  # p(h), (2^H,)
    v = sigmoid(h @ W.T + a)  # E[v | h], (2^H, D)
    return (p[:, None] * v).T @ h, p @ v, p @ h


def _hidden_states(W, a, b):
    """All states of h, (2^H, H), and log of the sum over v of exp(-E(v, h)), (2^H,)."""
    states = list(itertools.product((0.0, 1.0), repeat=len(b)))
    h = xp_of(b).asarray(states, dtype=b.dtype)
    return h, h @ b + softplus(h @ W.T + a).sum(axis=1)
