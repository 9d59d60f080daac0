"""Classifiers of MNIST that start from a deep belief network or a deep Boltzmann machine.

    python -m benchmarks.systems_machines dbn --out FOLDER

No lesson trains machines of this size: minutes of one core. The machine is trained on the 60,000
training images without labels, and its weights are the initial weights of a multilayer perceptron
that is trained with labels. The report has the form of a lesson's report.json.
"""

import argparse
import json
import math
import pathlib
import time

from sklearn.frozen import FrozenEstimator

from scratchnet.boltzmann import DBM, DBN, DBMClassifier, DBNClassifier
from scratchnet.data import load_images
from scratchnet.schedules import CosineDecay

SETTINGS = {
    "dbn": {"layers": (1000, 1000, 1000), "pretrain": 4, "rate": 0.1, "epochs": 15},
    "dbm": {
        "layers": (500, 1000),
        "pretrain": 20,
        "pretrain_rate": 0.05,
        "joint_epochs": 45,
        "rate": 0.01,
        "sweeps": 3,
        "epochs": 30,
    },
}
QUICK = 300  # training images
BATCH = 100


def machine(kind, settings, options):
    """Unfitted DBN or DBM."""
    if kind == "dbn":
        epochs, rate = settings["pretrain"], settings["rate"]
        return DBN(settings["layers"], n_iter=epochs, learning_rate=rate, **options)
    return DBM(
        settings["layers"],
        pretrain=settings["pretrain"],
        pretrain_rate=settings["pretrain_rate"],
        n_iter=settings["joint_epochs"],
        learning_rate=settings["rate"],
        mean_field_steps=settings["sweeps"],
        **options,
    )


def classifier(kind, fitted, epochs, updates, **options):
    """Unfitted classifier that starts from a fitted machine; its learning rate falls to 0."""
    rate = CosineDecay(0.001, epochs * updates)
    of_kind = DBNClassifier if kind == "dbn" else DBMClassifier
    return of_kind(FrozenEstimator(fitted), learning_rate=rate, n_iter=epochs, **options)


def train(kind, images, settings, seed, rows=None):
    """Metrics of a run with the first rows: test errors in percent, seconds of both phases."""
    x, x_test = (a.reshape(-1, 784) for a in (images.x_train[:rows], images.x_test))
    options = {"batch_size": BATCH, "random_state": seed}
    began = time.perf_counter()
    fitted = machine(kind, settings, options | {"weight_scale": 0.01}).fit(x)
    pretrained = time.perf_counter()
    print(f"machine: {pretrained - began:.0f} s", flush=True)
    curve = []

    def note(net, epoch):
        curve.append(100 * (1 - net.score(x_test, images.y_test)))
        print(f"epoch {epoch + 1}: test error {curve[-1]:.2f} %", flush=True)

    updates = math.ceil(len(x) / BATCH)
    net = classifier(kind, fitted, settings["epochs"], updates, on_epoch=note, **options)
    net.fit(x, images.y_train[:rows])
    return {
        "test error": curve[-1],
        "test error, first epoch": curve[0],
        "seconds of the machine": pretrained - began,
        "seconds of the classifier": time.perf_counter() - pretrained,
    }


def main(words=None):
    """Train one classifier and write FOLDER/mnist_dbn/report.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=list(SETTINGS))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("lessons_out"))
    parser.add_argument("--dataset", choices=("mnist", "digits"), default="mnist")
    parser.add_argument("--quick", action="store_true", help="few images, one epoch each")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(words)
    began = time.perf_counter()
    settings = dict(SETTINGS[given.kind])
    images = load_images(given.dataset, size=28)
    if given.quick:
        small = {name: 1 for name in settings if name in ("pretrain", "joint_epochs", "epochs")}
        settings |= small | {"layers": (20,) * len(settings["layers"])}
    metrics = train(given.kind, images, settings, given.seed, QUICK if given.quick else None)
    folder = given.out / f"{given.dataset}_{given.kind}-seed_{given.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    written = {
        "lesson": f"{given.dataset}_{given.kind}",
        "flags": ["--seed", str(given.seed)] if given.seed else [],
        "settings": settings | {"batch_size": BATCH, "seed": given.seed},
        "metrics": metrics,
        "seconds": round(time.perf_counter() - began, 2),
    }
    (folder / "report.json").write_text(json.dumps(written, indent=1) + "\n", encoding="ascii")
    print(json.dumps(written["metrics"]))


if __name__ == "__main__":
    main()
