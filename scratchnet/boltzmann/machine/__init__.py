"""The model: types of units, their energy, block Gibbs sampling and mean field."""
