"""The checks of the bug zoo: right code passes, and each fault is found as its row says."""

import numpy as np
import pytest

from scratchnet.zoo import FAULTS
from scratchnet.zoo.checks import (
    CHECKS,
    Run,
    causes,
    overfit,
    passes_gradcheck,
    passes_reference,
    passes_training,
    train,
)

# g gradcheck, r reference, s start, o overfit: the checks that find a fault; curves take longer
FOUND_BY = {
    "bias_of_one_sample": "g",
    "not_transposed": "g",
    "transposed_weights": "g",
    "mean_of_mean": "g",
    "relu_without_mask": "g",
    "relu_mask_of_gradient": "go",
    "sigmoid_slope_of_x": "go",
    "sigmoid_twice": "g",
    "tanh_without_square": "go",
    "no_shortcut": "g",
    "last_use_wins": "g",
    "equal_weights": "o",
    "large_weights": "s",
    "batch_norm_wrong_n": "g",
    "batch_norm_constants": "g",
    "batch_norm_no_variance": "g",
    "batch_norm_no_averages": "ro",
    "dropout_no_scale": "r",
    "dropout_other_mask": "g",
    "dropout_at_inference": "ro",
    "kernel_reversed": "g",
    "kernel_not_turned": "g",
    "conv_bias_mean": "g",
    "padding_shifted": "r",
    "pool_to_all": "g",
    "truncated_by_accident": "go",
    "steps_overwritten": "go",
    "gates_mixed": "g",
    "cell_forgotten": "g",
    "loss_not_divided": "g",
    "loss_divided_twice": "g",
    "loss_sign": "go",
    "softmax_over_batch": "grso",
    "softmax_slope_twice": "g",
    "double_softmax": "ro",
    "diagonal_softmax": "g",
    "broadcast_error": "gro",
    "adam_no_correction": "r",
    "adam_from_zero": "ro",
    "adam_no_root": "ro",
    "momentum_sign": "ro",
    "gradients_not_reset": "ro",
    "rmsprop_epsilon": "o",
    "no_path_to_variance": "g",
    "kl_without_half": "g",
    "kl_sign": "r",
    "variance_as_deviation": "r",
    "kl_factor": "rs",
    "cd_without_sampling": "r",
    "cd_hidden_of_data": "r",
    "cd_sign": "ro",
    "cd_inverted_samples": "ro",
    "cd_no_negative_phase": "ro",
}
each_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)


def found_by(fault, wrong):
    """Letters of the checks that the right or the wrong code does not pass."""
    fresh = train(fault, wrong, epochs=1)
    passed = {
        "g": passes_gradcheck(fault, wrong) in (None, True),
        "r": passes_reference(fault, wrong),
        "s": passes_training(fault, wrong, fresh)["start"],
        "o": passes_training(fault, wrong, fresh)["overfit"],
    }
    return "".join(letter for letter in "grso" if not passed[letter])


@each_fault
def test_a_fault_is_found_by_the_checks_of_its_row_and_right_code_passes_all(fault):
    assert found_by(fault, True) == FOUND_BY[fault.name]
    if first_of_its_kind(fault):
        assert found_by(fault, False) == ""


def first_of_its_kind(fault):
    """Whether no fault before this one has the same right code in the same task."""
    same = [f for f in FAULTS.values() if (f.right, f.use) == (fault.right, fault.use)]
    return same[0] is fault


def test_every_check_finds_a_fault_that_the_others_do_not_all_find():
    letters = "".join(FOUND_BY.values())
    assert all(letter in letters for letter in "grso")
    assert len(CHECKS) == 5 and list(FOUND_BY) == list(FAULTS)


def test_a_curve_fails_where_it_does_not_fall_or_is_not_finite():
    fault = FAULTS["mean_of_mean"]
    for curve, ok in (((2.0, 0.1), True), ((2.0, 1.9), False), ((2.0, np.nan), False)):
        assert passes_training(fault, False, Run(2.3, curve, 0.01, 0.9))["curve"] is ok


def test_the_curve_finds_a_reversed_kernel_and_misses_a_bias_of_one_sample():
    for name, ok in (("kernel_reversed", False), ("bias_of_one_sample", True)):
        fault = FAULTS[name]
        assert passes_training(fault, True, train(fault, True))["curve"] is ok


def test_overfitting_twenty_samples_finds_what_cannot_be_memorized():
    fault = FAULTS["double_softmax"]
    assert overfit(fault, False) < 0.1 < 1.4 < overfit(fault, True)


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("kernel_reversed", "W: the kernel's gradient is flipped"),
        ("sigmoid_slope_of_x", "x: the slope x (1 - x) is computed from x"),
        ("diagonal_softmax", "x: a term is missing: the gradient lacks -1 x y sum(dy y) over the"),
        ("softmax_slope_twice", "z: the factor p (1 - p) with p = softmax(x) is one too many"),
        ("steps_overwritten", "W: only time step 0 is used"),
    ],
)
def test_gradcheck_names_the_cause_of_a_fault(name, sentence):
    assert causes(FAULTS[name])[0].startswith(sentence)


@pytest.mark.parametrize("name", ["kl_factor", "adam_no_root", "cd_sign"])
def test_a_fault_that_is_no_layer_and_no_loss_has_no_sentence(name):
    assert causes(FAULTS[name]) == []
