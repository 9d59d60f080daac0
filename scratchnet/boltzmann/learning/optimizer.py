"""One step uphill: momentum, decay, a sparsity target, and the centered gradient."""

from scratchnet.boltzmann.machine.units import Gaussian
from scratchnet.validation import check_float

__all__ = ["LikelihoodOptimizer"]


class LikelihoodOptimizer:
    """velocity = momentum velocity + rate (gradient - decay W), parameter += velocity.

    Decay pulls at weights only: a bias that shrinks would forget how often its unit is on.

    center   Write E with v - mu and h - lambda in place of v and h, mu and lambda running means of
             the data's statistics. The set of models is the same, the direction uphill is not: it
             no longer depends on which of two values is called 1. In plain parameters, for each W,

                 gW -= mu gb^T + ga lambda^T        a -= dW lambda        b -= dW^T mu

             the last two because the biases of the centered form stay put while W moves by dW.
             Montavon and Mueller (2012); Melchior, Fischer and Wiskott (2016).
    sparsity target of the mean activity of each unit above the visible ones, by a pull of
             sparsity_cost (running mean - target) at its bias and weights. Lee et al. (2008)
    """

    RATE = 0.01  # of the offsets mu and lambda
    MEMORY = 0.9  # of the running activity

    def __init__(
        self, momentum=0.0, weight_decay=0.0, center=False, sparsity=None, sparsity_cost=0.1
    ):
        self.momentum = check_float(
            "LikelihoodOptimizer", "momentum", momentum, at_least=0, below=1
        )
        self.weight_decay = check_float(
            "LikelihoodOptimizer", "weight_decay", weight_decay, at_least=0
        )
        self.center = center
        self.sparsity = None
        if sparsity is not None:
            self.sparsity = check_float(
                "LikelihoodOptimizer", "sparsity", sparsity, above=0, below=1
            )
        self.sparsity_cost = check_float(
            "LikelihoodOptimizer", "sparsity_cost", sparsity_cost, at_least=0
        )
        self.velocity, self.offsets, self.activity = {}, {}, {}

    def step(self, model, positive, gradient, rate):
        """Move the model's parameters, in place.

        positive   the data's statistics
        gradient   {name: (the data's - the model's)}
        rate       learning rate of this update
        """
        if self.sparsity is not None:
            gradient = self._sparser(model, positive, gradient)
        if self.center:
            gradient = self._centered(model, positive, gradient)
        parameters = model.parameters()
        for name, g in gradient.items():
            change = rate * g
            if name[0] == "W" and self.weight_decay:
                change -= rate * self.weight_decay * parameters[name]
            if self.momentum:
                change += self.momentum * self.velocity.get(name, 0)
            self.velocity[name] = change
            parameters[name] += change
        if self.center:
            for i, (below, above) in enumerate(self._pairs(model), 1):
                dW = self.velocity[f"W{i}"]
                model.biases[i - 1] -= dW @ above
                model.biases[i] -= below @ dW
        for unit in model.units:
            if isinstance(unit, Gaussian) and unit.learned:
                unit.keep_within_bounds()

    def _pairs(self, model):
        """The offsets (of layer i - 1, of layer i) for each W_i."""
        return [
            (self.offsets[f"b{i - 1}"], self.offsets[f"b{i}"]) for i in range(1, model.depth + 1)
        ]

    def _centered(self, model, positive, gradient):
        for i in range(model.depth + 1):
            name = f"b{i}"
            was = self.offsets.setdefault(name, positive[name].copy())
            was += self.RATE * (positive[name] - was)
        centered = dict(gradient)
        for i, (below, above) in enumerate(self._pairs(model), 1):
            g = centered[f"W{i}"] - below[:, None] * gradient[f"b{i}"]
            centered[f"W{i}"] = g - gradient[f"b{i - 1}"][:, None] * above
        return centered

    def _sparser(self, model, positive, gradient):
        sparser = dict(gradient)
        for i in range(1, model.depth + 1):
            q, name = positive[f"b{i}"], f"b{i}"
            q = self.MEMORY * self.activity.get(name, q) + (1 - self.MEMORY) * q
            self.activity[name] = q
            pull = self.sparsity_cost * (q - self.sparsity)  # d cross entropy / d field
            sparser[name] = gradient[name] - pull
            sparser[f"W{i}"] = gradient[f"W{i}"] - positive[f"b{i - 1}"][:, None] * pull
        return sparser
