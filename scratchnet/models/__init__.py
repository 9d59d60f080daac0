"""Models that need a training step, or an evaluation, of their own."""
