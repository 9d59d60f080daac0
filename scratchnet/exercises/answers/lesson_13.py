"""Answer to lesson 13: an AUC from each of the three colours.

For the convolutional network one colour is nearly enough: its AUC is a few hundredths below that
of all three together, whose errors average out. For PCA green or blue alone is even slightly
better than all: the red errors vary more over the normal pictures. The script takes smaller
pictures and fewer epochs than the lesson, so its AUCs are lower.
"""

from scratchnet.exercises.answers.continued import lesson, shown
from scratchnet.metrics import roc_auc


def main():
    """AUC of the errors in all numbers, and in those of one colour, for PCA and the network."""
    m = lesson("13", "metrics = {}", "--size", "32", "--epochs", "8", "--epochs-dense", "1")
    numbers = {}
    for model in ("convolutional", "PCA"):
        squares = {
            k: ((m.copies[model][k] - m.flat[k]) ** 2).reshape(len(m.flat[k]), -1, 3)
            for k in ("unseen", "anomalies")
        }
        numbers[f"AUC, {model}, all colours"] = roc_auc(
            *(s.mean(axis=(1, 2)) for s in squares.values())
        )
        for c, colour in enumerate(("red", "green", "blue")):
            scores = [s[:, :, c].mean(axis=1) for s in squares.values()]
            numbers[f"AUC, {model}, {colour}"] = roc_auc(*scores)
    return shown(numbers)
