"""Figures. The one room that imports matplotlib.

Every function returns a matplotlib Figure; `save` writes it.
"""

from scratchnet.plots.charts import bars, confusion, histogram, named_bars, run_means, scatter
from scratchnet.plots.images import captioned, image_grid, image_rows, mosaic, signed_grid
from scratchnet.plots.line_plots import curves, panels, roc, timeline
from scratchnet.plots.style import save

__all__ = [
    "bars",
    "captioned",
    "confusion",
    "curves",
    "histogram",
    "image_grid",
    "image_rows",
    "mosaic",
    "named_bars",
    "panels",
    "roc",
    "save",
    "scatter",
    "signed_grid",
    "run_means",
    "timeline",
]
