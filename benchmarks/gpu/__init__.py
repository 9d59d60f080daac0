"""Measurements on a GPU, run by ``python -m benchmarks.on_gpu``."""
