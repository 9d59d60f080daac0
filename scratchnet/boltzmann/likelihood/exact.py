"""Exact likelihoods, gradients and averages of small models by enumeration, in float64.

The tests compare every stochastic estimate with these values. For an RBM of 0-1 units the formulas
are `plain.log_partition` and `plain.model_statistics`, a few lines each: all 2^H states h, and

    log of the sum over v of exp(-E(v, h)) = b h + sum over i of log(1 + exp((h W^T + a)_i))

for each of them. This module does the same for every type of unit and every depth: it enumerates
the layers of one parity (the one with fewer states) and sums over the others in closed form
(`log_normalizer` in `units`), because their units are independent given the first. States come in
chunks, so memory does not grow with their number: 784 visible and 16 hidden units take a second.
"""

import functools
import math

from scratchnet.backend import float64, xp_of
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD
from scratchnet.numerics import logsumexp, softmax
from scratchnet.validation import require

__all__ = [
    "conditionals",
    "data_statistics",
    "expected_cd_gradient",
    "gradient",
    "log_likelihood",
    "log_partition",
    "log_unnormalized",
    "model_statistics",
]

CHUNK = 2**14  # states at once
LIMIT = 2**26  # states at most: minutes


def _in_float64(function):
    """Decorator: call the function with the model (and v) in double precision."""

    @functools.wraps(function)
    def exactly(model, *arguments, **options):
        model = model.map_arrays(lambda a: a.astype("float64"))
        arguments = [a.astype("float64") if hasattr(a, "astype") else a for a in arguments]
        with float64():
            return function(model, *arguments, **options)

    return exactly


# ----------------------------------------------------------------------------------- enumeration


def _count(model, chosen):
    """Number of joint states of the chosen layers."""
    return math.prod(model.units[i].count(len(model.biases[i])) for i in chosen)


def _chunks(model, chosen):
    """Yield all joint states of the chosen layers: lists of layers (chunk, n_i), None for others.

    The joint states are numbered. A number is written with one digit for each chosen layer, whose
    base is the layer's count of states: number % count is the state of the first layer, the
    quotient number // count the rest.
    """
    total = _count(model, chosen)
    require(
        total <= LIMIT,
        f"2^{math.log2(total):.0f} states are too many to enumerate: at most {LIMIT}",
    )
    for start in range(0, total, CHUNK):
        number = xp_of(model.biases[0]).arange(start, min(start + CHUNK, total))
        layers = [None] * (model.depth + 1)
        for i in chosen:
            n = len(model.biases[i])
            count = model.units[i].count(n)
            layers[i] = model.units[i].states(number % count, n)
            number = number // count
        yield layers


def _smaller_parity(model):
    """EVEN or ODD, whichever has fewer states."""
    even, odd = (_count(model, model.layers_of(parity)) for parity in (EVEN, ODD))
    return ODD if odd <= even else EVEN


def _pre_activations(model, layers, parity):
    """Pre-activations {i: z_i} of the layers of one parity, given the others."""
    return {i: model.pre_activation(i, layers) for i in model.layers_of(parity)}


def _log_marginal(model, layers, parity, z=None):
    """log p + log Z of the layers of one parity, the others summed out: (chunk,).

    The sum over the other layers of exp(-E) is the product of their normalizers, times
    exp(-bias energies of the given layers). z: pre-activations of the other layers, if known.
    """
    units, biases = model.units, model.biases
    z = _pre_activations(model, layers, 1 - parity) if z is None else z
    bias_energy = sum(units[i].bias_energy(layers[i], biases[i]) for i in model.layers_of(parity))
    return sum(units[i].log_normalizer(z[i], biases[i]) for i in z) - bias_energy


def _hidden_even_states(model, v):
    """Yield the layers [v, ...] with each joint state of the hidden even layers, odd layers None.

    A DBM with h_2, h_4, ... yields once for each of their joint states, repeated for all rows of
    v. An RBM has no hidden even layer and yields [v, None] once.
    """
    hidden = [i for i in model.layers_of(EVEN) if i > 0]
    for layers in _chunks(model, hidden):
        for s in range(len(layers[hidden[0]]) if hidden else 1):
            rows = [None if h is None else h[s : s + 1] + 0 * v[:, :1] for h in layers]  # N copies
            yield [v, *rows[1:]]


def _with_means(model, layers, parity):
    """Layers in which those of one parity are their conditional means, given the others."""
    means = {i: model.mean(i, layers) for i in model.layers_of(parity)}
    return [means.get(i, h) for i, h in enumerate(layers)]


# ------------------------------------------------------------------------ likelihood and gradient


@_in_float64
def log_partition(model, parity=None):
    """Log Z, a float.

    parity  EVEN or ODD: the layers to enumerate; None: those with fewer states

    Raises ValueError for more than 2^26 states.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((3, 2))], [np.zeros(3), np.zeros(2)])
    >>> round(np.exp(log_partition(rbm)))  # 2^5 states of energy 0
    32
    """
    parity = _smaller_parity(model) if parity is None else parity
    parts = [
        logsumexp(_log_marginal(model, layers, parity))
        for layers in _chunks(model, model.layers_of(parity))
    ]
    return float(logsumexp(xp_of(parts[0]).concatenate(parts))[0])


@_in_float64
def log_unnormalized(model, v):
    """Unnormalized log-likelihood log p(v) + log Z of each row, (N,): -F(v) of an RBM.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((1, 1))], [np.zeros(1), np.zeros(1)])
    >>> np.exp(log_unnormalized(rbm, np.ones((1, 1)))).round(6)  # two states of h, of energy 0
    array([2.])
    """
    total = None
    for layers in _hidden_even_states(model, v):
        term = _log_marginal(model, layers, EVEN)
        total = term if total is None else xp_of(v).logaddexp(total, term)
    return total


def log_likelihood(model, v):
    """Log-likelihood log p(v) of each row in nats, (N,).

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((3, 2))], [np.zeros(3), np.zeros(2)])
    >>> np.exp(log_likelihood(rbm, np.ones((1, 3))))  # all 2^3 rows are equally probable
    array([0.125])
    """
    return log_unnormalized(model, v) - log_partition(model)


@_in_float64
def data_statistics(model, v):
    """Positive phase: the mean over the rows of E[-dE / d parameter | v], {name: array}.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((1, 1))], [np.zeros(1), np.zeros(1)])
    >>> data_statistics(rbm, np.ones((1, 1)))["W1"]  # v E[h | v]
    array([[0.5]])
    """
    total, named = log_unnormalized(model, v), {}
    for layers in _hidden_even_states(model, v):
        weights = xp_of(v).exp(_log_marginal(model, layers, EVEN) - total) / len(v)
        terms = model.statistics(_with_means(model, layers, ODD), weights)
        named = {name: named.get(name, 0) + term for name, term in terms.items()}
    return named


@_in_float64
def model_statistics(model):
    """Negative phase: E[-dE / d parameter] under the model, {name: array}.

    The sums over the chunks of states are kept divided by exp(top), where top is the largest
    log-weight so far: no weight overflows. When top grows, the sums shrink accordingly.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((1, 1))], [np.zeros(1), np.zeros(1)])
    >>> model_statistics(rbm)["W1"]  # E[v h]
    array([[0.25]])
    """
    xp, parity = xp_of(model.biases[0]), _smaller_parity(model)
    top, Z, named = -math.inf, 0.0, {}
    for layers in _chunks(model, model.layers_of(parity)):
        z = _pre_activations(model, layers, 1 - parity)
        log_w = _log_marginal(model, layers, parity, z)
        old_top, top = top, max(top, float(log_w.max()))
        w, shrink = xp.exp(log_w - top), math.exp(old_top - top)
        for i in z:
            layers[i] = model.units[i].mean(z[i])
        terms = model.statistics(layers, w)
        named = {name: shrink * named.get(name, 0) + term for name, term in terms.items()}
        Z = shrink * Z + float(w.sum())
    named = {name: total / Z for name, total in named.items()}
    if "log_variance" in named:
        # Gaussian v was replaced by its mean m, but E[(v - a)^2] = (m - a)^2 + sigma^2, so half of
        # it, divided by sigma^2, lacks 1/2.
        named["log_variance"] = named["log_variance"] + 0.5
    return named


def gradient(model, v):
    """Gradient of the mean log-likelihood of the rows of v, {name: array}.

    It is `data_statistics` minus `model_statistics`.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((1, 1))], [np.zeros(1), np.zeros(1)])
    >>> gradient(rbm, np.ones((1, 1)))["b0"]  # v is 1 in the data, 1/2 on average in the model
    array([0.5])
    """
    negative = model_statistics(model)
    return {name: s - negative[name] for name, s in data_statistics(model, v).items()}


# ----------------------------------------------------------------- the Gibbs chain of a tiny RBM


@_in_float64
def conditionals(model):
    """Tables of a tiny RBM over all its states: (v, h, p(h | v), p(v | h), p(v)).

    v (V, D) and h (H, F) are all the states. Row i of p(h | v) (V, H) belongs to v_i and sums to 1;
    column j of p(v | h) (V, H) belongs to h_j and sums to 1. One sweep of the Gibbs chain has the
    transition matrix T = p(h | v) p(v | h)^T, (V, V): T[i, j] is the probability to go from v_i to
    v_j.

    Raises ValueError for a DBM.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((1, 1))], [np.zeros(1), np.zeros(1)])
    >>> v, h, h_given_v, v_given_h, p = conditionals(rbm)
    >>> h_given_v @ v_given_h.T  # T
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    require(model.depth == 1, f"conditionals expects an RBM; got {model!r}")
    (v,) = (layers[0] for layers in _chunks(model, [0]))
    (h,) = (layers[1] for layers in _chunks(model, [1]))
    scaled_v, scaled_h = model.units[0].scaled(v), model.units[1].scaled(h)
    minus_E = scaled_v @ model.weights[0] @ scaled_h.T  # (V, H)
    minus_E -= model.units[0].bias_energy(v, model.biases[0])[:, None]
    minus_E -= model.units[1].bias_energy(h, model.biases[1])
    p = softmax(minus_E.reshape(-1)).reshape(minus_E.shape)  # the joint distribution
    return v, h, softmax(minus_E, axis=1), softmax(minus_E, axis=0), p.sum(axis=1)


@_in_float64
def expected_cd_gradient(model, v, k):
    """Expectation of the CD-k gradient over its random numbers, for a tiny RBM: {name: array}.

    The distribution p of the chain over all V visible states starts at the rows of v and is
    multiplied k times by the transition matrix of `conditionals`, p <- p T.

    Raises ValueError for rows that are no states of the visible units.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((1, 1))], [np.zeros(1), np.zeros(1)])
    >>> expected_cd_gradient(rbm, np.ones((1, 1)), k=1)["b0"]
    array([0.5])
    """
    states, _, h_given_v, v_given_h, _ = conditionals(model)
    match = (states[:, None] == v).all(axis=-1)  # (V, N): which state each row is
    p = match.mean(axis=1)
    require(float(p.sum()) > 1 - 1e-9, "expected_cd_gradient expects rows of zeros and ones")
    for _ in range(k):
        p = (p @ h_given_v) @ v_given_h.T
    negative = model.statistics(_with_means(model, [states, None], ODD), p)
    return {name: s - negative[name] for name, s in data_statistics(model, v).items()}
