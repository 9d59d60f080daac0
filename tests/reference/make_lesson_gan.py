"""The PyTorch figures that lesson 20 prints beside its own: the same GAN, judged by the same judge.

Run where torch is installed, with the repository on the path; the judge is the lesson's file:

    SCRATCHNET_DATA=... PYTHONPATH=. python tests/reference/make_lesson_gan.py JUDGE \
        [digits|mnist] [seeds]
"""

import sys

import torch
from make_lessons import start
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from scratchnet.data import load_images
from scratchnet.models.judge import Judge

RUNS = {  # beta_1, learning rate, epochs on digits and on MNIST, decay of the mean on both
    "as stated": (0.9, 2e-4, (60, 5), (0, 0)),
    "repaired": (0.5, 2e-4, (60, 5), (0, 0)),
    "recipe": (0.5, 5e-4, (60, 10), (0.99, 0.999)),
}


def gan(x, beta_1, rate, epochs, decay, batch_size=64):
    """10,000 samples (10000, 784), 0 to 1, of a G trained on x in [-1, 1]."""
    g = nn.Sequential(nn.Linear(100, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh())
    d = nn.Sequential(nn.Linear(784, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1))
    for model in (g, d):
        start(model, glorot=False)
    mean = AveragedModel(g, multi_avg_fn=get_ema_multi_avg_fn(decay))
    of_g, of_d = (torch.optim.Adam(m.parameters(), rate, (beta_1, 0.999)) for m in (g, d))
    loss = nn.BCEWithLogitsLoss()
    for _ in range(epochs):
        for i in torch.randperm(len(x)).split(batch_size):
            one, zero = torch.ones(len(i), 1), torch.zeros(len(i), 1)
            of_d.zero_grad()
            fake = g(torch.randn(len(i), 100)).detach()
            (loss(d(x[i]), one) + loss(d(fake), zero)).backward()
            of_d.step()
            of_g.zero_grad()
            loss(d(g(torch.randn(len(i), 100))), one).backward()
            of_g.step()
            if decay:
                mean.update_parameters(g)
    with torch.no_grad():
        return (((mean if decay else g)(torch.randn(10000, 100)) + 1) / 2).numpy()


def main(judge, name="digits", seeds="3"):
    data, mnist = load_images(name, size=28), name == "mnist"
    test, known = data.x_test.reshape(-1, 784), Judge()
    known.load_or_train(judge, data.x_train.reshape(-1, 784), data.y_train)
    x = torch.tensor(2 * data.x_train.reshape(-1, 784) - 1)
    for title, (beta_1, rate, epochs, decay) in RUNS.items():
        for seed in range(int(seeds)):
            torch.manual_seed(seed)
            y = gan(x, beta_1, rate, epochs[mnist], decay[mnist])
            shares = known.shares(y)
            print(f"{name}, {title}, seed {seed}: distance {known.distance(test, y):.1f}, spread "
                  f"{y.std(axis=0).mean():.3f}, rarest {100 * shares.min():.1f} %, "
                  f"{(shares > 0.01).sum()} classes", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
