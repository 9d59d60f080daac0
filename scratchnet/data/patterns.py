"""Made-up data of which everything is known, its entropy included."""

import numpy as np

from scratchnet.validation import check_positive_int

__all__ = ["bars_and_stripes"]


def bars_and_stripes(side):
    """All pictures of side x side pixels made of full columns or of full rows, (N, side^2).

    float32, 0 or 1, each once, N = 2 2^side - 2: all paper and all ink are both bars and stripes.
    The best likelihood that any model can have is that of picking one at random: -log N, which is
    -2.639 nats for side 3 and -3.401 for side 4. MacKay (2003), Information Theory, Inference, and
    Learning Algorithms, chapter 43.
    """
    n = check_positive_int("bars_and_stripes", "side", side)
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1  # (2^n, n)
    bars = np.repeat(bits[:, None, :], n, axis=1).reshape(-1, n * n)
    stripes = np.repeat(bits[1:-1, :, None], n, axis=2).reshape(-1, n * n)
    return np.concatenate([bars, stripes]).astype(np.float32)
