"""Figures. The one room that imports matplotlib.

Every function returns a matplotlib Figure; `save` writes it.
"""

from scratchnet.plots.amounts import bars, confusion, histogram, named_bars, scatter, spreads
from scratchnet.plots.lines import curves, panels, roc, timeline
from scratchnet.plots.pictures import captioned, image_grid, image_rows, mosaic, signed_grid
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
    "spreads",
    "timeline",
]
