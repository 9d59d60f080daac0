"""How good generated digits are, as a classifier of real ones sees them; nothing to download.

    Frechet distance   between what its second hidden layer makes of real pictures and of samples
    class shares       how many samples it reads as 0, as 1, ...: a collapsed model has few classes

The distance depends on the classifier, so numbers compare only within one of them.
"""

from pathlib import Path

from scratchnet.backend import to_numpy, xp_of
from scratchnet.layers import Dense, ReLU, Sequential
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.metrics import frechet_distance
from scratchnet.optimizers import Adam
from scratchnet.saving import load, save
from scratchnet.training import fit, predict


class Judge:
    """The classifier of lesson 02, x (N, D) -> 256 -> 128 features -> K scores, ReLU between.

    Parameters
        pixels    D, of a picture as one row, values in [0, 1]
        classes   K
    """

    def __init__(self, pixels=784, classes=10, seed=0):
        self.features = Sequential([Dense(256), ReLU(), Dense(128), ReLU()], name="features")
        self.classes = classes
        self.model = Sequential([self.features, Dense(classes)], name="judge")
        self.model.build((pixels,), seed)

    def train(self, x, t, epochs=5, batch_size=64, seed=0):
        """Learn pictures x (N, D) and their classes t (N,), as lesson 02 does."""
        settings = dict(epochs=epochs, batch_size=batch_size, seed=seed, verbose=False)
        return fit(self.model, x, t, loss=SoftmaxCrossEntropy(), optimizer=Adam(), **settings)

    def load_or_train(self, path, x, t, **settings):
        """Read the weights from this .npz file; where there is none, `train` and write it."""
        if Path(path).exists():
            load(self.model, path)
        else:
            self.train(x, t, **settings)
            save(self.model, path)

    def shares(self, x):
        """The share of each class among these pictures, by its own reading: (K,), on the host."""
        answer = predict(self.model, x).argmax(axis=1)  # (N,)
        return to_numpy((answer[:, None] == xp_of(x).arange(self.classes)).mean(axis=0))

    def distance(self, x, y):
        """The Frechet distance between the features of two sets of pictures, (N, D) and (M, D)."""
        return frechet_distance(predict(self.features, x), predict(self.features, y))
