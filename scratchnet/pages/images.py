"""Images for the pages: their shape, and a few examples as bytes."""

import base64
from typing import Any

import numpy as np

from scratchnet.validation import require

EXAMPLES = 20  # images that a page can load
BYTES = 20_000  # of these images at most


def image_shape_of(
    input_shapes: list[tuple[int, ...]], image_shape: tuple[int, int] | None = None
) -> tuple[int, int]:
    """Height and width of the images that models take.

    Parameters
        input_shapes   of the models: (D,), (H, W) or (H, W, 1), all of one size
        image_shape    (height, width) where D is no square

    Raises ValueError for colour images, and for shapes that do not fit.

    >>> image_shape_of([(64,), (8, 8, 1)])
    (8, 8)
    """
    sizes = {int(np.prod(shape)) for shape in input_shapes}
    require(
        len(sizes) == 1,
        f"a page expects models of one input size; got {', '.join(map(str, input_shapes))}",
    )
    (size,) = sizes
    found: tuple[int, ...] | None = image_shape
    for shape in input_shapes:
        if len(shape) > 1 and found is None:
            found = shape[:2]
    if found is None:
        side = round(size**0.5)
        found = (side, side) if side * side == size else (1, size)
    require(
        len(found) == 2 and found[0] * found[1] == size,
        f"a page expects gray images of height x width numbers; got samples of {size} numbers and "
        f"images of {' x '.join(map(str, found))}: pass image_shape=(height, width)",
    )
    return int(found[0]), int(found[1])


def example_images(
    x: np.ndarray | None, labels: list | None = None, most: int = EXAMPLES
) -> dict[str, Any] | None:
    """Up to `most` of the images x (N, D) as bytes: {"bytes": base64, "low", "high", "labels"}.

    With labels, images of all classes by turns. A byte b is the value low + (high - low) b / 255.

    >>> example_images(np.eye(2), ["a", "b"])["labels"]
    ['a', 'b']
    """
    if x is None or not len(x):
        return None
    n = max(1, min(most, BYTES // x.shape[1], len(x)))
    chosen = list(range(n)) if labels is None else _by_turns(labels, n)
    low, high = float(x[chosen].min()), float(x[chosen].max())
    span = high - low or 1.0
    as_bytes = np.round(255 * (x[chosen] - low) / span).astype("uint8")
    return {
        "bytes": base64.b64encode(as_bytes.tobytes()).decode(),
        "low": low,
        "high": high,
        "labels": None if labels is None else [str(labels[i]) for i in chosen],
    }


def _by_turns(labels, n):
    """Numbers of n samples: the first of each class, the second of each class, ..."""
    seen, places = {}, []
    for i, label in enumerate(labels):
        seen[label] = seen.get(label, 0) + 1
        places.append((seen[label], label, i))
    return [i for _, _, i in sorted(places)[:n]]
