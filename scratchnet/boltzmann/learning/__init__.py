"""Gradient estimates of the log-likelihood (CD, PCD, ...) and the update they feed."""
