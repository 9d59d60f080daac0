"""The speed of a training step beside other frameworks: ``python -m benchmarks``."""
