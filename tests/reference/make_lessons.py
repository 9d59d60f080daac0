"""The PyTorch figures that lessons 01 and 02 print beside theirs, on the bundled digits and MNIST.

Run where torch is installed, with the repository on the path, and copy the printed means and
ranges into the lessons:

    SCRATCHNET_DATA=... PYTHONPATH=. python tests/reference/make_lessons.py [digits|mnist] [seeds]
"""

import sys

import torch
from torch import nn

from scratchnet.data import load_images


def start(model, glorot=True):
    """Biases at zero; weights Glorot uniform, or as PyTorch drew them, U(-a, a), a^2 = 1/fan_in."""
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.bias)
            if glorot:
                nn.init.xavier_uniform_(layer.weight)


def train(model, loss, x, t, epochs, batch_size, falling=False):
    """Adam at 0.001, each epoch in a new order; falling: along half a cosine to zero."""
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    steps = epochs * -(-len(x) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for i in order.split(batch_size):
            optimizer.zero_grad()
            loss(model(x[i]), t[i]).backward()
            optimizer.step()
            if falling:
                schedule.step()


def autoencoder(data, glorot, epochs, batch_size):
    """Validation cross entropy of lesson 01."""
    x, x_val = (torch.tensor(a.reshape(-1, 784)) for a in (data.x_train, data.x_test))
    model = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 784), nn.Sigmoid())
    start(model, glorot)
    loss = nn.BCELoss()
    train(model, loss, x, x, epochs, batch_size)
    with torch.no_grad():
        return loss(model(x_val), x_val).item()


def classifier(data, falling, epochs, batch_size=64):
    """Test accuracy of lesson 02."""
    x, x_test = (torch.tensor(a.reshape(-1, 784)) for a in (data.x_train, data.x_test))
    t, t_test = torch.tensor(data.y_train), torch.tensor(data.y_test)
    model = nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    start(model)
    train(model, nn.CrossEntropyLoss(), x, t, epochs, batch_size, falling)
    with torch.no_grad():
        return (model(x_test).argmax(1) == t_test).float().mean().item()


def main(name="digits", seeds="5"):
    data = load_images(name, size=28)
    ae_batch, epochs = (32, 20) if name == "digits" else (256, 5)
    print(f"torch {torch.__version__}, {name}, seeds 0 to {int(seeds) - 1}")
    rows = {
        "01 val BCE, Glorot": lambda: autoencoder(data, True, 50, ae_batch),
        "01 val BCE, PyTorch's weights": lambda: autoencoder(data, False, 50, ae_batch),
        "02 test accuracy": lambda: classifier(data, False, epochs),
        "02 test accuracy, falling rate": lambda: classifier(data, True, epochs),
    }
    for label, run in rows.items():
        values = []
        for seed in range(int(seeds)):
            torch.manual_seed(seed)
            values.append(run())
        mean = sum(values) / len(values)
        print(f"{label:32} mean {mean:.4f}  range {min(values):.4f} to {max(values):.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
