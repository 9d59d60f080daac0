"""Answer to lesson 14: the distance of the code to the nearest code of a training picture.

The distance of the code is at chance level, about 0.5, for both kinds of pictures, while the
error of the copy finds most anomalies. The encoder has learned nothing about pictures of another
kind: it maps them between the codes of the training pictures. That such a code does not describe
its picture shows in the copy only. The script takes smaller pictures and fewer epochs than the
lesson.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from scratchnet.exercises.answers.continued import lesson, shown
from scratchnet.layers import Dense, Sequential
from scratchnet.metrics import roc_auc
from scratchnet.training import predict


def main():
    """AUC by the error of the copy and by the distance of the code."""
    m = lesson("14", "pca = PCA(min", "--size", "32", "--epochs", "8")
    model = m.models[m.narrow]
    first = next(i for i, layer in enumerate(model.layers) if isinstance(layer, Dense))
    encoder = Sequential(model.layers[: first + 1])
    encoder.build((m.cfg.size, m.cfg.size, 3), 0)  # its layers keep their weights
    codes = {k: np.asarray(predict(encoder, a)) for k, a in m.pictures.items()}
    search = NearestNeighbors(n_neighbors=1).fit(codes["train"])
    distance = {k: search.kneighbors(code)[0][:, 0] for k, code in codes.items()}
    error = {k: ((y - m.flat[k]) ** 2).mean(axis=1) for k, y in m.copies[m.narrow].items()}
    numbers = {}
    for name, score in (("error of the copy", error), ("distance of the code", distance)):
        for kind in ("anomalies", "upside down"):
            numbers[f"AUC of {kind}, {name}"] = roc_auc(score["unseen"], score[kind])
    return shown(numbers)
