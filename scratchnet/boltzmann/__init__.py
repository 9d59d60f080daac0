"""Boltzmann machines: RBM, DBN and DBM, their training, sampling and likelihoods."""

from scratchnet.boltzmann.deep.classifiers import DBMClassifier, DBNClassifier
from scratchnet.boltzmann.deep.dbm import DBM
from scratchnet.boltzmann.deep.dbn import DBN
from scratchnet.boltzmann.estimators.rbm import BernoulliRBM, GaussianRBM
from scratchnet.boltzmann.learning.trainers import CD, PCD, Exact, FastPCD, ParallelTempering
from scratchnet.boltzmann.likelihood import exact
from scratchnet.boltzmann.likelihood.ais import LogPartition, ais
from scratchnet.boltzmann.likelihood.gradcheck import check_gradient
from scratchnet.boltzmann.machine.energy_model import EnergyModel
from scratchnet.boltzmann.machine.units import Bernoulli, Gaussian, Labelled, Softmax
from scratchnet.boltzmann.ratings.baseline import RatingBaseline
from scratchnet.boltzmann.ratings.rating_rbm import RatingRBM

__all__ = [
    "CD",
    "DBM",
    "DBN",
    "PCD",
    "Bernoulli",
    "BernoulliRBM",
    "DBMClassifier",
    "DBNClassifier",
    "Exact",
    "FastPCD",
    "Gaussian",
    "GaussianRBM",
    "Labelled",
    "LogPartition",
    "EnergyModel",
    "ParallelTempering",
    "RatingBaseline",
    "RatingRBM",
    "Softmax",
    "ais",
    "check_gradient",
    "exact",
]
