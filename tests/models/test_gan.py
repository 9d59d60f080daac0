"""GAN.fit with the callbacks of fit: early stopping, checkpoints, workers, Ctrl-C."""

import numpy as np
import pytest
from cases import bits
from refusals import refused

from scratchnet.callbacks import Callback, Checkpoint, EarlyStopping, RaiseInterrupt
from scratchnet.layers import (
    ActivityRegularization,
    BatchNormalization,
    Dense,
    Dropout,
    LeakyReLU,
    Sequential,
    Tanh,
)
from scratchnet.losses import BinaryCrossEntropy
from scratchnet.models.gan import GAN
from scratchnet.optimizers import SGD, Adam
from scratchnet.parallel import run
from scratchnet.saving import FileError, load, model_arrays, read, save
from scratchnet.schedules import CosineDecay
from scratchnet.training_run import TrainingDiverged
from scratchnet.workers import Workers

X = np.random.default_rng(0).random((37, 6)).astype("float32")


def small_gan(ema_decay=0.9, norm=True):
    """A GAN with noise and running averages."""
    middle = [BatchNormalization()] if norm else []
    g = Sequential([Dense(5), *middle, Tanh(), Dense(6)])
    d = Sequential([Dense(5), LeakyReLU(), Dropout(0.3), Dense(1)])
    g.build((3,), 1)
    d.build((6,), 2)
    return GAN(g, d, ema_decay=ema_decay)


class Distance(Callback):
    """Adds a number to the history, which the callbacks after it see."""

    def __init__(self, numbers):
        self.numbers = numbers

    def on_epoch_end(self, run):
        run.history.setdefault("distance", []).append(self.numbers[run.epoch - 1])


def trained(epochs, callbacks=(), gan=None, **changes):
    """(gan, history without the clock) of new objects after so many epochs."""
    gan = gan or small_gan()
    options = dict(batch_size=8, verbose=False, callbacks=list(callbacks), epochs=epochs)
    options |= dict(optimizer_d=Adam(CosineDecay(0.1, 20)), optimizer_g=SGD(0.1, momentum=0.9))
    history = gan.fit(X, **options | changes)
    history.pop("seconds", None)
    return gan, history


def everything(gan):
    return bits(model_arrays(gan.networks))


@pytest.mark.parametrize("epochs", [1, 2, 4])
def test_a_gan_stopped_and_resumed_by_new_objects_ends_with_the_same_bits(epochs, tmp_path):
    def callbacks(name):
        watch = EarlyStopping("generator", mode="max", patience=9, restore_best=False)
        return [watch, Checkpoint(tmp_path / name, resume=True)]

    whole, history = trained(4, callbacks("whole.npz"))
    trained(epochs, callbacks("parts.npz"))
    parts, resumed = trained(4, callbacks("parts.npz"))
    assert everything(parts) == everything(whole) == everything(trained(4)[0])
    assert resumed == history
    infos, arrays = zip(
        *(read(tmp_path / f"{name}.npz", ["checkpoint"]) for name in ("whole", "parts")),
        strict=True,
    )
    for info in infos:
        del info["history"]["seconds"]
    assert infos[0] == infos[1]
    assert bits(arrays[0]) == bits(arrays[1])


def test_early_stopping_watches_a_number_of_another_callback_and_restores_all_networks():
    numbers = [5.0, 3.0, 4.0, 4.0, 1.0]
    watch = EarlyStopping("distance", patience=2)
    gan, history = trained(5, [Distance(numbers), watch])
    assert history["distance"] == numbers[:4] and len(history["generator"]) == 4
    assert watch.best_epoch == 2
    assert everything(gan) == everything(trained(2)[0])


def test_patience_and_the_best_epoch_survive_a_checkpoint(tmp_path):
    def callbacks():
        watch = EarlyStopping("distance", patience=2)
        return [Distance([5.0, 3.0, 4.0, 4.0, 1.0]), watch, Checkpoint(tmp_path / "a.npz", 1, True)]

    trained(3, callbacks())
    gan, history = trained(5, callbacks())
    assert len(history["generator"]) == 4
    assert everything(gan) == everything(trained(2)[0])


def test_the_last_rates_of_both_optimizers_are_resumed(tmp_path):
    class Lower(Callback):
        def on_epoch_end(self, run):
            run.optimizers["optimizer_g"].learning_rate *= 0.5

    def once(epochs, name):
        callbacks = [Lower(), Checkpoint(tmp_path / name, resume=True)]
        return everything(trained(epochs, callbacks)[0])

    whole = once(4, "whole.npz")
    once(2, "parts.npz")
    assert once(4, "parts.npz") == whole != everything(trained(4)[0])


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"batch_size": 4}, "batch_size=8, this one has batch_size=4"),
        ({"seed": 3}, "seed=0, this one has seed=3"),
        ({"optimizer_d": SGD(0.1)}, "optimizer_d=Adam, this one has optimizer_d=SGD"),
        ({"optimizer_g": SGD(0.2, momentum=0.9)}, "optimizer_g learning_rate=0.1"),
        ({"gan": small_gan(ema_decay=0.5)}, "ema_decay=0.9, this one has ema_decay=0.5"),
    ],
)
def test_a_gan_of_other_settings_is_not_resumed(changes, words, tmp_path):
    trained(1, [Checkpoint(tmp_path / "a.npz")])
    with pytest.raises(FileError, match=words):
        trained(2, [Checkpoint(tmp_path / "a.npz", resume=True)], **changes)


def test_the_networks_are_saved_and_loaded_together(tmp_path):
    gan, _ = trained(2)
    save(gan.networks, tmp_path / "gan.npz")
    other = small_gan()
    load(other.networks, tmp_path / "gan.npz")
    assert everything(other) == everything(gan)
    np.testing.assert_array_equal(other.sample(4, 0), gan.sample(4, 0))


def test_after_divergence_the_average_of_the_generator_has_its_last_epoch_too():
    class Break(Callback):
        def on_epoch_end(self, run):
            run.optimizers["optimizer_g"].learning_rate = 1e30 if run.epoch == 2 else 0.1

    gan = small_gan()
    with pytest.raises(TrainingDiverged) as caught, np.errstate(all="ignore"):
        trained(5, [Break()], gan)
    assert len(caught.value.history["generator"]) == 2
    assert everything(gan) == everything(trained(2)[0])


def test_ctrl_c_ends_a_gan_as_it_ends_fit():
    class Interrupt(Callback):
        def on_epoch_end(self, run):
            if run.epoch == 2:
                raise KeyboardInterrupt

    gan, history = trained(5, [Interrupt()])
    assert len(history["generator"]) == 2
    with pytest.raises(KeyboardInterrupt):
        trained(5, [Interrupt(), RaiseInterrupt()])


def test_a_gan_prints_a_line_per_epoch(capsys):
    trained(2, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert "discriminator" in lines[0] and "generator" in lines[0]


def test_callbacks_see_the_same_run_with_workers_of_each_kind(tmp_path):
    def once(workers, name):
        callbacks = [
            Distance([5.0, 3.0, 4.0, 4.0, 1.0]),
            EarlyStopping("distance", patience=2),
            Checkpoint(tmp_path / name, resume=True),
        ]
        gan, history = trained(5, callbacks, small_gan(norm=False), workers=workers)
        return np.concatenate([a.ravel() for a in model_arrays(gan.networks).values()]), history

    one, history = once(1, "1.npz")
    for kind in ("threads", "processes"):
        several, same = once(Workers(2, kind), f"{kind}.npz")
        np.testing.assert_allclose(several, one, rtol=1e-4, atol=1e-6)
        assert same["distance"] == history["distance"]


def test_the_ranks_of_a_group_resume_and_only_the_first_writes(tmp_path):
    def work(group):
        written = []

        class Watch(Checkpoint):
            def _write(self, run):
                super()._write(run)
                written.append(run.is_first)

        for epochs in (2, 4):
            checkpoint = Watch(tmp_path / "a.npz", resume=True)
            gan, _ = trained(epochs, [checkpoint], small_gan(norm=False), workers=group)
            group.barrier()
        assert len(written) == 4 and set(written) == {group.rank == 0}
        arrays = np.concatenate([a.ravel() for a in model_arrays(gan.networks).values()])
        total = group.all_reduce(arrays.astype(float)) / group.size
        np.testing.assert_allclose(total, arrays, rtol=1e-6)
        return arrays

    expected, _ = trained(4, gan=small_gan(norm=False), workers=1)
    expected = np.concatenate([a.ravel() for a in model_arrays(expected.networks).values()])
    np.testing.assert_allclose(
        run(work, 2, "processes", capacity=1000), expected, rtol=1e-4, atol=1e-6
    )


def test_the_old_argument_is_refused_with_the_new_one():
    options = dict(optimizer_d=Adam(), optimizer_g=Adam())
    refused(lambda: small_gan().fit(X, **options, on_epoch=print), r"callbacks=\[\.\.\.\]")
    refused(lambda: small_gan().fit(X, **options, callbacks=print), "callbacks as a list")


def plain_gan():
    """A GAN whose D computes each sample alone."""
    g, d = Sequential([Dense(5), Tanh(), Dense(6)]), Sequential([Dense(5), LeakyReLU(), Dense(1)])
    g.build((3,), 1)
    d.build((6,), 2)
    return GAN(g, d)


def pixels(n=8):
    return np.random.default_rng(5).random((n, 6), "float32")


def test_d_takes_two_passes_for_a_loss_that_is_set_later():
    class Whole(BinaryCrossEntropy):
        splits_batch = False

    gan = plain_gan()
    assert len(gan.discriminator_gradients(pixels(4), gan.codes(4, 3))[2]) == 1
    gan.loss = Whole(from_logits=True)
    assert len(gan.discriminator_gradients(pixels(4), gan.codes(4, 3))[2]) == 2


def test_the_factor_of_a_loss_does_not_scale_a_penalty():
    """Each worker of two has half of the gradient of the loss and of the penalty."""
    x, gradients = pixels(8), []
    for penalized in (False, True):
        gan = plain_gan()
        if penalized:
            gan = GAN(gan.generator, Sequential([ActivityRegularization(l2=0.1), Dense(1)]))
            gan.discriminator.build(x.shape[1:], 1)
        assert gan._found().penalized == penalized
        z = gan.codes(8, 3)
        whole = gan.generator_gradients(z)[1]
        halves = [gan.generator_gradients(z, 0.5)[1], gan.generator_gradients(z, 0)[1]]
        for name, g in whole.items():
            np.testing.assert_allclose(halves[0][name], (g + halves[1][name]) / 2, atol=1e-6)
        gradients.append(max(abs(g).max() for g in halves[1].values()))
    assert gradients[0] == 0 < gradients[1]


@pytest.mark.parametrize("penalized", [False, True])
def test_a_gan_with_gradients_of_its_own_trains_on_workers(penalized):
    class Own(GAN):
        def generator_gradients(self, z):
            return super().generator_gradients(z)

    x, results = pixels(32), []
    for kind, workers in ((GAN, 1), (GAN, 2), (Own, 1), (Own, 2)):
        gan = plain_gan()
        gan = kind(gan.generator, gan.discriminator)
        if penalized:
            d = Sequential([ActivityRegularization(l2=0.1), Dense(1)])
            d.build(x.shape[1:], 1)
            gan.discriminator = d
        options = {"optimizer_d": SGD(0.1), "optimizer_g": SGD(0.1), "batch_size": 16}
        gan.fit(x, **options, workers=Workers(workers, "threads"), verbose=False)
        results.append(np.append(gan.generator.parameters, gan.discriminator.parameters))
    for found in results[1:]:
        np.testing.assert_allclose(found, results[0], rtol=1e-4, atol=1e-5)
