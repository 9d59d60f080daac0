"""Table of a model's layers, in the form of Keras: `Sequential.summary()` returns it."""

from scratchnet.layers.shapes import format_shape

HEAD = ("Layer (type)", "Output shape", "Param #", "Cache for backward")


def summary(model):
    """Table with one row for each layer, the layers inside another indented, and the totals below.

    The last column is what `forward` keeps for `backward`; x is the layer's input, y its output.
    Raises ValueError for a model that is not built, because its shapes are not known yet.

    >>> from scratchnet.layers import Dense, ReLU, Sequential
    >>> model = Sequential([Dense(3), ReLU()])
    >>> model.build((4,), 0)
    (3,)
    >>> print(model.summary())
    Model: sequential, input (N, 4)
    --------------------------------------------------------
    Layer (type)   Output shape  Param #  Cache for backward
    --------------------------------------------------------
    dense (Dense)  (N, 3)             15  x
    relu (ReLU)    (N, 3)              0  y
    --------------------------------------------------------
    Total params: 15
      trainable:         15
      frozen:            0
      running averages:  0
    """
    if model.input_shape is None:
        raise ValueError(f"{model.title} is not built yet: call build(input_shape, seed) first")
    rows = list(_rows(model, ""))
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, strict=True)]
    line = "-" * (sum(widths) + 2 * len(widths) - 2)

    def text(row):
        name, shape, count, cache = row
        cells = (name.ljust(widths[0]), shape.ljust(widths[1]), count.rjust(widths[2]), cache)
        return "  ".join(cells)

    trainable = sum(p.value.size for _, p in model.parameter_items(trainable_only=True))
    frozen = model.n_parameters - trainable
    averages = _size(model) - model.n_parameters
    return "\n".join(
        [
            f"Model: {model.name or model.default_name()}, input {format_shape(model.input_shape)}",
            line,
            text(HEAD),
            line,
            *map(text, rows),
            line,
            f"Total params: {_size(model):,}",
            f"  trainable:         {trainable:,}",
            f"  frozen:            {frozen:,}",
            f"  running averages:  {averages:,}",
        ]
    )


def _size(layer):
    """Number of entries of a layer's arrays: parameters and, as in Keras, running averages."""
    return layer.n_parameters + sum(value.size for value in layer.named_state().values())


def _rows(model, indent):
    name_of = {layer: name for name, layer in model.children.items()}
    shapes = getattr(model, "shapes", [layer.output_shape for layer in name_of])
    for layer, shape in zip(getattr(model, "layers", name_of), shapes, strict=True):
        name = f"{indent}{name_of[layer]} ({type(layer).__name__})"
        yield name, format_shape(shape), f"{_size(layer):,}", layer.remembers
        yield from _rows(layer, indent + "  ")
