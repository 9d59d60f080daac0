"""Answers to the questions of the lessons: each script runs, and its numbers fit its words."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from scratchnet import cli, workers
from scratchnet.exercises.answers import answer_to, lessons, run_answer
from scratchnet.exercises.answers.continued import lesson
from scratchnet.plots import style

LESSONS = sorted((Path(__file__).parents[3] / "lessons").glob("[0-9]*.py"))
NUMBERS = lessons()


def test_an_answer_belongs_to_a_lesson_that_names_it():
    named = []
    for path in LESSONS:
        exercise = path.read_text(encoding="ascii").partition("# Exercise\n")[2]
        named += re.findall(r"scratchnet answer (\d+)", exercise.partition("# %%")[0])
    assert named == lessons()


def test_the_exercises_that_lessons_name_exist():
    from scratchnet.exercises.catalogue import find

    for path in LESSONS:
        text = path.read_text(encoding="ascii")
        for name in re.findall(r"scratchnet exercise (\w+)", text):
            file = find(name).file
            assert f"scratchnet grade exercises/{file}" in text, (path.name, name)


@pytest.mark.parametrize("number", NUMBERS)
def test_an_answer_consists_of_words_and_a_short_script(number):
    text = answer_to(number)
    words = text.split('"""')[1]
    assert words.startswith(f"Answer to lesson {number}: ") and len(words.split()) > 30
    assert len(text.splitlines()) < 110


def test_the_command_prints_an_answer(capsys):
    for name in ("1", "01", "01_dense_autoencoder.py"):
        assert cli.main(["answer", name]) == 0
        assert "dW = x^T dy" in capsys.readouterr().out
    assert cli.main(["answer", "11", "--run"]) == 0
    assert "M^T - matrix of the flipped kernel" in capsys.readouterr().out


def test_an_unknown_lesson_gets_one_sentence(capsys):
    assert cli.main(["answer", "77"]) == 2
    assert "unknown answer to the lesson '77'" in capsys.readouterr().err


def test_a_lesson_runs_up_to_a_line():
    module = lesson("11", "def conv(")
    assert module.cfg.lesson == "11_latent_space" and not hasattr(module, "conv")
    with pytest.raises(ValueError, match="no line of lesson 11 begins with 'nothing'"):
        lesson("11", "nothing")


CLAIMS = {  # what the words of an answer say about its numbers
    "01": lambda n: max(n.values()) < 1e-12,
    "02": lambda n: (
        n["relative error in the gradient check"] > 0.5
        and abs(
            n["test accuracy, SGD, rate 0.1"]
            - n["test accuracy, SGD, rate 0.1 / 64, wrong gradient"]
        )
        < 0.02
    ),
    "03": lambda n: (
        n["difference of the two PCAs"] < 1e-4
        and n["share of the variance of PCA in the subspace of W2"] > 0.98
    ),
    "04": lambda n: (
        n["SGD: length of the way, times"] > 900 and n["Adam: length of the way, times"] < 1.01
    ),
    "05": lambda n: 0.9 * n["MSE, factor 1"] < n["MSE, factor 1.05"] < n["MSE, factor 1"],
    "06": lambda n: n["MSE, 50% erased"] < n["MSE, Gaussian noise of 0.5"] < n["MSE, 70% erased"],
    "07": lambda n: (
        n["1.2 spreads, code: distance"]
        < n["1.2 spreads, along the surface: distance"]
        < n["1.2 spreads, pixels: distance"]
    ),
    "08": lambda n: n["largest difference"] < 1e-12 and n["time from x / time from y"] > 1,
    "09": lambda n: (
        n["rows of P, strides=2"] * 4 == n["rows of P, strides=1"]
        and max(v for k, v in n.items() if " - " in k) < 1e-9
    ),
    "10": lambda n: (
        n["MSE of digits, strides"] < 0.8 * n["MSE of digits, poolings"]
        and n["MSE of negatives, strides"] < n["MSE of negatives, poolings"]
    ),
    "11": lambda n: max(n.values()) == 0,
    "12": lambda n: (
        n["val MSE, corner in block 1"]
        == max(n.values())
        > n["val MSE, corner in block 0"]
        > n["val MSE, all positions kept"]
    ),
    "13": lambda n: (
        n["AUC, convolutional, all colours"]
        > max(n[f"AUC, convolutional, {c}"] for c in ("red", "green", "blue"))
        > 0.85
    ),
    "14": lambda n: (
        n["AUC of anomalies, error of the copy"] > 0.75
        and n["AUC of anomalies, distance of the code"] < 0.65
    ),
    "15": lambda n: (
        n["within 0.5, codes with |z| < 2"] > 0.8 > n["within 0.5, codes with |z| > 2"] > 0.4
    ),
    "16": lambda n: (
        n["relative error in the gradient check"] < 1e-6
        and n["K by the formula"] < 0.7 * n["K by its definition, mean of log q - log p"]
        and n["loss as trained"] > n["-log p(x)"]
    ),
    "17": lambda n: (
        n["decoded, t = 0.5"] < n["decoded, t = 0.9"] < n["decoded, t = 1.0"] < n["real pictures"]
    ),
    "18": lambda n: (
        n["edges, beta 10, from mu"] < n["edges, beta 10, from z"] < n["edges, beta 1, from mu"]
    ),
    "19": lambda n: n["AUC, error with an s for each pixel"] > n["AUC, MSE"] and n["AUC, KL"] < 0.5,
    "20": lambda n: n["-log D: norm in epoch 6"] > n["maximal L_D: norm in epoch 6"],
    "21": lambda n: (
        n["of what it adds later, with x_t"] < 0.3 < 0.8 < n["of what it adds later, with x_1"]
    ),
    "22": lambda n: abs(n["turns around the center, for phases from 0 to 2 pi"] - 1) < 0.05,
    "23": lambda n: (
        n["distance of an error along a rare pattern"]
        > 100 * n["distance of an error along a frequent pattern"]
    ),
    "24": lambda n: n["accuracy, columns"] > max(0.6, n["accuracy, rows"] - 0.05),
    "25": lambda n: (
        n["-log p, random pictures, k = 1"]
        > n["-log p, CD-1"]
        > n["-log p, random pictures, k = 10"]
        > n["-log p, CD-10"]
    ),
    "26": lambda n: all(
        n[f"pixels, {labels} labels"] > n[f"RBM in the Pipeline, {labels} labels"]
        for labels in (100, 300, 1437)
    ),
    "27": lambda n: n["biases"] < n["majority of each film"] < n["always the same"],
    "28": lambda n: n["test error, up-down (%)"] < n["test error, layer by layer (%)"] < 20,
    "29": lambda n: (
        n["cosine, repaired: all but top_down"]
        > 0.95
        > 0.8
        > n["cosine, repaired: second_input"]
        > n["cosine, repaired: top_down"]
    ),
    "30": lambda n: (
        abs(n["bound, test, 3 layers"] - n["bound, test, 2 layers"]) < 0.5
        and n["weights of the middle RBM / those in the machine"] > 1.9
    ),
    "31": lambda n: (
        n["label 3: read as 3"] > 0.7
        and 0.1 < n["label 3 and 8: read as 3"] < 0.7
        and 0.1 < n["label 3 and 8: read as 8"] < 0.8
    ),
    "33": lambda n: (
        n["numbers / P, its own stretch"] == 0.25
        and n["numbers / P, all parameters"] == 2
        and n["difference of the updates"] == 0
    ),
    "34": lambda n: (
        n["fine only: right digit"] < 0.25
        and n["coarse only: right digit"] > 0.8 * n["both: right digit"]
        and n["fine only: AUC against paper beside"] > 0.95
        and n["coarse only: AUC against paper beside"] < 0.7
        and n["fine only: AUC against clutter"] < 0.7 < n["coarse only: AUC against clutter"]
    ),
    "35": lambda n: (
        n["letter 1 of a word"] > 1.5 * n["letter 2 of a word"]
        and 2 * n["letter 4 of a word"] < n["letter 1 of a word"]
        and n["share of the first letters in all bits"] > 0.25
    ),
}


@pytest.mark.lessons
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("number", NUMBERS)
def test_the_numbers_of_an_answer_fit_its_words(number, monkeypatch):
    monkeypatch.setattr(style, "save", lambda figure, path: None)  # the lesson's test draws them
    monkeypatch.setattr(workers, "worker_count", lambda *args, **kwargs: 1)  # tests use all cores
    numbers = run_answer(number)
    plt.close("all")
    assert CLAIMS[number](numbers), numbers
