"""Time of a training step, compared with other frameworks: ``python -m benchmarks``."""
