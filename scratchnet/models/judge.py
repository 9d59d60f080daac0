"""Quality of generated digits, measured with a classifier that is trained on real ones.

    Frechet distance   of the features, the classifier's second hidden layer, of real and of
                       generated images: the FID with this classifier in place of Inception
    class shares       share of the generated images that it assigns to each class; a generator with
                       mode collapse has few classes

The distance depends on the classifier: compare only numbers of one and the same.
"""

from pathlib import Path
from typing import Any

from scratchnet.backend import Array, to_numpy, xp_of
from scratchnet.callbacks import RaiseInterrupt
from scratchnet.layers import Dense, ReLU, Sequential
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.metrics import frechet_distance
from scratchnet.optimizers import Adam
from scratchnet.saving import load, save
from scratchnet.training import History, fit, predict


class Judge:
    """Classifier of the digits lesson: x (N, D) -> 256 -> 128 features -> K logits, with ReLU.

    Parameters
        pixels    D, number of pixels of an image, with values in [0, 1]
        classes   K
        seed      of the initial weights

    >>> import numpy as np
    >>> judge = Judge(pixels=4, classes=2)
    >>> x = np.eye(4, dtype="float32")
    >>> judge.features(x).shape, judge.shares(x).sum()
    ((4, 128), np.float64(1.0))
    """

    def __init__(self, pixels: int = 784, classes: int = 10, seed: int = 0):
        self.features = Sequential([Dense(256), ReLU(), Dense(128), ReLU()], name="features")
        self.classes = classes
        self.model = Sequential([self.features, Dense(classes)], name="judge")
        self.model.build((pixels,), seed)

    def train(
        self, x: Array, t: Array, epochs: int = 5, batch_size: int = 64, seed: int = 0
    ) -> History:
        """Train on images x (N, D) and their classes t (N,)."""
        settings: dict[str, Any] = dict(epochs=epochs, batch_size=batch_size, seed=seed)
        settings |= dict(loss=SoftmaxCrossEntropy(), optimizer=Adam(), verbose=False)
        return fit(self.model, x, t, callbacks=[RaiseInterrupt()], **settings)

    def load_or_train(self, path: str | Path, x: Array, t: Array, **settings: Any) -> None:
        """Load the weights from a .npz file; if it does not exist, `train` and write it."""
        if Path(path).exists():
            load(self.model, path)
        else:
            self.train(x, t, **settings)
            save(self.model, path)

    def shares(self, x: Array) -> Array:
        """Share of the images x (N, D) assigned to each class, a NumPy array (K,)."""
        classes = predict(self.model, x).argmax(axis=1)  # (N,)
        return to_numpy((classes[:, None] == xp_of(x).arange(self.classes)).mean(axis=0))

    def distance(self, x: Array, y: Array) -> float:
        """Frechet distance between the features of two sets of images, (N, D) and (M, D)."""
        return frechet_distance(predict(self.features, x), predict(self.features, y))
