"""Places where a model and its optimizer report to an X-ray.

Inside its context, `forward`, `backward`, `weight_gradients` and `input_gradient` of each layer are
attributes of the layer: a `RecordedMethod` calls the method of the class. `Optimizer.step` reports
the beginning and the end of each update to all X-rays.
"""

from scratchnet.optimizer_base import ALONE, Optimizer

METHODS = ("forward", "backward", "weight_gradients", "input_gradient")


class RecordedMethod:
    """Attribute of a layer in place of one of its methods, which it calls."""

    def __init__(self, seen, layer, method):
        self.seen, self.layer, self.method = seen, layer, method
        self.call = getattr(type(layer), method).__get__(layer)

    def __call__(self, *arguments, **options):
        if not self.seen.recording:
            return self.call(*arguments, **options)
        return self.seen.observe(self.layer, self.method, self.call, arguments, options)

    def __deepcopy__(self, memo):
        """Return the method of the copied layer: copies of a model are not recorded."""
        return getattr(type(self.layer), self.method).__get__(memo[id(self.layer)])


def add_recorders(seen, layers):
    """Let the methods of the layers report to an X-ray; ValueError if another one records them."""
    for layer in layers:
        if isinstance(vars(layer).get("forward"), RecordedMethod):
            raise ValueError(
                f"xray expects a model that no other xray records; {layer.title} is recorded "
                "already: leave the other context first"
            )
    for layer in layers:
        for method in METHODS:
            vars(layer)[method] = RecordedMethod(seen, layer, method)
    _observers.append(seen)
    Optimizer.step = _observed_step


def remove_recorders(seen, layers):
    """Undo `add_recorders`."""
    for layer in layers:
        for method in METHODS:
            vars(layer).pop(method, None)
    _observers.remove(seen)
    if not _observers:
        Optimizer.step = _plain_step


_observers: list = []
_plain_step = Optimizer.step


def _observed_step(optimizer, parameters, gradient, group=ALONE):
    for seen in _observers:
        seen.before_update(parameters, gradient, group.size)
    _plain_step(optimizer, parameters, gradient, group)
    for seen in _observers:
        seen.after_update(parameters)
