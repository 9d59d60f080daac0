"""The command `scratchnet page`."""

from pathlib import Path

from scratchnet.data import load_images
from scratchnet.models.vae import VAE
from scratchnet.pages.dispatch import page
from scratchnet.pages.examples import example_chains, example_latent, example_step
from scratchnet.pages.files import load_machine, load_network

EXAMPLES = {"chains": example_chains, "latent": example_latent, "step": example_step}


def make_page(
    kind: str, model: str | None = None, data: str | None = None, to: str | None = None
) -> Path:
    """Write a page and print its path.

    Parameters
        kind    "chains", "latent" or "step"
        model   .npz file: for chains of `np.savez(path, **rbm.energy_model_.parameters())`, else of
                `saving.save`. None: a small model is trained on the bundled digits
        data    data set or file of images, as `load_images` takes it, shown with a model of a file
        to      file of the page; None: <kind>.html in the current folder

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = make_page("step", to=f"{folder}/step.html")  # doctest: +ELLIPSIS
    page  ...step.html  (... KB)
    """
    if model is None:
        shown, options = EXAMPLES[kind]()
    else:
        shown = load_machine(model) if kind == "chains" else load_network(model)
        options = {} if data is None or kind == "step" else _samples(data, shown)
        if isinstance(shown, VAE):
            print("read as a VAE of Bernoulli pixels; for a VAE with sigma, use page in Python")
    path = page(shown, to or f"{kind}.html", kind, **options)
    print(f"page  {path}  ({path.stat().st_size / 1000:.0f} KB)")
    return path


def _samples(data, model):
    """Test images and labels of a data set, in the size that the model takes."""
    if hasattr(model, "biases"):
        D = len(model.biases[0])
    else:
        D = (model.model if isinstance(model, VAE) else model).input_shape[0]
    size = {"size": 28} if data == "digits" and D == 784 else {}
    images = load_images(data, **size)
    return {"x": images.x_test.reshape(len(images.x_test), -1), "labels": images.y_test}
