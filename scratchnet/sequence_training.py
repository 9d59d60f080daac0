"""Training on sequences that are too long for one gradient: truncated backpropagation in time.

    y, state = model.run(x, state)                        inference, one part after the other
    truncated_bptt(model, loss, optimizer, x, t, steps)   training, with an update for each part

Both carry the state of the recurrent layers from part to part explicitly: no layer stores it.
"""

from typing import Any

from scratchnet.backend import Array
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError
from scratchnet.loss_base import with_mask
from scratchnet.losses import Loss
from scratchnet.optimizer_base import Optimizer
from scratchnet.training_checks import check_loss, check_model, check_optimizer
from scratchnet.validation import check_positive_int


def truncated_bptt(
    model: Layer,
    loss: Loss,
    optimizer: Optimizer,
    x: Array,
    target: Array,
    steps: int,
    initial_state: Any = None,
) -> tuple:
    """Train on long sequences in parts of some steps; return (mean loss, state after the last).

        for each part of x, of `steps` steps:
            y, cache = forward of the part, from the state after the part before
            update the parameters by the gradient of the part
            state = the state after the part, a constant for the next one

    The state of a part contains all steps before it, but the gradient ends at the start of the part
    (it is truncated), so that time and memory of an update do not grow with the length. With
    ``steps`` as large as the length it is one `train_step`. To start at the state of the call
    before, pass that state: text of any length may be read in pieces, as N streams side by side.

    Parameters
        model           built for any number of steps, (None, D), with recurrent layers that keep
                        the steps (return_sequences=True)
        x, target       (N, T, ...), a target for each step
        steps           of a part; the last part may be shorter
        initial_state   of the first step, as this function and `Layer.run` return it; None: zeros

    The mean loss, over the parts weighted by their steps, stays on the device; a penalty of layers
    is part of the gradient, not of the loss. Noise is drawn from the generators of the layers, see
    `Layer.set_rng`.

    Williams and Peng (1990), An efficient gradient-based algorithm for on-line training of
    recurrent network trajectories.

    >>> import numpy as np
    >>> from scratchnet.layers import GRU, Dense, Sequential, TimeDistributed
    >>> from scratchnet.losses import MeanSquaredError
    >>> from scratchnet.optimizers import Adam
    >>> model = Sequential([GRU(8, return_sequences=True), TimeDistributed(Dense(1))])
    >>> model.build((None, 1), 0)
    (None, 1)
    >>> x = np.sin(np.arange(201, dtype="float32")).reshape(1, -1, 1)  # predict the next number
    >>> now, later, optimizer = x[:, :-1], x[:, 1:], Adam(0.02)
    >>> losses = []
    >>> for epoch in range(20):
    ...     value, state = truncated_bptt(model, MeanSquaredError(), optimizer, now, later, 10)
    ...     losses.append(float(value))
    >>> losses[0] > 0.1, losses[-1] < 0.01
    (True, True)
    """
    check_positive_int("truncated_bptt", "steps", steps)
    check_model(model)
    check_loss(loss)
    check_optimizer(optimizer)
    if x.ndim < 2 or target.shape[:2] != x.shape[:2]:
        raise ShapeError(
            f"truncated_bptt expects x and a target with the same first axes (N, T); got {x.shape} "
            f"and {target.shape}"
        )
    optimizer.bind(model)
    state, total = initial_state, 0
    for start in range(0, x.shape[1], steps):
        s = slice(start, start + steps)
        options = {} if state is None else {"initial_state": state}
        y, cache = model.forward(x[:, s], train=True, **options)
        t, part_loss = target[:, s], with_mask(loss, y, model.input_mask(cache))
        value, loss_cache = part_loss.forward(y, t)
        grads = model.weight_gradients(part_loss.backward(loss_cache), cache)
        optimizer.step(model.parameters, model.flatten(grads))
        model.update_running_stats(cache)
        state = model.final_state(cache)
        total = total + value * t.shape[1]
    return total / x.shape[1], state
