"""What all figures share: colours, line styles, and how one is written.

The colours are those of Okabe and Ito (2008), which the colour-blind can tell apart; lines differ
in style as well.
"""

import matplotlib.pyplot as plt

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES = ("-", "--", "-.", ":")
DPI = 120


def save(figure, path):
    """Write the figure, and show it too where there is a window to show it in."""
    figure.savefig(path, dpi=DPI)
    if plt.get_backend().lower() in map(str.lower, _interactive_backends()):
        plt.show(block=False)


def _interactive_backends():
    from matplotlib.backends import BackendFilter, backend_registry

    return backend_registry.list_builtin(BackendFilter.INTERACTIVE)
