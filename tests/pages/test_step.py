"""The page of one step: its numbers, sources and formulas, and its buttons in a browser."""

import inspect

import numpy as np
import pytest
from browser import check_page, needs_axe, needs_browser, violations, visit
from page_data import assert_self_contained, data_of

from scratchnet.layers import BatchNormalization, Dense, Flatten, ReLU, Sequential, Softmax, Tanh
from scratchnet.layers.base import Layer
from scratchnet.losses import Huber, MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.pages.step import formula, source, step_page, worked_step


@pytest.fixture
def model():
    model = Sequential([Dense(3), Tanh(), Dense(2)])
    model.build((2,), 0)
    return model


def test_a_worked_step_by_hand(model):
    x, t = np.array([[0.5, -1.0]]), np.array([[1.0, 0.0]])
    step = worked_step(model, MeanSquaredError(), x, t)
    (first, _, last), backward = model.astype("float64").layers, step["backward"]
    a = np.tanh(x @ first.W + first.b)
    y = a @ last.W + last.b
    dy = 2 / 2 * (y - t)
    da = dy @ last.W.T * (1 - a**2)
    np.testing.assert_allclose(step["outputs"][1], a[0])
    np.testing.assert_allclose(step["loss"], ((y - t) ** 2).mean())
    np.testing.assert_allclose(backward[2]["W"], (a.T @ dy).reshape(-1))
    np.testing.assert_allclose(backward[0]["W"], (x.T @ da).reshape(-1))
    np.testing.assert_allclose(backward[0]["b"], da[0])
    np.testing.assert_allclose(backward[0]["dx"], (da @ first.W.T)[0])


def test_sources_are_those_of_the_library():
    found = source(Dense)
    assert found["file"] == "scratchnet/layers/dense.py"
    assert list(found["methods"]) == ["forward", "backward", "input_gradient", "weight_gradients"]
    assert "dW = x.T @ dy" in found["methods"]["backward"]["source"]
    own = found["methods"]["input_gradient"]
    assert own["owner"] == "Layer"
    lines = inspect.getsource(Layer.input_gradient).splitlines()
    assert own["source"].splitlines() == [lines[0][4:], lines[-1][4:]]  # without its docstring
    assert list(source(MeanSquaredError)["methods"]) == ["forward", "backward"]


def test_the_formula_ends_before_the_parameters():
    assert "dL/dW = x^T dL/dy" in formula(Dense) and "Parameters" not in formula(Dense)
    assert "delta_kj" in formula(Softmax)


def test_the_page_has_the_first_samples_and_one_hot_targets(model, rng, tmp_path):
    x = rng.standard_normal((20, 2)).astype("float32")
    path = step_page(
        model, tmp_path / "a.html", x=x, t=np.ones(20, int), loss=SoftmaxCrossEntropy()
    )
    data = data_of(path)
    assert len(data["x"]) == 8 and data["t"][0] == [0, 1]
    np.testing.assert_array_equal(np.float32(data["x"]), x[:8])
    assert_self_contained(path)


def test_other_models_are_refused(model, tmp_path):
    path = tmp_path / "step.html"
    wide, images = Sequential([Dense(11)]), Sequential([Flatten(), Dense(2)])
    wide.build((3,), 0), images.build((2, 2), 0)
    normalized = Sequential([Dense(2), BatchNormalization()])
    normalized.build((2,), 0)
    for refused, message in (
        (wide, "at most 10 units a layer; this model has 11"),
        (images, r"samples \(D,\)"),
        (Sequential([ReLU()]), "expects a built model"),
        (normalized, "got BatchNormalization"),
    ):
        with pytest.raises(ValueError, match=message):
            step_page(refused, path)
    with pytest.raises(ValueError, match="one of the losses MeanSquaredError, .* got Huber"):
        step_page(model, path, loss=Huber())
    with pytest.raises(ValueError, match="as many targets"):
        step_page(model, path, x=np.zeros((2, 2)), t=np.zeros((3, 2)))
    assert not path.exists()


@needs_browser
def test_the_page_computes_numpys_numbers(model, tmp_path):
    assert check_page(step_page(model, tmp_path / "step.html")).check["count"] == 3 * 36


@needs_browser
def test_the_buttons_go_through_all_steps(model, tmp_path):
    path = step_page(model, tmp_path / "step.html")
    script = """
        const places = [];
        for (let i = 0; i < steps.length; i++) {
          places.push(byId("now").textContent); byId("next").click();
        }
        const end = [now, byId("next").disabled, document.querySelectorAll("mark").length];
        byId("by").value = "layer"; byId("back").click();
        press(document.body, "ArrowLeft");
        const loss = run.loss, W = layers[0].W[1], dW = run.backward[0].dW[1];
        byId("rate").value = 0.25;
        byId("update").click();
        const change = (layers[0].W[1] - W) / dW;
        const methods = byId("methods").textContent;
        report({places, end, back: now, falls: run.loss < loss, change, methods});"""
    seen = visit(path, script=script).result
    count = 1 + 3 + 3 + 2 + 1 + 2 + (6 + 2 + 3) + 3 + (6 + 3 + 2)
    assert len(seen["places"]) == count and seen["end"] == [count - 1, True, 1]
    assert seen["places"][1].startswith(
        "Forward: Dense (dense)y\u2081 = x\u2081 W\u2081\u2081 + x\u2082 W\u2082\u2081 + b\u2081"
    )
    assert seen["places"][10].startswith("Backward: MeanSquaredError")
    assert seen["places"][12].startswith(
        "Backward: Dense (dense_1)dW\u2081\u2081 = x\u2081 dy\u2081"
    )
    assert "weight_gradients" in seen["places"][-1] and "weight_gradients" in seen["methods"]
    assert seen["back"] < count - 11 and seen["falls"]
    assert seen["change"] == pytest.approx(-0.25, abs=1e-3)


@needs_axe
def test_axe_finds_nothing(model, tmp_path):
    assert violations(step_page(model, tmp_path / "step.html")) == []
