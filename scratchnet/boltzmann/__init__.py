"""Boltzmann machines: units, one chain engine, an exact oracle, and what learns from them."""

from scratchnet.boltzmann.network import Network
from scratchnet.boltzmann.units import Bernoulli, Gaussian, Softmax

__all__ = ["Bernoulli", "Gaussian", "Network", "Softmax"]
