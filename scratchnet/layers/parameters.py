"""All parameters of a model as ONE vector, each W and b a view into it.

That makes an optimizer a few lines, a gradient norm one reduction, a checkpoint one array. It works
for parts of a model too: encoder and decoder are neighbouring pieces of their autoencoder's vector.
"""

from scratchnet.backend import xp_of


class Parameter:
    """One array of a layer, and the place where it lies in a model's vector."""

    __slots__ = ("value", "vector", "start")

    def __init__(self, value):
        self.value = value
        self.vector, self.start = None, None  # lies alone until a model gathers it

    def __getstate__(self):  # a copied or unpickled parameter owns its array: it lies alone
        return None, {"value": self.value, "vector": None, "start": None}


def one_vector(parameters):
    """The vector (P,) of which these parameters are views, in this order, without gaps.

    Where they already lie side by side, that stretch is returned. Where they do not (a new model,
    or a layer that another model has gathered since), they are copied side by side into a new
    vector and become views into that. So whoever asks gets a vector that is right at that moment;
    ask again before every update instead of keeping it.
    """
    if not parameters:
        raise ValueError("this model has no trainable parameters: is everything frozen or unbuilt?")
    vector, start = parameters[0].vector, parameters[0].start
    end = start
    for p in parameters:
        if p.vector is None or p.vector is not vector or p.start != end:
            return _gather(parameters)
        end += p.value.size
    return vector[start:end]


def _gather(parameters):
    xp = xp_of(*(p.value for p in parameters))
    vector = xp.concatenate([p.value.reshape(-1) for p in parameters])  # (P,)
    start = 0
    for p in parameters:
        size = p.value.size
        p.value = vector[start : start + size].reshape(p.value.shape)  # a view, not a copy
        p.vector, p.start = vector, start
        start += size
    return vector
