"""The catalogue of the bug zoo: its entries are complete, short and differ from the right code."""

import inspect

import pytest

from scratchnet.zoo import FAULTS
from scratchnet.zoo.tasks import TASKS

each_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)


def test_the_catalogue_has_at_least_fifty_faults_with_names_of_their_own():
    assert len(FAULTS) >= 50
    assert all(name == fault.name for name, fault in FAULTS.items())


@each_fault
def test_a_fault_has_its_texts_and_a_task(fault):
    assert 15 <= len(fault.title) <= 70 and len(fault.seen) > 10
    assert fault.task in TASKS and inspect.getdoc(fault.wrong) and inspect.getdoc(fault.right)


@each_fault
def test_the_wrong_code_is_short_and_is_not_the_right_code(fault):
    right, wrong = fault.code
    assert right.strip() and wrong.strip() and right != wrong
    assert max(len(right.splitlines()), len(wrong.splitlines())) <= 20


@each_fault
def test_wrong_classes_inherit_all_but_the_fault(fault):
    if inspect.isclass(fault.wrong):
        assert issubclass(fault.wrong, fault.right)
