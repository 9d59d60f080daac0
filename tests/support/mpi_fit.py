"""Training under mpiexec: each rank writes its results to FOLDER/rank.npz. Argument: FOLDER."""

import sys
from pathlib import Path

import numpy as np
import test_factored_gradient
from test_workers import MODELS, trained

from scratchnet import factored_gradient
from scratchnet.callbacks import Checkpoint
from scratchnet.parallel import mpi_world


def main(folder):
    """Train each model, and one of them in two runs with a checkpoint."""
    results = {}
    for name, (make, x) in MODELS.items():
        results[name] = trained(make, x, None)
    make, x = MODELS["dense"]
    for epochs in (1, 2):
        callbacks = [Checkpoint(folder / "run.npz", resume=True)]
        results["resumed"] = trained(make, x, None, epochs=epochs, callbacks=callbacks)
    arrays = {name: parameters for name, (parameters, _) in results.items()}
    arrays |= {f"{name} loss": history["val_loss"] for name, (_, history) in results.items()}
    factored_gradient.LARGE = factored_gradient.LEAST = 0  # of small models, too
    arrays["factors"], _ = test_factored_gradient.trained(test_factored_gradient.penalized, None)
    np.savez(folder / f"{mpi_world().rank}.npz", **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
