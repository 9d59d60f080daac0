"""Boltzmann machines: units, one chain engine, an exact oracle, and what learns from them."""

from scratchnet.boltzmann.ais import LogPartition, ais
from scratchnet.boltzmann.baselines import RatingBaseline
from scratchnet.boltzmann.checking import check_gradient
from scratchnet.boltzmann.classifiers import DBMClassifier, DBNClassifier
from scratchnet.boltzmann.dbm import DBM
from scratchnet.boltzmann.dbn import DBN
from scratchnet.boltzmann.network import Network
from scratchnet.boltzmann.ratings import RatingRBM
from scratchnet.boltzmann.rbm import BernoulliRBM, GaussianRBM
from scratchnet.boltzmann.trainers import CD, PCD, Exact, FastPCD, ParallelTempering
from scratchnet.boltzmann.units import Bernoulli, Gaussian, Labelled, Softmax

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
    "Network",
    "ParallelTempering",
    "RatingBaseline",
    "RatingRBM",
    "Softmax",
    "ais",
    "check_gradient",
]
