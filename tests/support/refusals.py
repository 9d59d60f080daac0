"""What tests of refusals share: small models, and the words of a message."""

import re

import numpy as np
import pytest

from scratchnet.layers import Sequential

PROBABILITY = r"\[0, 1\]|0 to 1|0 and 1"  # how a message may name the range of a probability


def f32(a):
    """The array in float32."""
    return np.asarray(a, np.float32)


def model_of(layers, shape, seed=0):
    """A built Sequential of these layers."""
    model = Sequential(layers)
    model.build(shape, seed)
    return model


def says(message, *words):
    """The message, which must contain each of the words (patterns, in any case)."""
    for word in words:
        assert re.search(word, message, re.IGNORECASE | re.DOTALL), f"{word!r} not in: {message}"
    return message


def refused(call, *words, error=(TypeError, ValueError)):
    """The message with which call() is refused; it must contain each of the words (patterns)."""
    with pytest.raises(error) as caught:
        call()
    return says(str(caught.value), *words)
