"""Calls of `fit` of scikit-learn, for the models that it has."""

import platform

__all__ = ["fit", "has", "prepare"]


def prepare(threads):
    """Return versions; the environment has set the threads of BLAS."""
    import numpy
    import sklearn

    versions = {"scikit-learn": sklearn.__version__, "numpy": numpy.__version__}
    return {"python": platform.python_version(), **versions, "threads": threads}


def has(model, function):
    """Whether the model has a version for this library."""
    return hasattr(model, "scikit_learn_step")


def fit(model):
    """Make the model's step."""
    return model.scikit_learn_step(), lambda: None
