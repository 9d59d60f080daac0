"""Switches: the faults of the zoo in a network of the playground."""

import pytest

from scratchnet.play.network import OPTIMIZERS, OTHER_LAYERS
from scratchnet.play.session import Session
from scratchnet.play.switches import PARTS, SWITCHES, part, wrong_parts

ACTIVATIONS = ("ReLU", "Sigmoid", "Tanh")


def fitting(needed):
    """Settings of a small network that has a part."""
    activation = needed if needed in ACTIVATIONS else "Tanh"
    kind = needed if needed in OTHER_LAYERS else "Dense"
    rows = [{"kind": "Dense", "units": 4, "activation": activation}, {"kind": kind, "units": 4}]
    optimizer = needed if needed in OPTIMIZERS else "Adam"
    return {"layers": rows, "output": "softmax", "optimizer": optimizer}


def test_each_part_has_a_switch():
    assert {part(name) for name in SWITCHES} == set(PARTS.values())


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_puts_the_wrong_code_into_the_network_that_trains(name):
    session, wrong = Session(), SWITCHES[name].wrong
    session.act("settings", {"settings": fitting(part(name))})
    session.frame("window", steps=3)
    state = session.act("faults", {"faults": [name]})
    assert state["message"] == "" and state["faults"] == [name]
    network = session.network
    parts = [*network.model.layers, network.loss, network.optimizer]
    assert wrong in {type(p) for p in parts}
    session.frame("window", steps=3)
    session.act("faults", {"faults": []})
    parts = [*session.network.model.layers, session.network.loss, session.network.optimizer]
    assert wrong not in {type(p) for p in parts}


def test_two_faults_of_one_part_are_refused():
    with pytest.raises(ValueError, match="are both in ReLU: switch one of them off"):
        wrong_parts(["relu_without_mask", "relu_mask_of_gradient"])


def test_an_unknown_fault_is_refused():
    with pytest.raises(ValueError, match="unknown fault 'relu'"):
        wrong_parts(["relu"])
