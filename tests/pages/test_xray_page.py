"""The page of an X-ray: what it contains, and what a browser says about it."""

import numpy as np
import pytest
from browser import check_page, needs_axe, needs_browser, violations

from scratchnet.layers import Dense, ReLU, Sequential
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import SGD
from scratchnet.pages.xray_page import NUMBERS, write_xray_page
from scratchnet.training import fit
from scratchnet.xray import MEASURES, xray


@pytest.fixture
def page(tmp_path):
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    model = Sequential([Dense(8), ReLU(), Dense(1)], name="<net>")
    model.build((4,), 0)
    with xray(model) as seen:
        run = dict(loss=MeanSquaredError(), optimizer=SGD(0.1), batch_size=4, epochs=20)
        fit(model, x, x[:, :1], **run, verbose=False)
    return seen.page(tmp_path / "xray.html")


@needs_browser
def test_the_page_draws_the_record_and_finds_its_medians(page):
    seen = check_page(page)
    assert seen.check["count"] > 10
    for text in ("X-ray of &lt;net&gt;", "No fault found", "dense_1", "median of gradient"):
        assert text in seen.dom


@needs_axe
def test_the_page_has_no_obstacles(page):
    assert violations(page) == []


def a_record(layers, steps):
    values = np.random.default_rng(0).uniform(size=(layers, steps))
    return {
        "model": "net",
        "layers": [f"dense_{i}" for i in range(layers)],
        "shapes": ["(N, 2)"] * layers,
        "steps": list(range(steps)),
        "measures": MEASURES,
        "values": {name: values.tolist() for name in MEASURES},
        "verdicts": [],
    }


def test_a_large_record_is_thinned_to_the_size_of_a_page(tmp_path):
    record = a_record(100, 256)
    assert 100 * 256 * len(MEASURES) > 4 * NUMBERS
    assert write_xray_page(tmp_path / "a.html", record).stat().st_size < 300_000


@needs_browser
def test_infinite_numbers_are_shown(tmp_path):
    record = a_record(2, 3)
    record["values"]["gradient"][0][2] = float("inf")
    record["values"]["mean"] = [[float("nan")] * 3] * 2
    seen = check_page(write_xray_page(tmp_path / "a.html", record))
    assert "infinite" in seen.dom
