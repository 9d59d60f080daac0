"""The budget of a training step on a GPU: no waiting, and a counted number of launches."""

import pathlib
import re

import fake_cupy
import numpy as np
import pytest
from device_models import classifier, everything, numbers

from scratchnet.backend import to_device, use_device
from scratchnet.layers import (
    GRU,
    LSTM,
    Conv2D,
    Conv2DTranspose,
    Dense,
    MaxPooling2D,
    ReLU,
    RepeatVector,
    Sequential,
    Sigmoid,
    SimpleRNN,
    TimeDistributed,
    UnpoolingBlock,
    UpSampling2D,
)
from scratchnet.losses import BinaryCrossEntropy, MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.optimizers import Adam
from scratchnet.training import train_step


def autoencoder():
    """Lesson 01's model, narrower."""
    return Sequential([Dense(4), ReLU(), Dense(9), Sigmoid()]), BinaryCrossEntropy(), None


def convolutional():
    """Lesson 10's model, narrower, its middle as one block of lesson 12."""
    down = [Conv2D(3, 3, padding="same"), ReLU(), MaxPooling2D()]
    middle = [UnpoolingBlock(Conv2D(3, 3, padding="same")), ReLU()]
    up = [UpSampling2D(), Conv2D(1, 3, padding="same"), Sigmoid()]
    return Sequential(down + middle + up), BinaryCrossEntropy(), None


def strided():
    """Lesson 13's model, narrower."""
    down = [Conv2D(5, 4, 2, 1), ReLU()]
    return Sequential([*down, Conv2DTranspose(1, 4, 2, 1)]), MeanSquaredError(), None


def recurrent():
    """Lesson 22's model, narrower."""
    code, back = [LSTM(4), RepeatVector(6)], [LSTM(4, return_sequences=True)]
    return Sequential([*code, *back, TimeDistributed(Dense(1))]), MeanSquaredError(), None


def siblings():
    """The two smaller recurrent layers."""
    layers = [GRU(4, return_sequences=True), SimpleRNN(1, return_sequences=True)]
    return Sequential(layers), MeanSquaredError(), None


@pytest.mark.parametrize(
    ("make", "shape", "launches"),
    [
        (autoencoder, (9,), 49),
        (classifier, (9,), 51),
        (everything, (9,), 81),
        (convolutional, (8, 8, 1), 200),
        (strided, (8, 8, 1), 63),
        (recurrent, (6, 1), 542),
        (siblings, (6, 1), 314),
    ],
)
def test_a_training_step_never_waits_and_stays_within_its_launches(make, shape, launches):
    """The numbers are counted ones; more of them would make a small model slower on a GPU."""
    with fake_cupy.installed(), use_device("gpu"):
        model, loss, target = make()
        model.build(shape, 0)
        x = to_device(np.abs(numbers((5, *shape))) % 1)
        target, optimizer = x if target is None else to_device(target), Adam()
        train_step(model, loss, optimizer, x, target)  # the first makes the running vectors
        fake_cupy.reset()
        with fake_cupy.no_sync():
            train_step(model, loss, optimizer, x, target)
        assert fake_cupy.STATS.syncs == 0 and fake_cupy.STATS.uploads <= 2
        assert fake_cupy.STATS.launches <= launches, fake_cupy.STATS.launches


PAGE = pathlib.Path(__file__).parents[2] / "docs" / "gpu.md"


def deep_autoencoder():
    """Lesson 03's model."""
    down = [Dense(512), ReLU(), Dense(256), ReLU(), Dense(128), ReLU(), Dense(30)]
    return [*down, Dense(128), ReLU(), Dense(256), ReLU(), Dense(784), Sigmoid()]


MODELS_OF_THE_PAGE = {
    "01": ([Dense(32), ReLU(), Dense(784), Sigmoid()], BinaryCrossEntropy()),
    "02": ([Dense(256), ReLU(), Dense(128), ReLU(), Dense(10)], SoftmaxCrossEntropy()),
    "03": (deep_autoencoder(), MeanSquaredError()),
}


@pytest.mark.parametrize("lesson", MODELS_OF_THE_PAGE)
def test_the_page_on_gpus_has_the_counted_launches(lesson):
    counted = []

    def count(function, *arguments, **options):
        fake_cupy.reset()
        result = function(*arguments, **options)
        counted.append(fake_cupy.STATS.launches)
        return result

    layers, loss = MODELS_OF_THE_PAGE[lesson]
    with fake_cupy.installed(), use_device("gpu"):
        model, optimizer = Sequential(layers), Adam()
        model.build((784,), 0)
        x = to_device(np.abs(numbers((5, 784))) % 1)
        target = to_device(np.arange(5)) if lesson == "02" else x
        train_step(model, loss, optimizer, x, target)  # the first makes the running vectors
        part, options = loss, {}
        if lesson == "01":  # as in a training step, which computes this loss from the logits
            part, options = BinaryCrossEntropy(from_logits=True), {"but_last": True}
        y, cache = count(model.forward, x, train=True, **options)
        _, loss_cache = count(part.forward, y, target)
        dy = count(part.backward, loss_cache)
        grads = count(model.weight_gradients, dy, cache)
        gradient = count(model.flatten, grads)
        count(optimizer.step, model.parameters, gradient)
        count(train_step, model, loss, optimizer, x, target)
    widths = "-".join(str(layer.units) for layer in layers if isinstance(layer, Dense))
    (row,) = re.findall(rf"^\| lesson {lesson}, (.+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    columns = row.replace("*", "").split(" | ")
    assert columns[:-1] == [f"784-{widths}", *map(str, counted)]
    assert sum(counted[:-1]) == counted[-1]
