"""Train on a memory map that is larger than the memory this process may have: PATH WORKERS."""

import resource
import sys

import numpy as np

from scratchnet.layers import Dense
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import SGD
from scratchnet.training import evaluate, fit, predict

LIMIT = 250 << 20  # bytes; NumPy and the library need 60 MB
SHAPE = (30_000, 2500)  # 300 MB in float32


def main(path, workers):
    """Print the sum of the predictions, the loss, and the sizes."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    x = np.memmap(path, "float32", "r", shape=SHAPE)
    target = np.ones((len(x), 1), "float32")
    model = Dense(1, kernel_initializer="zeros")
    model.build(SHAPE[1:], 0)
    options = {"loss": MeanSquaredError(), "optimizer": SGD(1e-3), "batch_size": 1000}
    history = fit(model, x, target, **options, workers=workers, verbose=False)
    found = evaluate(model, options["loss"], x, target, workers=workers)["loss"]
    print(history["loss"][0], found, float(predict(model, x, workers=workers).mean()))
    try:
        np.ones(SHAPE, "float32")
    except MemoryError:
        print("the data do not fit into the memory")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
