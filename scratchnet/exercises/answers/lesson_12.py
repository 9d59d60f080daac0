"""Answer to lesson 12: positions left out in one block only.

The middle block costs most. The outermost block, k = 0, has by far the most positions and costs
no more than the innermost one: an error of one pixel shifts a stroke by one pixel of the picture.
In the blocks further inside one position means two and four pixels of the picture, and the
innermost block has only few positions.
"""

from scratchnet.exercises.answers.continued import lesson, shown
from scratchnet.training import fit


def main():
    """Train with `corner` in one block, and compare the validation losses."""
    m = lesson("12", "settings = dict(loss", "--epochs", "3")
    numbers = {}
    for k in (None, 0, 1, 2):
        model = m.build()
        blocks = [model.layers[2]]
        while blocks[-1].inner:
            blocks.append(blocks[-1].inner.layers[2])
        if k is not None:
            m.exchange(blocks[k], m.corner)
        settings = dict(loss=m.loss, optimizer=m.Adam(m.cfg.learning_rate), seed=m.cfg.seed)
        settings |= dict(epochs=m.cfg.epochs, batch_size=m.cfg.batch_size, verbose=False)
        history = fit(model, m.x, m.x, **settings, validation=(m.x_val, m.x_val))
        name = "all positions kept" if k is None else f"corner in block {k}"
        numbers[f"val MSE, {name}"] = history["val_loss"][-1]
    return shown(numbers)
