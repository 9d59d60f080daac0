"""Page of an X-ray: a heat map layer by step, a slider, and a table of the numbers of a step."""

from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.pages.html import resource, write_page

NUMBERS = 40_000  # of all measures, layers and steps in a page: 4 bytes each, 5.4 in base64


def write_xray_page(path: str | Path, record: dict[str, Any]) -> Path:
    """Write the page of a record to a file, and return the path.

    Of a long record the page has every second step, or every third, and so on. Its self-check
    compares the medians of each layer with those of NumPy.

    Parameters
        record   model, layers, shapes, steps, measures, values and verdicts, see `XRay.record`

    >>> import tempfile
    >>> record = dict(model="net", layers=["dense"], shapes=["(N, 2)"], steps=[0, 4], verdicts=[])
    >>> record |= dict(measures={"mean": "mean of y"}, values={"mean": [[0.5, 0.25]]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     text = write_xray_page(f"{folder}/xray.html", record).read_text(encoding="ascii")
    >>> "X-ray of net" in text
    True
    """
    with np.errstate(over="ignore"):  # of a model that diverges
        values = {n: np.array(rows).astype("float32") for n, rows in record["values"].items()}
    values = {name: rows for name, rows in values.items() if not np.isnan(rows).all()}
    every = -(-sum(rows.size for rows in values.values()) // NUMBERS)
    values = {name: rows[:, ::every] for name, rows in values.items()}
    medians = {
        n: np.median(rows[np.isfinite(rows).all(axis=1)], axis=1) for n, rows in values.items()
    }
    data = {
        "layers": record["layers"],
        "shapes": record["shapes"],
        "steps": record["steps"][::every],
        "measures": record["measures"],
        "values": values,
        "medians": medians,
        "verdicts": record["verdicts"],
    }
    return write_page(
        path,
        title=f"X-ray of {record['model']}",
        body=resource("xray.html"),
        data=data,
        scripts=["xray.js"],
        styles=["xray.css"],
    )
