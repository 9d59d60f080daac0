"""Figures, made with matplotlib; no other module of the library imports it.

Each function returns a matplotlib Figure, and `save` writes one to a file. `mosaic` returns an
array. Arguments called `groups` or `series` are dictionaries: {label in the legend: values}.
"""

from scratchnet.plots.charts import (
    bars,
    confusion,
    heat_map,
    histogram,
    named_bars,
    run_means,
    scatter,
)
from scratchnet.plots.images import (
    captioned,
    image_grid,
    image_rows,
    mosaic,
    signed_grid,
    signed_panels,
)
from scratchnet.plots.line_plots import curves, panels, roc, timeline
from scratchnet.plots.mark_tables import mark_table
from scratchnet.plots.style import save

__all__ = [
    "bars",
    "captioned",
    "confusion",
    "curves",
    "heat_map",
    "histogram",
    "image_grid",
    "image_rows",
    "mark_table",
    "mosaic",
    "named_bars",
    "panels",
    "roc",
    "run_means",
    "save",
    "scatter",
    "signed_grid",
    "signed_panels",
    "timeline",
]
