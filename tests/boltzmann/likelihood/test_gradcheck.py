"""The public gradient check of models with an exact likelihood."""

from small_machines import ROWS, rbm

from scratchnet.boltzmann import check_gradient, exact


def test_the_check_finds_a_wrong_gradient(rng, monkeypatch):
    model = rbm(rng)
    report = check_gradient(model, ROWS)
    assert report.ok and "all gradients agree" in str(report)
    right = exact.gradient

    def wrong(model, v):  # the visible bias lacks its negative phase
        return right(model, v) | {"b0": exact.data_statistics(model, v)["b0"]}

    monkeypatch.setattr(exact, "gradient", wrong)
    report = check_gradient(model, ROWS, samples=3)
    assert [row.verdict for row in report.rows] == ["ok", "WRONG", "ok"]
    assert "no known cause" not in str(report)  # none was looked for
