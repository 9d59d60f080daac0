"""Gradient ascent on the log-likelihood, with momentum, weight decay, centering and sparsity."""

from scratchnet.backend import xp_of
from scratchnet.boltzmann.machine.units import Gaussian
from scratchnet.training import TrainingDiverged
from scratchnet.validation import check_float

__all__ = ["LikelihoodOptimizer", "check_finite"]


class LikelihoodOptimizer:
    """Gradient ascent with momentum and weight decay.

        velocity = momentum * velocity + rate * (gradient - weight_decay * W)
        parameter += velocity

    Parameters
        momentum       from 0 to 1
        weight_decay   acts on the weights alone: a smaller bias would change how often its unit
                       is 1
        center         whether the gradient is that of the centered energy, see below
        sparsity       target p of the mean activity of each hidden unit, or None
        sparsity_cost  factor of the sparsity penalty

    Centering. With offsets mu of the layer below and lambda of the layer above, running means of
    their activity in the data, the same model has the centered energy

        E = -a_c v - b_c h - (v - mu) W (h - lambda)      a = a_c - W lambda      b = b_c - W^T mu

    Let gW, ga and gb be the gradients by W, a and b in the usual form: gW = <v^T h>_data -
    <v^T h>_model, ga = <v>_data - <v>_model, gb = <h>_data - <h>_model. The gradient by W of the
    centered form is <(v - mu)^T (h - lambda)>_data - <the same>_model. Multiplied out, the products
    mu^T lambda of the two phases cancel:

        gW_c = gW - mu^T gb - ga^T lambda

    The gradients by a_c and b_c are ga and gb. A step moves W by dW, and a = a_c - W lambda shows
    what it does in addition to the usual biases: a -= dW lambda, b -= dW^T mu.

    The reason: a model of v and a model of 1 - v are equivalent, yet a usual step treats them
    differently. In the centered form, v - mu only changes its sign, and both models take the same
    step. Montavon and Mueller (2012); Melchior, Fischer and Wiskott (2016).

    Sparsity. A penalty of sparsity_cost times the cross-entropy between the target p and the
    running mean activity q of each hidden unit; its gradient by the pre-activation of the unit is
    sparsity_cost (q - p). Lee, Ekanadham and Ng (2008); Hinton (2010), section 11.

    Raises ValueError for an option out of its range.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel, exact
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((1, 1))], [np.zeros(1), np.zeros(1)])
    >>> v, optimizer = np.ones((1, 1)), LikelihoodOptimizer(momentum=0.5)
    >>> for _ in range(200):
    ...     optimizer.step(rbm, exact.data_statistics(rbm, v), exact.gradient(rbm, v), rate=0.5)
    >>> bool(np.exp(exact.log_likelihood(rbm, v))[0] > 0.99)  # p(v = 1); the data are all 1
    True
    """

    OFFSET_RATE = 0.01  # share of the new mean in the running means mu and lambda
    ACTIVITY_DECAY = 0.9  # share of the old mean in the running activity q

    def __init__(
        self, momentum=0.0, weight_decay=0.0, center=False, sparsity=None, sparsity_cost=0.1
    ):
        owner = "LikelihoodOptimizer"
        self.momentum = check_float(owner, "momentum", momentum, at_least=0, below=1)
        self.weight_decay = check_float(owner, "weight_decay", weight_decay, at_least=0)
        self.center = center
        self.sparsity = None
        if sparsity is not None:
            self.sparsity = check_float(owner, "sparsity", sparsity, above=0, below=1)
        self.sparsity_cost = check_float(owner, "sparsity_cost", sparsity_cost, at_least=0)
        self.velocity, self.offsets, self.activity = {}, {}, {}

    def step(self, model, positive, gradient, rate):
        """Update the parameters of the model, in place.

        Parameters
            model      an `EnergyModel`
            positive   the statistics of the data. Centering and the sparsity target take the mean
                       activities of the layers from them; without the two they are not used
            gradient   {name: statistics of the data - statistics of the model}
            rate       learning rate of this update
        """
        if self.sparsity is not None:
            gradient = self._with_sparsity(model, positive, gradient)
        if self.center:
            gradient = self._centered(model, positive, gradient)
        parameters = model.parameters()
        weights = {W for W, _, _ in _names_of_pairs(model)}
        for name, g in gradient.items():
            change = rate * g
            if name in weights and self.weight_decay:
                change -= rate * self.weight_decay * parameters[name]
            if self.momentum:
                change += self.momentum * self.velocity.get(name, 0)
            self.velocity[name] = change
            parameters[name] += change
        if self.center:
            for W, a, b in _names_of_pairs(model):
                dW = self.velocity[W]  # (n_{i-1}, n_i)
                parameters[a] -= dW @ self.offsets[b]
                parameters[b] -= self.offsets[a] @ dW
        for unit in model.units:
            if isinstance(unit, Gaussian) and unit.learned:
                unit.keep_within_bounds()

    def _centered(self, model, positive, gradient):
        """The gradient with gW_c in place of gW, after an update of the offsets."""
        for i in range(model.depth + 1):
            name = f"b{i}"  # the statistics of a bias are the mean activity of its layer
            if name not in self.offsets:
                self.offsets[name] = positive[name].copy()
            self.offsets[name] += self.OFFSET_RATE * (positive[name] - self.offsets[name])
        centered = dict(gradient)
        for W, a, b in _names_of_pairs(model):
            mu, lambda_ = self.offsets[a], self.offsets[b]
            gW = gradient[W] - mu[:, None] * gradient[b]
            centered[W] = gW - gradient[a][:, None] * lambda_
        return centered

    def _with_sparsity(self, model, positive, gradient):
        """The gradient minus that of the sparsity penalty, after an update of the activities."""
        penalized = dict(gradient)
        for W, a, b in _names_of_pairs(model):
            q = positive[b]
            q = self.ACTIVITY_DECAY * self.activity.get(b, q) + (1 - self.ACTIVITY_DECAY) * q
            self.activity[b] = q
            dz = self.sparsity_cost * (q - self.sparsity)  # of the penalty by the pre-activation
            penalized[b] = gradient[b] - dz
            penalized[W] = gradient[W] - positive[a][:, None] * dz
        return penalized


def check_finite(owner, parameters, learning_rate):
    """Raise `TrainingDiverged` unless every number of these arrays is finite.

    >>> import numpy as np
    >>> check_finite("GaussianRBM", [np.array([1.0, np.inf])], learning_rate=50)
    Traceback (most recent call last):
    scratchnet.training_run.TrainingDiverged: the parameters of GaussianRBM became NaN or infinite:
    lower the learning rate (learning_rate=50), or check the scale of X
    """
    if not all(bool(xp_of(p).isfinite(p).all()) for p in parameters):
        raise TrainingDiverged(
            f"the parameters of {owner} became NaN or infinite: lower the learning rate "
            f"(learning_rate={learning_rate}), or check the scale of X"
        )


def _names_of_pairs(model):
    """Names of W_i, of the biases below and of the biases above, for i = 1 ... L."""
    return [(f"W{i}", f"b{i - 1}", f"b{i}") for i in range(1, model.depth + 1)]
