"""The model: kinds of units, their energy, block Gibbs sampling and mean field."""
