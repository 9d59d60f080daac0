"""Page of Gibbs chains: an RBM or DBM is sampled in the page itself, from the model's weights."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.backend import Array, to_numpy
from scratchnet.boltzmann import Bernoulli, EnergyModel, Gaussian, exact
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD
from scratchnet.pages.html import LIMIT, resource, write_page
from scratchnet.pages.images import example_images, image_shape_of
from scratchnet.validation import require

STATES = 2**16  # joint states of the layers of one parity, at most, for the exact values
CHAINS = 64


def chains_page(
    model: Any,
    path: str | Path,
    *,
    x: Array | None = None,
    labels: Array | None = None,
    image_shape: tuple[int, int] | None = None,
    limit: float | None = LIMIT,
) -> Path:
    """Write the page of an RBM or DBM: 64 chains that start at data (CD) beside 64 that persist.

    Parameters
        model         a fitted `BernoulliRBM`, `GaussianRBM` or `DBM`, or an `EnergyModel` of 0-1
                      hidden units
        x             data (N, D), where the chains of CD start; without data they start at samples
                      that the page draws
        labels        names or classes of x (N,), shown where the page loads an image
        image_shape   (height, width) of a row; by default a square, or one row of pixels
        limit         size of the page in kilobytes; None: any size

    Exact values (log p, E[v]) are part of the page where the layers of one parity have at most 2^16
    joint states.

    Raises TypeError or ValueError for another model, or a page larger than the limit.

    >>> import tempfile
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.ones((4, 2))], [np.zeros(4), np.zeros(2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     chains_page(rbm, f"{folder}/chains.html").name
    'chains.html'
    """
    model = energy_model(model)
    D = len(model.biases[0])
    height, width = image_shape_of([(D,)], image_shape)
    rows = None if x is None else to_numpy(x).reshape(len(x), -1).astype("float32")
    if rows is not None:
        require(
            rows.shape[1] == D and bool(np.isfinite(rows).all()),
            f"the chains page expects complete rows x of {D} numbers, the model's visible units; "
            f"got {rows.shape[1]}",
        )
    labels = None if labels is None else to_numpy(labels).tolist()
    gaussian = isinstance(model.units[0], Gaussian)
    data = {
        "height": height,
        "width": width,
        "variance": model.units[0].variance if gaussian else None,
        "weights": model.weights,
        "biases": model.biases,
        "examples": example_images(rows, labels, CHAINS),
        "data": None if rows is None else _data_values(model, rows),
        "exact": exact_values(model, rows),
        "check": _check(model, rows),
    }
    return write_page(
        path,
        title="Gibbs chains",
        body=resource("chains.html"),
        data=data,
        scripts=["pixels.js", "machine.js", "chains.js"],
        styles=["chains.css"],
        limit=limit,
    )


def energy_model(model: Any) -> EnergyModel:
    """The model of an estimator, on the host and in float64, after checking its types of units.

    >>> energy_model(EnergyModel([Bernoulli()] * 2, [np.zeros((3, 2))], [np.zeros(3), np.zeros(2)]))
    EnergyModel(3-2, numpy float64)
    """
    found = model if isinstance(model, EnergyModel) else getattr(model, "energy_model_", None)
    expected = "a fitted BernoulliRBM, GaussianRBM or DBM, or an EnergyModel, with 0-1 hidden units"
    if not isinstance(found, EnergyModel):
        hint = ": pass one of its rbms_" if hasattr(model, "rbms_") else ""
        raise TypeError(f"the chains page expects {expected}; got {type(model).__name__}{hint}")
    visible, *hidden = (type(unit) for unit in found.units)
    require(
        visible in (Bernoulli, Gaussian) and set(hidden) == {Bernoulli},
        f"the chains page expects {expected}; got {type(model).__name__} with units of the types "
        f"{', '.join(kind.__name__ for kind in (visible, *hidden))}",
    )
    return found.map_arrays(lambda array: to_numpy(array).astype("float32").astype("float64"))


def even_free_energy(model: EnergyModel, layers: list) -> np.ndarray:
    """Free energy of the even layers, the odd layers summed out, (N,).

    F(h_0, h_2, ...) = bias energies of the even layers - sum over the odd layers of log normalizers

    For an RBM it is F(v), and log p(v) = -F(v) - log Z. For a DBM of two hidden layers it is
    F(v, h_2), and log p(v, h_2) = -F(v, h_2) - log Z.

    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((1, 1))], [np.ones(1), np.zeros(1)])
    >>> even_free_energy(rbm, [np.ones((1, 1)), None]) + np.log(2)  # -a v - log(1 + exp(0))
    array([-1.])
    """
    F = np.zeros(len(layers[0]))
    for i in model.layers_of(EVEN):
        F = F + model.units[i].bias_energy(layers[i], model.biases[i])
    for i in model.layers_of(ODD):
        z = model.pre_activation(i, layers)
        F = F - model.units[i].log_normalizer(z, model.biases[i])
    return F


def exact_values(model: EnergyModel, rows: Array | None = None) -> dict[str, Any] | None:
    """Exact log Z, E[v] and mean log p(v) of the rows; None for a model with too many states.

    "data" is None without rows, or where the layers h_2, h_4, ... have too many states.

    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((3, 2))], [np.zeros(3), np.zeros(2)])
    >>> values = exact_values(rbm, np.ones((1, 3)))
    >>> round(np.exp(values["log_Z"])), values["mean"], float(np.exp(values["data"]))
    (32, array([0.5, 0.5, 0.5]), 0.125)
    """

    def states(layers):
        return math.prod(unit.count(n) for unit, n in layers)

    layers = [(unit, len(b)) for unit, b in zip(model.units, model.biases, strict=True)]
    if min(states(layers[0::2]), states(layers[1::2])) > STATES:
        return None
    mean = exact.model_statistics(model)["b0"]
    if isinstance(model.units[0], Gaussian):
        mean = mean * model.units[0].variance  # the statistics are those of v / sigma^2
    data = None
    if rows is not None and states(layers[2::2]) <= 2**10:
        data = float(exact.log_likelihood(model, rows.astype("float64")).mean())
    return {"log_Z": exact.log_partition(model), "mean": mean, "data": data}


def _data_values(model, rows):
    """Mean of the rows, and for an RBM the mean of their free energies."""
    F = None
    if model.depth == 1:
        F = float(even_free_energy(model, [rows.astype("float64"), None]).mean())
    return {"mean": rows.mean(axis=0, dtype="float64"), "F": F}


def _check(model, rows):
    """Numbers that the page is compared with: F, and the means of each layer, for three states."""
    rng = np.random.default_rng(0)
    shapes = [(3, len(b)) for b in model.biases]
    layers = [(rng.uniform(size=shape) < 0.5).astype("float64") for shape in shapes]
    if rows is not None:
        layers[0] = rows[np.arange(3) % len(rows)].astype("float64")
    T = 1.5
    means = [model.mean(i, layers, beta=1 / T) for i in range(model.depth + 1)]
    return {
        "layers": layers,
        "temperature": T,
        "means": means,
        "F": even_free_energy(model, layers),
    }
