"""Neural networks from scratch in NumPy, written to be read.

Every gradient is written by hand next to the forward pass it belongs to, and every gradient is
checked against finite differences (``scratchnet gradcheck``). Start in ``lessons/``.
"""

__version__ = "0.2.0"
