"""What people read beside the loss: (prediction, target) -> a number, averaged over samples."""


def accuracy(prediction, target):
    """The share of samples whose largest prediction stands at the right class.

    prediction (N, K), logits or probabilities; target (N,) class indices or (N, K) one-hot.
    """
    if target.ndim == 2:
        target = target.argmax(axis=1)
    return (prediction.argmax(axis=1) == target).mean()
