"""An RBM for ratings with missing entries, its data and a baseline."""
