"""The session of the playground: actions, messages, windows, and the reader's own layer."""

import re

import numpy as np
import pytest

from scratchnet.pages.html import to_json
from scratchnet.play import session as session_module
from scratchnet.play.session import ACTIONS, CURVE, Session, text_of

LAYER = """
from scratchnet.layers import Layer

class Double(Layer):
    def forward(self, x, train=False):
        return 2 * x, None

    def backward(self, dy, cache):
        return 2 * dy, {}
"""


def message(session, action, **sent):
    return session.act(action, sent)["message"]


def test_the_training_makes_the_loss_small():
    session = Session()
    session.act("run", {"on": True})
    first = session.frame("a")
    for _ in range(40):
        last = session.frame("a")
    assert last["step"] == 820 and last["running"]
    assert last["loss"] < 0.05 < first["loss"] and last["accuracy"] > 0.98
    assert last["curve"][0][0] == 20 and last["curve"][-1][0] == 820


def test_the_training_pauses_where_no_window_asks_and_after_a_click():
    session = Session()
    assert session.frame("a")["step"] == 0
    session.act("run", {"on": True})
    session.frame("a")
    assert session.step == 20
    session.act("run", {"on": False})
    assert session.frame("a")["step"] == 20
    session.act("step", {})
    assert session.frame("a")["step"] == 21


def test_a_second_window_sees_the_session_and_takes_over_when_the_first_is_closed(monkeypatch):
    now = 100.0
    monkeypatch.setattr(session_module.time, "monotonic", lambda: now)
    session = Session()
    session.act("run", {"on": True})
    first, second = session.frame("first"), session.frame("second")
    assert first["drives"] and not second["drives"]
    assert second["step"] == first["step"] == 20
    np.testing.assert_array_equal(first["regions"], second["regions"])
    now += 2.1
    assert session.frame("second")["drives"]
    assert session.step == 40
    assert not session.frame("first")["drives"]


def test_an_action_gives_a_new_revision_and_so_a_window_asks_for_the_state():
    session = Session()
    before = session.frame("a")["revision"]
    state = session.act("choose", {"name": "circles"})
    assert state["revision"] == session.frame("b")["revision"] > before
    assert state["points"]["title"] == "circles"


def test_state_and_frame_can_be_sent():
    session = Session()
    assert len(to_json(session.state())) < 60_000
    assert len(to_json(session.frame("a"))) < 150_000


@pytest.mark.parametrize(
    "action, sent, expected",
    [
        ("settings", {"settings": {"rate": -1}}, "learning rate"),
        ("settings", {}, "missing 1 required positional argument"),
        ("settings", {"settings": 3}, "int"),
        ("run", {"off": 1}, "unexpected keyword argument"),
        ("faults", {"faults": ["no_shortcut"]}, "needs Residual in the network"),
        ("choose", {"name": "moon"}, "unknown set 'moon'"),
        ("choose", {"name": "xor", "noise": 2}, "noise expects a number from 0 to 1"),
        ("choose", {"name": "xor", "noise": "much"}, "could not convert"),
        ("load", {"text": "x1,x2,label\n1,?,a", "name": "a.csv"}, "a.csv, line 2: expected a"),
        ("draw", {"x1": 9, "x2": 0, "label": "0"}, "from -1.5 to 1.5"),
        ("draw", {"x1": "a", "x2": 0}, "could not convert"),
        ("reload", {}, "no layer file: start with"),
    ],
)
def test_an_action_that_is_impossible_has_a_message_and_changes_nothing(action, sent, expected):
    session = Session()
    session.frame("a", steps=3)
    settings, points, network = session.settings, session.points, session.network
    assert expected in message(session, action, **sent)
    assert (session.settings, session.points, session.network) == (settings, points, network)
    assert session.frame("a", steps=3)["step"] == 6


def test_rate_and_batch_change_during_the_training():
    session = Session()
    session.frame("a", steps=5)
    network = session.network
    session.act("settings", {"settings": {"rate": 0.5, "batch": 200, "steps": 7}})
    assert session.network is network and network.optimizer.learning_rate == 0.5
    session.act("run", {"on": True})
    assert session.frame("a")["step"] == 12


def test_another_optimizer_keeps_the_weights_and_another_layer_does_not():
    session = Session()
    session.frame("a", steps=5)
    weights = session.network.model.parameters.copy()
    session.act("settings", {"settings": {"optimizer": "SGD"}})
    np.testing.assert_array_equal(session.network.model.parameters, weights)
    assert session.step == 5
    session.act("settings", {"settings": {"layers": [{"units": 3}]}})
    assert session.step == 0 and session.network.model.shapes[0] == (3,)


def test_a_switch_keeps_weights_and_optimizer_but_not_with_another_initialization():
    session = Session()
    session.frame("a", steps=5)
    weights, t = session.network.model.parameters.copy(), session.network.optimizer.t
    session.act("faults", {"faults": ["mean_of_mean"]})
    np.testing.assert_array_equal(session.network.model.parameters, weights)
    assert session.network.optimizer.t == t == 5
    session.act("faults", {"faults": ["equal_weights"]})
    assert session.step == 0


def test_a_fault_is_switched_off_with_its_part():
    session = Session()
    session.act("faults", {"faults": ["tanh_without_square"]})
    assert session.faults == ("tanh_without_square",)
    session.act("settings", {"settings": {"layers": [{"activation": "ReLU"}]}})
    assert session.faults == () and session.message == ""


def test_restart_draws_the_same_weights_and_new_weights_are_other_ones():
    session = Session()
    weights = session.network.model.parameters.copy()
    session.frame("a", steps=5)
    session.act("restart", {})
    np.testing.assert_array_equal(session.network.model.parameters, weights)
    session.act("restart", {"new_seed": True})
    assert (session.network.model.parameters != weights).any()


def test_points_are_drawn_cleared_and_of_a_third_class():
    session = Session()
    session.act("run", {"on": True})
    state = session.act("clear", {})
    assert state["points"]["c"] == [] and not state["running"]
    assert session.frame("a", steps=5)["loss"] is None
    assert "there are no points" in message(session, "run", on=True)
    session.act("draw", {"x1": 0, "x2": 0, "label": "0"})
    assert session.network.model.shapes[-1] == (1,)
    session.act("draw", {"x1": 0.5, "x2": 0.5, "label": "2"})
    assert session.network.model.shapes[-1] == (3,)
    assert session.frame("a", steps=5)["step"] == 5
    assert session.act("draw", {"x1": 0.5, "x2": 0.5})["points"]["c"] == [0]


def test_a_diverged_training_stops_with_a_message():
    session = Session()
    session.act("settings", {"settings": {"optimizer": "Adam"}})
    session.act("faults", {"faults": ["adam_from_zero"]})
    session.act("run", {"on": True})
    frame = session.frame("a")
    assert "lower the learning rate" in frame["message"] and not frame["running"]
    assert frame["loss"] is None
    to_json(frame)


def test_the_curve_has_a_limited_number_of_points():
    session = Session()
    for _ in range(CURVE + 50):
        session.one_step()
    curve = session.frame("a")["curve"]
    assert CURVE / 2 - 1 <= len(curve) <= CURVE and curve[0][0] == 1 and curve[-1][0] == CURVE + 50


def test_bad_files_at_the_start_give_a_message_and_the_session_works(tmp_path):
    data, layer = tmp_path / "points.csv", tmp_path / "mine.py"
    data.write_text("x1,x2,label\n1,2\n")
    layer.write_text("class :\n")
    session = Session(data, layer)
    assert "points.csv, line 2: expected 3 values" in session.message
    assert f"{layer}, line 1: " in session.message
    assert session.points.title == "two moons" and session.frame("a", steps=5)["step"] == 5


def test_a_missing_file_is_an_error():
    with pytest.raises(FileNotFoundError, match="gone.csv is no file"):
        Session("gone.csv")


def test_a_file_that_is_no_text_is_an_error(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="is not a text file in UTF-8"):
        text_of(path)


def own_layer(tmp_path, text=LAYER):
    path = tmp_path / "mine.py"
    path.write_text(text)
    session = Session(layer=path)
    rows = [{"units": 4}, {"kind": "Double"}]
    return path, session, session.act("settings", {"settings": {"layers": rows}})


def test_an_own_layer_is_trained_and_reloaded_with_the_weights(tmp_path):
    path, session, state = own_layer(tmp_path)
    assert state["message"] == "" and "Double" in state["choices"]["kinds"]
    session.frame("a", steps=5)
    weights = session.network.model.parameters.copy()
    path.write_text(LAYER.replace("2 * x", "3 * x"))
    assert message(session, "reload") == "mine.py is loaded: Double"
    np.testing.assert_array_equal(session.network.model.parameters, weights)
    assert session.network.model.layers[2](np.ones((1, 4), "float32"))[0, 0] == 3
    assert session.frame("a", steps=5)["step"] == 10


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ("2 * x, None", "2 * x[:3], None", "outputs .5, units.; got .3, 1."),
        ("2 * x, None", "undefined, None", "mine.py, line 6: NameError"),
        ("2 * x, None", "2 * x", "forward returns the pair .y, cache."),
        ("class Double", "class Triple", "has no layer Double any more"),
        ("class Double(Layer)", "class Double(", "mine.py, line 4: "),
        ("    def forward", "    def __init__(self, a):\n        pass\n\n    def forward", "'?a'?"),
    ],
)
def test_an_own_layer_that_is_broken_gives_a_message_with_its_line(tmp_path, old, new, expected):
    path, session, _ = own_layer(tmp_path)
    path.write_text(LAYER.replace(old, new))
    assert re.search(expected, message(session, "reload")), session.message
    to_json(session.frame("a", steps=5))
    path.write_text(LAYER)
    assert "is loaded" in message(session, "reload")
    assert session.frame("a", steps=5)["step"] >= 5


def test_an_error_in_backward_gives_a_message_and_stops_the_training(tmp_path):
    path, session, _ = own_layer(tmp_path, LAYER.replace("2 * dy", "1 / 0"))
    session.act("run", {"on": True})
    frame = session.frame("a")
    assert "mine.py, line 9: ZeroDivisionError" in frame["message"] and not frame["running"]


def test_each_action_has_a_description():
    assert all(action.__doc__ for action in ACTIONS.values())
