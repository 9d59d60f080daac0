"""What people read beside the loss: (prediction, target) -> a number, averaged over samples."""

from scratchnet.backend import xp_of


def accuracy(prediction, target):
    """The share of samples whose largest prediction stands at the right class.

    prediction (N, K), logits or probabilities; target (N,) class indices or (N, K) one-hot.
    """
    if target.ndim == 2:
        target = target.argmax(axis=1)
    return (prediction.argmax(axis=1) == target).mean()


def roc_auc(usual, odd):
    """P(the score of an odd sample > that of a usual one), ties count half: the area under the ROC.

    usual (N,) and odd (M,): one score a sample. 1 sorts them perfectly, 1/2 is guessing, and it
    needs no threshold. Mann and Whitney (1947).
    """
    xp = xp_of(usual, odd)
    usual = xp.sort(usual)
    below, up_to = (xp.searchsorted(usual, odd, side=side) for side in ("left", "right"))
    return (below + up_to).sum() / (2 * len(usual) * len(odd))
