"""The table that `Sequential.summary()` returns, in Keras' form."""

from scratchnet.layers.shapes import format_shape

HEAD = ("Layer (type)", "Output shape", "Param #", "Remembers for backward")


def summary(model):
    """One row for each layer, nested models indented; below it the totals.

    Raises ValueError for a model that is not built: its shapes are not known yet.
    """
    if model.input_shape is None:
        raise ValueError(f"{model.title} is not built yet: call build(input_shape, seed) first")
    rows = list(_rows(model, ""))
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, strict=True)]
    line = "-" * (sum(widths) + 2 * len(widths) - 2)

    def text(row):
        name, shape, count, remembers = row
        cells = (name.ljust(widths[0]), shape.ljust(widths[1]), count.rjust(widths[2]), remembers)
        return "  ".join(cells)

    trainable = sum(p.value.size for _, p in model.parameter_items(trainable_only=True))
    frozen = model.n_parameters - trainable
    kept = _numbers(model) - model.n_parameters
    return "\n".join(
        [
            f"Model: {model.name or model.default_name()}, input {format_shape(model.input_shape)}",
            line,
            text(HEAD),
            line,
            *map(text, rows),
            line,
            f"Total params: {_numbers(model):,}",
            f"  trainable:  {trainable:,}",
            f"  frozen:     {frozen:,}",
            f"  kept state: {kept:,}",
        ]
    )


def _numbers(layer):
    """How many numbers a layer holds, running averages included, as Keras counts."""
    return layer.n_parameters + sum(value.size for value in layer.named_state().values())


def _rows(model, indent):
    name_of = {layer: name for name, layer in model.children.items()}
    for layer, shape in zip(model.layers, model.shapes, strict=True):
        name = f"{indent}{name_of[layer]} ({type(layer).__name__})"
        yield name, format_shape(shape), f"{_numbers(layer):,}", layer.remembers
        if hasattr(layer, "layers"):
            yield from _rows(layer, indent + "  ")
