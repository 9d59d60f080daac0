"""Web pages from trained models: one file each, without a server and without a network.

page(rbm, "chains.html", x=x)                                      Gibbs chains
page({"VAE": vae, "PCA": (mean, components)}, "latent.html", x=x)  the plane of codes
page(model, "step.html", x=x, t=t, loss=loss)                      one step, number by number
"""

__all__ = ["page"]


def __getattr__(name):  # import at the first use: the Boltzmann machines need scikit-learn
    if name == "page":
        from scratchnet.pages.dispatch import page

        return page
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
