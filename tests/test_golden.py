"""Golden values: the same numbers as PyTorch and Keras, in float64, to ten digits.

reference/pairs.py pairs each of our objects with a framework's call, and says how to add a pair.
The results of the calls are in reference/*.npz, made by the scripts there; no test needs a
framework.
"""

import copy
from pathlib import Path

import numpy as np
import pytest
from reference import pairs, pairs_generative, pairs_images, pairs_recurrent
from reference.archive import STEPS

from scratchnet import layers, losses, optimizers, schedules
from scratchnet.backend import float64, to_device, to_numpy
from scratchnet.models.conditional import beside, one_hot
from scratchnet.training import train_step

TABLES = (*pairs.TABLES, pairs_images.LAYERS, pairs_recurrent.LAYERS, pairs_recurrent.MODELS)
OURS = {call: ours for table in TABLES for call, ours in table.items()}

WITHOUT_GOLDEN = {
    "Layer": "the base class",
    "Loss": "the base class",
    "Optimizer": "the base class",
    "ShapeError": "an exception",
    "Dropout": "draws another mask than a framework",
    "Sampling": "draws another noise than a framework; with given noise, see the VAE below",
    "GaussianNoise": "draws another noise than a framework",
    "MaxUnpooling2D": "takes a pair; F.max_unpool2d is compared with UnpoolingBlock, which has one",
    "rate_at": "calls a schedule, or returns the number",
}


def load(name):
    """({case: {field: array}}, what made them) of an archive; its entries are 'case | field'."""
    cases = {}
    with np.load(Path(__file__).parent / "reference" / f"{name}.npz") as archive:
        for entry in archive.files:
            case, _, field = entry.partition(" | ")
            cases.setdefault(case, {})[field] = archive[entry]
    return cases, str(cases.pop("made_with")[""])


TORCH, MADE_WITH_TORCH = load("torch")
KERAS, MADE_WITH_KERAS = load("keras")
TORCH |= load("torch_recurrent")[0] | load("torch_densities")[0]
KERAS |= load("keras_recurrent")[0]
GOLDEN = TORCH | KERAS


def pair(call):
    """Our object, a fresh copy, and {field: array on the device} of what the call took and gave."""
    return copy.deepcopy(OURS[call]), {f: to_device(a) for f, a in GOLDEN[call].items()}


def assert_golden(ours, golden):
    """Ten digits of every number; where digits cancel, near zero, twelve places."""
    assert ours.keys() == golden.keys()
    for field, array in ours.items():
        a, b = to_numpy(array), to_numpy(golden[field])
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12, err_msg=field)


@pytest.fixture(autouse=True)
def double_precision(xp):
    """All of this on every device; on a GPU the same ten digits."""
    with float64():
        yield


# ---------------------------------------------------------------------------------------- layers


@pytest.mark.parametrize("call", pairs.LAYERS | pairs_images.LAYERS)
def test_a_layer_gives_the_output_and_every_gradient_of(call):
    layer, golden = pair(call)
    x, dy = golden["x"], golden["dy"]
    layer.build(x.shape[1:], 0)
    for name, array in (layer.named_parameters() | layer.named_state()).items():
        array[...] = golden.get(name, np.nan)  # batch statistics need no running ones
    y, cache = layer.forward(x, train="training=False" not in call)
    dx, grads = layer.backward(dy, cache)
    ours = {"y": y} | {f"d{name}": gradient for name, gradient in grads.items()}
    ours |= {} if dx is None else {"dx": dx}  # None: integers have no gradient
    given = {"x", "dy", *layer.named_parameters(), *layer.named_state()}
    assert_golden(ours, {field: golden[field] for field in golden.keys() - given})


def field_of(path, golden):
    """The field of a parameter: its path, or the end of the path, as of TimeDistributed."""
    return path if path in golden else path.rpartition("/")[2]


@pytest.mark.parametrize("call", pairs_recurrent.LAYERS)
def test_a_layer_over_time_gives_the_outputs_states_and_every_gradient_of(call):
    layer, golden = pair(call)
    states = [golden[name] for name in ("h0", "c0") if name in golden]
    x = (golden["x"], *states) if states else golden["x"]
    layer.build(golden["x"].shape[1:], 0)
    for name, array in layer.named_parameters().items():
        array[...] = golden[field_of(name, golden)]
    y, cache = layer.forward(x)
    upstream = tuple(golden[f] for f in golden if f.startswith("upstream"))
    dx, grads = layer.backward(upstream if isinstance(y, tuple) else upstream[0], cache)
    outputs = zip(("y", "h", "c"), y if isinstance(y, tuple) else (y,), strict=False)
    inputs = zip(("dx", "dh0", "dc0"), dx if states else (dx,), strict=False)
    ours = {**dict(outputs), **dict(inputs)}
    ours |= {f"d{field_of(name, golden)}": gradient for name, gradient in grads.items()}
    given = {"x", "h0", "c0", *(field_of(name, golden) for name in layer.named_parameters())}
    left = {f: a for f, a in golden.items() if f not in given and not f.startswith("upstream")}
    assert_golden(ours, left)


@pytest.mark.parametrize("call", pairs.RUNNING)
def test_running_statistics_and_what_inference_makes_of_them_are_those_of(call):
    layer, golden = pair(call)
    batches = golden.pop("batches")
    layer.build(batches.shape[2:], 0)
    for x in batches:
        layer.update_running_stats(layer.forward(x, train=True)[1])
    assert_golden({"y": layer(batches[0]), **layer.named_state()}, golden)


@pytest.mark.parametrize("call", pairs.PENALTIES)
def test_the_penalty_of_an_activity_and_its_gradient_are_those_of(call):
    layer, golden = pair(call)
    x, dy = golden["x"], golden["dy"]
    y, cache = layer.forward(x, train=True)
    dx, _ = layer.backward(dy, cache)
    assert_golden({"x": y, "dy": dy, "dx": dx, "penalty": layer.penalty(cache)}, golden)


# ---------------------------------------------------------------------------------------- losses


@pytest.mark.parametrize("call", pairs.LOSSES)
def test_a_loss_has_the_value_and_the_gradient_of(call, xp):
    loss, golden = pair(call)
    if isinstance(loss, losses.WeightedLoss):
        loss.weights = to_device(loss.weights)
    value, cache = loss.forward(golden["prediction"], golden["target"])
    np.testing.assert_allclose(to_numpy(value), to_numpy(golden["value"]), rtol=1e-12)
    gradient = loss.backward(cache)
    if isinstance(gradient, tuple):  # KL: for the mean and the log variance
        gradient = xp.stack(gradient)
    assert_golden({"gradient": gradient}, {"gradient": golden["gradient"]})


# ------------------------------------------------------------------------ optimizers, schedules


@pytest.mark.parametrize("call", pairs.OPTIMIZERS)
def test_two_hundred_updates_follow_the_trajectory_of(call):
    optimizer, golden = pair(call)
    given = GOLDEN[".".join(call.split(".")[:2])]  # torch.optim or keras.optimizers
    w, seen = to_device(given["start"].copy()), []
    for t, g in enumerate(given["gradients"], start=1):
        optimizer.step(w, to_device(g))
        if t in STEPS:
            seen.append(to_numpy(w).copy())
    assert_golden({"w": np.stack(seen)}, golden)


@pytest.mark.parametrize("call", pairs.CLIPS)
def test_a_gradient_is_clipped_as_by(call):
    clip, golden = pair(call)
    assert_golden({"g": golden["g"], "clipped": clip(golden["g"])}, golden)


@pytest.mark.parametrize("call", pairs.SCHEDULES)
def test_a_schedule_gives_the_rates_of(call):
    schedule, golden = pair(call)
    assert_golden({"rate": [schedule(t) for t in range(len(golden["rate"]))]}, golden)


# ---------------------------------------------------------------------------------- whole models


@pytest.mark.parametrize("call", pairs.MODELS | pairs_recurrent.MODELS)
def test_three_training_steps_of_a_model_end_where_they_end_with(call):
    (model, loss, optimizer), golden = pair(call)
    x, target = golden.pop("x"), golden.pop("target")
    model.build(x.shape[2:], 0)

    def weights():  # the learned ones, then the running statistics
        kept = [*model.named_parameters().values(), *model.named_state().values()]
        return np.concatenate([to_numpy(array).ravel() for array in kept])

    model.parameters[:] = golden["start"][: model.n_parameters]
    ours = {"start": weights()}
    values = [train_step(model, loss, optimizer, *xt)[0] for xt in zip(x, target, strict=True)]
    ours["losses"] = np.stack([to_numpy(value) for value in values])
    assert_golden({**ours, "end": weights(), "y": model(x[0])}, golden)


# ------------------------------------------------------------------------------- nothing left out


def test_every_public_name_has_a_golden_case_or_a_reason_to_have_none():
    public = {name for part in (layers, losses, optimizers, schedules) for name in part.__all__}
    objects = [o for ours in OURS.values() for o in (ours if isinstance(ours, tuple) else [ours])]
    covered = {type(o).__name__ for o in objects}
    assert covered | WITHOUT_GOLDEN.keys() <= public
    assert not covered & WITHOUT_GOLDEN.keys()
    missing = public - covered - WITHOUT_GOLDEN.keys()
    assert missing <= set(layers.__all__)
    if missing:  # a new layer may come before its pair, which takes PyTorch or Keras to make
        pytest.skip(f"no golden values yet for {sorted(missing)}: see reference/pairs.py")


def test_every_golden_case_is_compared_and_both_archives_say_what_made_them():
    inputs = {"torch.optim", "keras.optimizers"}
    assert not TORCH.keys() & KERAS.keys()
    assert GOLDEN.keys() == OURS.keys() | inputs
    assert sum(map(len, TABLES)) == len(OURS), "two tables name the same call"
    assert MADE_WITH_TORCH.startswith("PyTorch ") and "Seed" in MADE_WITH_TORCH
    assert MADE_WITH_KERAS.startswith("Keras ") and "Seed" in MADE_WITH_KERAS


# -------------------------------------------------------------------------------- VAE and GAN


class Drawn:
    """A substitute for an RNG: its noise is that of the framework's step."""

    def __init__(self, noise):
        self.noise = noise

    def normal(self, like):
        return self.noise


@pytest.mark.parametrize("framework", pairs_generative.VAE_RULES)
def test_three_steps_of_a_vae_end_where_they_end_in(framework):
    vae, cases = pairs_generative.vae(), load(f"{framework}_generative")[0]
    optimizer = copy.deepcopy(pairs_generative.VAE_RULES[framework])
    golden = {field: to_device(a) for field, a in cases["vae"].items()}
    vae.model.parameters[:] = golden["start"]
    numbers = []
    for x, noise in zip(golden["x"], golden["noise"], strict=True):
        vae.model.layers[1].rng = Drawn(noise)
        value, kl, _ = train_step(vae.model, vae.loss, optimizer, x, x)
        numbers.append([float(value), float(kl), float(value + kl)])
    ours = dict(zip(("losses", "kls", "totals"), np.transpose(numbers), strict=True))
    ours["end"] = vae.model.parameters
    assert_golden(*({f: side[f] for f in ours.keys() & golden.keys()} for side in (ours, golden)))


def test_three_steps_of_a_conditional_vae_end_where_pytorchs_end(xp):
    vae, (cases, _) = pairs_generative.vae(classes=3), load("torch_generative")
    optimizer = copy.deepcopy(pairs_generative.VAE_RULES["torch"])
    labels = cases["conditional vae"].pop("labels")
    golden = {field: to_device(a) for field, a in cases["conditional vae"].items()}
    vae.model.parameters[:] = golden["start"]
    numbers = []
    for x, noise, y in zip(golden["x"], golden["noise"], labels, strict=True):
        vae.sampling.rng = Drawn(noise)
        value, kl, _ = train_step(vae.model, vae.loss, optimizer, vae.inputs(x, y), x)
        numbers.append([float(value), float(kl)])
    ours = dict(zip(("losses", "kls"), np.transpose(numbers), strict=True))
    ours["end"] = vae.model.parameters
    assert_golden(ours, {field: golden[field] for field in ours})


@pytest.mark.parametrize("classes", [None, 3])
def test_three_steps_of_a_gan_end_where_pytorchs_end(classes, xp):
    (gan, *optimizers_dg), (cases, _) = pairs_generative.gan(classes), load("torch_generative")
    case = cases["gan" if classes is None else "conditional gan"]
    labels = case.pop("labels", [None] * 3)
    golden = {field: to_device(a) for field, a in case.items()}
    n = gan.generator.parameters.size
    gan.generator.parameters[:] = golden["start"][:n]
    gan.discriminator.parameters[:] = golden["start"][n:]
    losses = []
    for x, z_d, z_g, y in zip(golden["x"], golden["z_d"], golden["z_g"], labels, strict=True):
        if classes is not None:
            c = one_hot(y, classes, like=x)
            x, z_d, z_g = gan.with_labels(x, y), beside(z_d, c), beside(z_g, c)
        losses.append([float(v) for v in gan.train_step(x, z_d, z_g, *optimizers_dg)])
    end = xp.concatenate([gan.generator.parameters, gan.discriminator.parameters])
    assert_golden({"losses": losses, "end": end}, {f: golden[f] for f in ("losses", "end")})
