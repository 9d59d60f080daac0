"""Exercises in course order: name, kind, lesson, and the options that an answer has to support."""

import dataclasses
import re
from pathlib import Path
from typing import Any

from scratchnet.validation import unknown_name

TEMPLATES = Path(__file__).with_name("templates")


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One exercise: its answer is a class or function of the same name, in a file `file`.

    Attributes
        name      of the class or function
        kind      "layer", "loss", "optimizer" or "step"
        lesson    number of the lesson that teaches it
        title     shown in the list
        options   that the answer supports besides those of the simplest case; registered gradient
                  checks with other options are left out
        modes     True: training and inference differ, and are checked one after the other
        extra     more combinations of options than those of the registered checks
        axes      number of axes of the arrays, if the answer supports only that number

    >>> find("conv-2d").file
    'conv2d.py'
    """

    name: str
    kind: str
    lesson: str
    title: str
    options: tuple[str, ...] = ()
    modes: bool = False
    extra: tuple[dict[str, Any], ...] = ()
    axes: int | None = None

    @property
    def template(self) -> Path:
        """The file that is written into the reader's folder."""
        return next(path for path in TEMPLATES.glob("*.py") if plain(path.stem) == plain(self.name))

    @property
    def file(self) -> str:
        """Name of that file, such as max_pooling2d.py for MaxPooling2D."""
        return self.template.name


_NO_BIAS = {"filters": 2, "kernel_size": (3, 2), "use_bias": False}
_KERNEL = ("filters", "kernel_size", "strides", "use_bias")

EXERCISES = (
    Exercise("ReLU", "layer", "01", "rectified linear unit"),
    Exercise("Sigmoid", "layer", "01", "logistic sigmoid"),
    Exercise("Dense", "layer", "01", "fully connected layer", ("units", "use_bias")),
    Exercise(
        "BinaryCrossEntropy",
        "loss",
        "01",
        "cross-entropy of probabilities or logits",
        ("from_logits", "reduction"),
    ),
    Exercise("Adam", "optimizer", "01", "corrected running means of g and g^2"),
    Exercise("SGD", "optimizer", "02", "gradient descent with momentum"),
    Exercise("RMSprop", "optimizer", "02", "running mean square of the gradient"),
    Exercise("Softmax", "layer", "02", "probabilities from logits", ("axis",)),
    Exercise(
        "SoftmaxCrossEntropy",
        "loss",
        "02",
        "categorical cross-entropy, from logits",
        ("targets",),
        axes=2,
    ),
    Exercise("MeanSquaredError", "loss", "04", "mean squared error", ("reduction",)),
    Exercise("ActivityRegularization", "layer", "05", "penalty on activations", ("l1", "l2")),
    Exercise("Dropout", "layer", "06", "random zeros in training", ("rate",), modes=True),
    Exercise("Tanh", "layer", "08", "hyperbolic tangent"),
    Exercise("Conv2D", "layer", "09", "convolution of images", _KERNEL, extra=(_NO_BIAS,)),
    Exercise("Flatten", "layer", "09", "a vector of all numbers of a sample"),
    Exercise("MaxPooling2D", "layer", "10", "maximum of each window", ("pool_size", "strides")),
    Exercise(
        "BatchNormalization",
        "layer",
        "10",
        "mean 0 and variance 1 for each channel",
        ("epsilon",),
        modes=True,
    ),
    Exercise("UpSampling2D", "layer", "10", "repetition of pixels", ("size",)),
    Exercise(
        "Conv2DTranspose", "layer", "11", "transposed convolution", _KERNEL, extra=(_NO_BIAS,)
    ),
    Exercise("KLToStandardNormal", "loss", "15", "KL divergence of a VAE"),
    Exercise("Sampling", "layer", "15", "reparametrization and KL of a VAE", ("beta",), modes=True),
    Exercise("rnn_step", "step", "21", "one step of a simple recurrent layer"),
    Exercise("lstm_step", "step", "21", "one step of an LSTM"),
    Exercise("gru_step", "step", "21", "one step of a GRU"),
    Exercise("free_energy", "step", "25", "free energy of an RBM"),
    Exercise("log_partition", "step", "25", "log Z of a small RBM by enumeration"),
    Exercise("gibbs_half_sweep", "step", "25", "hidden units sampled given the visible units"),
    Exercise("contrastive_divergence", "step", "25", "gradient estimate CD-1 of an RBM"),
    Exercise("mean_field", "step", "29", "mean-field equations of a DBM"),
)


def find(name: str) -> Exercise:
    """Look up an exercise; capitals, "_", "-" and spaces in the name make no difference.

    >>> find("contrastive divergence").name, find("relu").lesson
    ('contrastive_divergence', '01')
    """
    for exercise in EXERCISES:
        if plain(exercise.name) == plain(name):
            return exercise
    raise unknown_name("exercise", name, [exercise.name for exercise in EXERCISES])


def plain(name: str) -> str:
    """Return a name without capitals, "_", "-" and spaces.

    >>> plain("Gibbs half-sweep")
    'gibbshalfsweep'
    """
    return re.sub(r"[-_\s]", "", name).lower()
