"""The tables of the bug zoo, and the command that prints them."""

import re

import pytest

from scratchnet.cli import main
from scratchnet.zoo import FAULTS
from scratchnet.zoo.tables import checks_table, description, effects_table, quality, results


def test_the_tables_have_a_row_for_each_fault():
    names = ["mean_of_mean", "cd_sign", "adam_from_zero"]
    found = list(results(names, quick=True))
    rows = checks_table(found).splitlines()
    assert rows[0].split() == ["fault", "gradcheck", "reference", "start", "overfit", "curve"]
    assert [row.split()[0] for row in rows[2:5]] == names
    assert rows[2].split()[1:] == ["x", ".", ".", ".", "."] and rows[3].split()[1] == "-"
    assert rows[5].split() == ["found,", "of", "3", "1", "2", "0", "2", "2"]
    effects = effects_table(found).splitlines()
    assert [row.split()[0] for row in effects[2:]] == names
    assert re.search("cd_sign +machine .* not at all", effects[3])


def test_the_right_code_is_trained_once_for_faults_that_share_it(monkeypatch):
    from scratchnet.zoo import tables

    calls, train = [], tables.train
    monkeypatch.setattr(tables, "train", lambda *a: calls.append(a[:2]) or train(*a))
    list(results(["cd_sign", "cd_hidden_of_data"], quick=True))
    assert [wrong for _, wrong in calls].count(False) == 1


def test_the_description_shows_both_codes_and_the_sentence_of_gradcheck():
    text = description(next(results(["relu_without_mask"], quick=True)))
    assert "return dy * (y > 0), {}" in text and "return dy, {}" in text
    assert "gradcheck: x: the mask is missing" in text and "found by: gradcheck" in text


def test_a_fault_that_makes_no_difference_in_training_is_said_to_learn_as_well():
    text = description(next(results(["adam_no_correction"])))
    assert "learns: as well" in text


def test_a_quality_that_is_not_finite_diverges():
    assert quality(float("nan")) == quality(-1e9) == "diverges"


def test_the_command_prints_one_fault_or_refuses_an_unknown_name(capsys):
    assert main(["zoo", "mean_of_mean", "--quick"]) == 0
    assert "1/11 times the right value, and 11 is the batch size N" in capsys.readouterr().out
    assert main(["zoo", "mean_of_means"]) == 2
    assert "mean_of_mean" in capsys.readouterr().err


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_be_described(name):
    first, second, *_ = (fault := FAULTS[name]).code
    assert first and second and fault.title
