"""The oracle: small models by enumeration, in float64. Everything else is tested against it.

One side is enumerated, state by state; the other is summed in closed form, because its units are
independent given the first. So the cost is 2^(units of the smaller side), not 2^(all units): 784
visible and 16 hidden units take a second.
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
    """The model (and v) in double precision, whatever the model is trained in."""

    @functools.wraps(function)
    def exactly(model, *arguments, **options):
        model = model.map_arrays(lambda a: a.astype("float64"))
        arguments = [a.astype("float64") if hasattr(a, "astype") else a for a in arguments]
        with float64():
            return function(model, *arguments, **options)

    return exactly


def _count(model, some):
    """How many joint states these layers have."""
    return math.prod(model.units[i].count(len(model.biases[i])) for i in some)


def _chunks(model, some):
    """All joint states of some layers, as lists of layers (chunk, n_i), None for the others."""
    total = _count(model, some)
    require(
        total <= LIMIT,
        f"2^{math.log2(total):.0f} states are too many to enumerate: at most {LIMIT}",
    )
    for start in range(0, total, CHUNK):
        number = xp_of(model.biases[0]).arange(start, min(start + CHUNK, total))
        layers = [None] * (model.depth + 1)
        for i in some:
            n = len(model.biases[i])
            count = model.units[i].count(n)
            layers[i] = model.units[i].states(number % count, n)
            number = number // count
        yield layers


def _smaller(model):
    """The side with fewer states."""
    even, odd = (_count(model, model.side(side)) for side in (EVEN, ODD))
    return ODD if odd <= even else EVEN


def _fields(model, layers, side):
    """{i: field} of the layers on one side, given the other."""
    return {i: model.field(i, layers) for i in model.side(side)}


def _log_weight(model, layers, side, fields=None):
    """log sum over the other side of exp(-E), for states of one side: (chunk,)."""
    units, biases = model.units, model.biases
    fields = _fields(model, layers, 1 - side) if fields is None else fields
    own = sum(units[i].own_energy(layers[i], biases[i]) for i in model.side(side))
    return sum(units[i].log_normalizer(f, biases[i]) for i, f in fields.items()) - own


@_in_float64
def log_partition(model, side=None):
    """log Z, a float; by the smaller side, or by the one that is named (EVEN, ODD)."""
    side = _smaller(model) if side is None else side
    parts = [
        logsumexp(_log_weight(model, layers, side)) for layers in _chunks(model, model.side(side))
    ]
    return float(logsumexp(xp_of(parts[0]).concatenate(parts))[0])


def _completions(model, v):
    """The rows of v with each joint state of the hidden even layers (an RBM has none): layers."""
    hidden = [i for i in model.side(EVEN) if i > 0]
    for layers in _chunks(model, hidden):
        for s in range(len(layers[hidden[0]]) if hidden else 1):
            rows = [None if h is None else h[s : s + 1] + 0 * v[:, :1] for h in layers]
            yield [v, *rows[1:]]


@_in_float64
def log_unnormalized(model, v):
    """log p(v) + log Z of each row, (N,): of an RBM the negative free energy."""
    total = None
    for layers in _completions(model, v):
        term = _log_weight(model, layers, EVEN)
        total = term if total is None else xp_of(v).logaddexp(total, term)
    return total


def log_likelihood(model, v):
    """log p(v) of each row in nats, (N,)."""
    return log_unnormalized(model, v) - log_partition(model)


def _with_means(model, layers, side):
    """The layers with the means of one side given the other."""
    means = {i: model.mean(i, layers) for i in model.side(side)}
    return [means.get(i, h) for i, h in enumerate(layers)]


def _added(totals, terms):
    return {name: totals.get(name, 0) + term for name, term in terms.items()}


@_in_float64
def data_statistics(model, v):
    """{parameter: mean over the rows of E[-dE/d parameter | v]}: the positive phase."""
    total, named = log_unnormalized(model, v), {}
    for layers in _completions(model, v):
        weights = xp_of(v).exp(_log_weight(model, layers, EVEN) - total) / len(v)
        named = _added(named, model.statistics(_with_means(model, layers, ODD), weights))
    return named


@_in_float64
def model_statistics(model):
    """{parameter: E[-dE/d parameter] under the model}: the negative phase."""
    xp, side = xp_of(model.biases[0]), _smaller(model)
    top, Z, named = -math.inf, 0.0, {}  # sums so far, in units of exp(top): nothing overflows
    for layers in _chunks(model, model.side(side)):
        fields = _fields(model, layers, 1 - side)
        log_w = _log_weight(model, layers, side, fields)
        was, top = top, max(top, float(log_w.max()))
        w, shrink = xp.exp(log_w - top), math.exp(was - top)
        for i, f in fields.items():
            layers[i] = model.units[i].mean(f)
        terms = model.statistics(layers, w)
        named = {name: shrink * named.get(name, 0) + term for name, term in terms.items()}
        Z = shrink * Z + float(w.sum())
    named = {name: total / Z for name, total in named.items()}
    if "z" in named:
        named["z"] = named["z"] + 0.5  # E[(v - a)^2] is the mean's square plus sigma^2
    return named


def gradient(model, v):
    """{parameter: d/d parameter of the mean log-likelihood of the rows of v}."""
    negative = model_statistics(model)
    return {name: s - negative[name] for name, s in data_statistics(model, v).items()}


@_in_float64
def conditionals(model):
    """(v, h, p(h|v), p(v|h), p(v)) of a tiny RBM.

    v (V, D) and h (H, F) are all its states, the tables are (V, H), (V, H), (V,).
    T = p(h|v) p(v|h)^T is the kernel of one step of the Gibbs chain, from row to column.
    """
    require(model.depth == 1, "conditionals are tabulated for an RBM")
    (v,) = (layers[0] for layers in _chunks(model, [0]))
    (h,) = (layers[1] for layers in _chunks(model, [1]))
    coupled_v, coupled_h = model.units[0].coupled(v), model.units[1].coupled(h)
    minus_E = coupled_v @ model.weights[0] @ coupled_h.T  # (V, H)
    minus_E -= model.units[0].own_energy(v, model.biases[0])[:, None]
    minus_E -= model.units[1].own_energy(h, model.biases[1])
    p = softmax(minus_E.reshape(-1)).reshape(minus_E.shape)  # the joint distribution
    return v, h, softmax(minus_E, axis=1), softmax(minus_E, axis=0), p.sum(axis=1)


@_in_float64
def expected_cd_gradient(model, v, k):
    """What sampled CD-k gives on average over its random numbers, for a tiny RBM.

    The chain starts at the rows of v, k times through the kernel T = p(h|v) p(v|h)^T.
    """
    states, _, h_given_v, v_given_h, _ = conditionals(model)
    match = (states[:, None] == v).all(axis=-1)  # (V, N): which state each row is
    p = match.mean(axis=1)
    require(float(p.sum()) > 1 - 1e-9, "expected_cd_gradient needs rows of zeros and ones")
    for _ in range(k):
        p = (p @ h_given_v) @ v_given_h.T
    negative = model.statistics(_with_means(model, [states, None], ODD), p)
    return {name: s - negative[name] for name, s in data_statistics(model, v).items()}
