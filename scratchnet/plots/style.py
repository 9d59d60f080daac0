"""Settings of all figures: colours, line styles, resolution.

The colours are those of Okabe and Ito (2008), which are distinct for colour-blind readers; lines
differ in style as well.
"""

import base64
import io

import matplotlib.pyplot as plt

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
CLASSES = (*COLOURS, "#000000", "#8C564B", "#7F7F7F", "#9C9E00")  # ten, for the points of classes
STYLES = ("-", "--", "-.", ":")
DPI = 120


def save(figure, path):
    """Write a figure to a file, and open a window if matplotlib's backend is interactive.

    Parameters
        figure  a matplotlib Figure
        path    of a new file; its ending chooses the format, such as .png

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(plt.figure(), pathlib.Path(folder, "empty.png"))
    ...     [path.name for path in pathlib.Path(folder).iterdir()]
    ['empty.png']
    """
    figure.savefig(path, dpi=DPI)
    if plt.get_backend().lower() in map(str.lower, _interactive_backends()):
        plt.show(block=False)


def display(figure, alt):
    """Display a figure in the output of a notebook's cell, and close it.

    An open figure would be displayed by Jupyter a second time at the end of the cell.

    Parameters
        figure  a matplotlib Figure
        alt     text alternative of the image
    """
    from IPython.display import display as display_data

    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=DPI)
    data = {"image/png": base64.b64encode(png.getvalue()).decode("ascii"), "text/plain": alt}
    display_data(data, metadata={"image/png": {"alt": alt}}, raw=True)
    plt.close(figure)


def _interactive_backends():
    from matplotlib.backends import BackendFilter, backend_registry

    return backend_registry.list_builtin(BackendFilter.INTERACTIVE)
