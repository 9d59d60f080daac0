"""Grading: empty answers, right answers, and answers with a mistake."""

import re
import types

import pytest
from exercise_solutions import BODIES, MISTAKES, solution, with_mistake

from scratchnet import cli, layers, losses, optimizers
from scratchnet.exercises import grading
from scratchnet.exercises.catalogue import EXERCISES, find
from scratchnet.exercises.files import load, progress, write
from scratchnet.exercises.grading import grade, grade_module

each = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
LIBRARY = {"layer": layers, "loss": losses, "optimizer": optimizers}


@each
def test_an_empty_answer_scores_nothing(exercise, tmp_path):
    result = grade(write(exercise, tmp_path))
    assert result.passed == 0 and len(result.results) >= 2
    assert "is empty, line" in str(result)


@each
@pytest.mark.parametrize("body", ["pass", "return 0", "return None, None", "return 0.0, {}"])
def test_an_answer_without_a_formula_scores_nothing(exercise, body, tmp_path):
    path = write(exercise, tmp_path)
    path.write_text(path.read_text().replace("raise NotImplementedError", body))
    assert grade(path).passed == 0


@each
def test_a_solution_passes(exercise, tmp_path):
    path = tmp_path / exercise.file
    path.write_text(solution(exercise.name))
    result = grade(path)
    assert result.ok, result
    assert progress(tmp_path) == {
        exercise.name: {"passed": result.passed, "of": len(result.results)}
    }


@pytest.mark.parametrize("exercise", [e for e in EXERCISES if e.kind in LIBRARY], ids=str)
def test_the_library_passes(exercise):
    assert grade_module(exercise, LIBRARY[exercise.kind]).ok


@pytest.mark.parametrize("name, old, new, words", MISTAKES, ids=lambda v: str(v)[:24])
def test_a_mistake_gets_a_sentence(name, old, new, words, tmp_path):
    path = tmp_path / find(name).file
    path.write_text(with_mistake(name, old, new))
    result = grade(path)
    sentence = str(result).splitlines()[-1]
    assert not result.ok
    assert words in sentence, sentence


def test_there_is_a_mistake_for_each_exercise():
    assert {name for name, *_ in MISTAKES} == {e.name for e in EXERCISES} == set(BODIES)


def test_a_wrong_forward_does_not_pass_although_its_gradient_fits(tmp_path):
    path = tmp_path / "tanh.py"
    path.write_text(solution("Tanh").replace("y = np.tanh(x)", "y = np.tanh(x) + 1 - 1e-3"))
    text = path.read_text().replace("cache**2", "(cache - 1 + 1e-3) ** 2")
    path.write_text(text)
    result = grade(path)
    assert [bool(sentence) for _, sentence in result.results] == [True, False]
    assert "y differs by +0.999 in every entry" in str(result)


def test_options_are_counted_apart(tmp_path):
    path = tmp_path / "dense.py"
    right = "        if self.use_bias:\n            y += self.b"
    assert right in solution("Dense")
    path.write_text(solution("Dense").replace(right, "        y += self.b"))
    result = grade(path)
    assert "2 of 4 pass; next: forward, use_bias=False" in str(result)


def test_an_error_in_the_answer_is_described_with_its_line(tmp_path):
    path = tmp_path / "relu.py"
    path.write_text(solution("ReLU").replace("np.maximum", "np.maximal"))
    line = path.read_text().splitlines().index("        return np.maximal(x, 0), x") + 1
    sentence = str(grade(path)).splitlines()[-1]
    assert sentence.startswith(f"line {line}: AttributeError: ")


def test_an_error_in_backward_is_described_with_its_line(tmp_path):
    path = tmp_path / "relu.py"
    path.write_text(solution("ReLU").replace("dy * (cache > 0)", "dy * cache.positive"))
    line = path.read_text().splitlines().index("        return dy * cache.positive, {}") + 1
    assert str(grade(path)).splitlines()[-1].startswith(f"line {line}: AttributeError: ")


def test_empty_checks_are_marked(tmp_path):
    path = write(find("ReLU"), tmp_path)
    text = path.read_text().replace("raise NotImplementedError", "return np.maximum(x, 0), x", 1)
    path.write_text(text)
    lines = str(grade(path)).splitlines()
    assert lines[1:3] == ["  ok     forward", "  empty  backward"]


def test_only_the_first_failing_check_shows_what_the_answer_prints(tmp_path, capsys):
    path = tmp_path / "relu.py"
    text = solution("ReLU").replace("return dy * (cache > 0)", "print('in'); return dy")
    path.write_text(text.replace("return np.maximum", "print('out'); return np.maximum"))
    shown = []
    text = grade(path, shown.append).summary
    assert shown == ["ReLU", "  ok     forward", "  WRONG  backward", "  WRONG  backward at x = 0"]
    assert text.count("in\n") + text.count("out\n") == 10 and "more lines printed)" in text
    assert capsys.readouterr().out == ""


def test_an_endless_loop_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "SECONDS", 0.2)
    monkeypatch.setattr(grading, "SECONDS_AFTERWARDS", 0.1)
    path = tmp_path / "relu.py"
    text = solution("ReLU").replace("return dy *", "while True:\n            dy = dy *")
    path.write_text(text.replace("(cache > 0), {}", "1"))
    sentence = grade(path).summary.splitlines()[-1]
    assert re.fullmatch(r"line \d+: no result after 0.2 s: look for a loop .*", sentence), sentence


def test_an_interrupt_gets_one_sentence(tmp_path, capsys):
    path = tmp_path / "relu.py"
    path.write_text(solution("ReLU").replace("return dy", "raise KeyboardInterrupt; return dy"))
    assert cli.main(["grade", str(path)]) == 130
    output = capsys.readouterr()
    assert "interrupted" in output.err and "ok     forward" in output.out


def test_wrong_results_of_a_step_are_described(tmp_path):
    def step(x, h, W, U, b):
        x *= 0
        return x

    exercise = find("rnn_step")
    answers = {
        "rnn_step changes its argument x": step,
        "h_new is None": lambda *a: None,
        "h_new has the shape": lambda x, h, W, U, b: x,
    }
    for words, function in answers.items():
        module = types.SimpleNamespace(rnn_step=function, rnn_step_backward=lambda *a: None)
        assert words in str(grade_module(exercise, module))
    path = tmp_path / "rnn_step.py"
    path.write_text(solution("rnn_step"))
    module = load(path)
    module.rnn_step_backward = lambda *a: (1, 2)
    assert "return the 5 arrays dx, dh, dW, dU and db" in str(grade_module(exercise, module))
