"""The PyTorch accuracy that lesson 09 prints beside its own: one convolution and a Dense layer.

The reference is the mean of 40 seeds of `digits 10 32 0.003` and of 3 of `mnist 3 64 0.001`.

    SCRATCHNET_DATA=... PYTHONPATH=. python tests/reference/make_lesson_digits.py \\
        DATASET EPOCHS BATCH_SIZE LEARNING_RATE SEEDS
"""

import sys

import torch
from torch import nn

from scratchnet.data import load_images


def accuracy(images, epochs, batch_size, learning_rate, seed, kernel=7, filters=8):
    """Test accuracy of the classifier of lesson 09, from Glorot weights."""
    torch.manual_seed(seed)
    x, x_test = (
        torch.tensor(a).permute(0, 3, 1, 2).contiguous() for a in (images.x_train, images.x_test)
    )
    t, t_test = (torch.tensor(a).long() for a in (images.y_train, images.y_test))
    side = (29 - kernel) // 2
    model = nn.Sequential(
        nn.Conv2d(1, filters, kernel),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(filters * side * side, 10),
    )
    for p in model.parameters():
        nn.init.zeros_(p) if p.ndim == 1 else nn.init.xavier_uniform_(p)
    optimizer, loss = torch.optim.Adam(model.parameters(), learning_rate), nn.CrossEntropyLoss()
    for _ in range(epochs):
        for i in torch.randperm(len(x)).split(batch_size):
            optimizer.zero_grad()
            loss(model(x[i]), t[i]).backward()
            optimizer.step()
    with torch.no_grad():
        return (model(x_test).argmax(1) == t_test).float().mean().item()


if __name__ == "__main__":
    dataset, epochs, batch_size, learning_rate, seeds = sys.argv[1:]
    torch.set_num_threads(1)
    images = load_images(dataset, size=28)
    found = [
        accuracy(images, int(epochs), int(batch_size), float(learning_rate), seed)
        for seed in range(int(seeds))
    ]
    print(f"mean {sum(found) / len(found):.4f}, from {min(found):.4f} to {max(found):.4f}")
