"""One vector for all parameters of a model, into which each W and b is a view.

The vector makes an optimizer a few lines, a gradient norm one reduction and a checkpoint one array.
The parameters of a part of the model, such as an encoder, are a slice of the vector of the whole.
"""

from scratchnet.backend import xp_of


class Parameter:
    """Array of a layer, and its position in the vector of a model.

    Attributes
        value    the array
        vector   the vector into which `value` is a view; None if `value` owns its memory
        start    the index in the vector of the first number of `value`

    >>> import numpy as np
    >>> W, b = Parameter(np.ones((2, 3))), Parameter(np.zeros(3))
    >>> vector = one_vector([W, b])
    >>> vector += 1
    >>> b.value, b.start
    (array([1., 1., 1.]), 6)
    """

    __slots__ = ("value", "vector", "start")

    def __init__(self, value):
        self.value = value
        self.vector, self.start = None, None

    def __getstate__(self):
        """Attributes for copy and pickle: a copy owns its memory, so it has no vector."""
        return None, {"value": self.value, "vector": None, "start": None}  # no __dict__, the slots


def one_vector(parameters):
    """Vector (P,) that contains these parameters, one after the other.

    If the parameters are neighbours in one vector already, in this order, the result is a slice of
    that vector. Otherwise they are copied into a new vector and become views into it. This happens
    for a new model, and for a layer in two models whose vectors are used in turn: each time it
    moves to the vector of the other model, and the old vector has no effect any more. Therefore get
    the vector anew for each update.
    """
    if not parameters:
        raise ValueError("this model has no trainable parameters: is everything frozen or unbuilt?")
    vector, start = parameters[0].vector, parameters[0].start
    end = start
    for p in parameters:
        follows = p.vector is vector and p.start == end
        if p.vector is None or not follows:
            return _copy_to_one_vector(parameters)
        end += p.value.size
    return vector if end - start == vector.size else vector[start:end]


def _copy_to_one_vector(parameters):
    xp = xp_of(*(p.value for p in parameters))
    return place(parameters, xp.concatenate([p.value.reshape(-1) for p in parameters]))  # (P,)


def place(parameters, vector):
    """Make parameters views into a vector (P,) that holds their values already; return it.

    >>> import numpy as np
    >>> b = Parameter(np.ones(3))
    >>> vector = place([b], np.ones(3))
    >>> vector += 1
    >>> b.value
    array([2., 2., 2.])
    """
    start = 0
    for p in parameters:
        size = p.value.size
        p.value = vector[start : start + size].reshape(p.value.shape)  # a view, not a copy
        p.vector, p.start = vector, start
        start += size
    return vector
