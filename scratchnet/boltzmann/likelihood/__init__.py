"""Log-likelihoods: exact by enumeration, annealed importance sampling, pseudo-likelihood."""
