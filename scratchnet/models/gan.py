"""Generative adversarial network: a generator learns from the gradient of a discriminator."""

from collections.abc import Callable
from typing import Any

from scratchnet.backend import RNG, Array, as_rng, xp_of
from scratchnet.batch_rows import batch_rows
from scratchnet.layers.base import Layer
from scratchnet.losses import BinaryCrossEntropy
from scratchnet.optimizers import ALONE, Optimizer
from scratchnet.parallel import Group
from scratchnet.saving import model_arrays
from scratchnet.training import batch_sizes, batches
from scratchnet.training_checks import (
    check_data,
    check_model,
    check_optimizer,
    check_options,
    check_seed,
    warn_of_double_activation,
)
from scratchnet.training_run import Guard, History, synchronize
from scratchnet.training_step import own_counter
from scratchnet.validation import check_float, check_positive_int
from scratchnet.workers import (
    WorkersOption,
    check_workers,
    member,
    part_of,
    rows_of,
    start,
    unshare,
)


class GAN:
    """Generator G and discriminator D, trained in turn with the non-saturating loss.

    L_D = -mean log s(D(x)) - mean log(1 - s(D(G(z))))        L_G = -mean log s(D(G(z)))

    x are real samples, z random codes, D(x) logits (N, 1) and s is the sigmoid. The original loss
    of G, mean log(1 - s(D(G(z)))), has a gradient of almost 0 where D is sure that G(z) is not
    real; L_G has not. Goodfellow et al. (2014).

    Update of D   dL_D/da = (s(a) - t) / N for a = D(x), t = 1 and a = D(G(z)), t = 0; on to the
                  weights of D
    Update of G   dL_G/da = (s(a) - 1) / N for a = D(G(z)); through D to dL_G/dG(z), on to the
                  weights of G. The gradients of D's weights are not computed

    Parameters
        generator       z (N, Z) -> x
        discriminator   x -> logits (N, 1), without a sigmoid at its end
        smoothing       one-sided label smoothing: the target for real samples is 1 - smoothing.
                        Salimans et al. (2016)
        ema_decay       decay d of an exponential moving average of G's weights, with which `sample`
                        draws; training does not use it. 0: no average. Yazici et al. (2019)

    >>> from scratchnet.layers import Dense, LeakyReLU, Sequential
    >>> g, d = Sequential([Dense(8), LeakyReLU(), Dense(2)]), Sequential([Dense(1)])
    >>> g.build((3,), 0), d.build((2,), 1)
    ((2,), (1,))
    >>> GAN(g, d).sample(5, seed=0).shape
    (5, 2)
    """

    def __init__(
        self,
        generator: Layer,
        discriminator: Layer,
        smoothing: float = 0.0,
        ema_decay: float = 0.0,
    ):
        self.generator, self.discriminator = generator, discriminator
        self.smoothing = check_float("GAN", "smoothing", smoothing, at_least=0, below=1)
        self.ema_decay = check_float("GAN", "ema_decay", ema_decay, at_least=0, below=1)
        self.loss = BinaryCrossEntropy(from_logits=True)
        self.mean_generator, self.t = None, 0  # a copy of G with mean weights; updates of it

    def discriminator_gradients(self, x: Array, z: Array) -> tuple:
        """Return (L_D, {name: gradient}, the two caches of D) for real samples x and codes z."""
        fake, _ = self.generator.forward(z, train=True)
        total, grads, caches = 0, {}, []
        for samples, target in ((x, 1 - self.smoothing), (fake, 0)):
            a, cache = self.discriminator.forward(samples, train=True)
            value, loss_cache = self.loss.forward(a, xp_of(a).full_like(a, target))
            g = self.discriminator.weight_gradients(self.loss.backward(loss_cache), cache)
            total, caches = total + value, [*caches, cache]
            grads = {name: grads[name] + g[name] for name in grads} or g
        return total, grads, caches

    def generator_gradients(self, z: Array) -> tuple:
        """Return (L_G, {name: gradient}, the cache of G) for codes z; D is not updated."""
        fake, cache = self.generator.forward(z, train=True)
        a, d_cache = self.discriminator.forward(fake, train=True)
        value, loss_cache = self.loss.forward(a, xp_of(a).ones_like(a))
        d_fake = self.discriminator.input_gradient(self.loss.backward(loss_cache), d_cache)
        return value, self.generator.weight_gradients(d_fake, cache), cache

    def train_step(
        self,
        x: Array,
        z_d: Array,
        z_g: Array,
        optimizer_d: Optimizer,
        optimizer_g: Optimizer,
        group: Group = ALONE,
        n: int | None = None,
    ) -> tuple:
        """Update D with x and z_d, then G with z_g. Returns (L_D, L_G), each before its update.

        In a group of workers x, z_d and z_g are this worker's rows of a batch of n samples.
        """
        d, g = self.discriminator, self.generator
        if not len(x):  # more workers than samples: this one adds nothing to the sums
            for model, optimizer in ((d, optimizer_d), (g, optimizer_g)):
                optimizer.step(model.parameters, model.parameters * 0, group)
            self._update_mean(group)
            return 0.0, 0.0
        share = len(x) / (n or len(x))
        loss_d, grads, caches = self.discriminator_gradients(x, z_d)
        optimizer_d.step(d.parameters, _scaled(d.flatten(grads), share), group)
        for cache in caches:
            d.update_running_stats(cache)
        loss_g, grads, cache = self.generator_gradients(z_g)
        optimizer_g.step(g.parameters, _scaled(g.flatten(grads), share), group)
        g.update_running_stats(cache)
        self._update_mean(group)
        return loss_d, loss_g

    def _update_mean(self, group):
        """mean += (1 - d) / (1 - d^t) (w - mean), for weights and running averages of layers.

        Because of the division by 1 - d^t the first weights have their full share, as in Adam.
        """
        shared = group.kind == "threads" and group.rank > 0  # rank 0 updates it for all threads
        if not self.ema_decay or shared:
            return
        self.mean_generator = self.mean_generator or self.generator.map_arrays(lambda a: a.copy())
        self.t += 1
        share = (1 - self.ema_decay) / (1 - self.ema_decay**self.t)
        arrays = model_arrays(self.generator)
        for name, mean in model_arrays(self.mean_generator).items():
            mean += share * (arrays[name] - mean)

    def fit(
        self,
        x: Array,
        *,
        optimizer_d: Optimizer,
        optimizer_g: Optimizer,
        epochs: int = 1,
        batch_size: int = 128,
        seed: int = 0,
        on_epoch: Callable[[int, History], None] | None = None,
        workers: WorkersOption = None,
        **unknown: Any,
    ) -> History:
        """Train; return {"discriminator": [...], "generator": [...]}, the mean loss of each epoch.

        on_epoch(epoch, history) is called after each epoch: to draw samples, to print. `workers` is
        that of `scratchnet.training.fit`.

        Raises TypeError, ValueError and TrainingDiverged as `scratchnet.training.fit` does; after
        TrainingDiverged, and after Ctrl-C, which returns the history, both networks and optimizers
        have the state of the last whole epoch.
        """
        check_options("GAN.fit", ["GAN.fit", "fit"], unknown, self.fit)
        check_positive_int("fit", "epochs", epochs)
        check_model(self.generator)
        x, _ = check_data(self.discriminator, x)
        for optimizer, model in ((optimizer_d, self.discriminator), (optimizer_g, self.generator)):
            check_optimizer(optimizer)
            optimizer.bind(model)
        if optimizer_d is optimizer_g:
            raise ValueError("a GAN needs two optimizers, one for each network; got the same twice")
        warn_of_double_activation(self.discriminator, self.loss)
        seed, optimizers = check_seed(seed), (optimizer_d, optimizer_g)
        workers = check_workers("GAN.fit", workers)
        try:
            return self._all_epochs(x, batch_size, epochs, seed, optimizers, workers, on_epoch)
        finally:
            unshare([self.discriminator, self.generator], optimizers)

    def _all_epochs(self, x, batch_size, epochs, seed, optimizers, workers, on_epoch):
        """Train for so many epochs; return the history."""
        history: History = {"discriminator": [], "generator": []}
        group = member(workers)
        guard = Guard([self.generator, self.discriminator], optimizers)
        if group is not None:
            synchronize(group, guard)
        for epoch in range(epochs):
            try:
                with guard.restoring(done=lambda epoch=epoch: len(history["generator"]) > epoch):
                    rng = RNG(seed).fork(optimizers[0].epochs)
                    losses = self._epoch(x, batch_size, rng, optimizers, workers)
                    guard.check(dict(zip(history, losses, strict=True)), epoch, history)
                    for column, value in zip(history.values(), losses, strict=True):
                        column.append(value)
                    for optimizer in optimizers:
                        optimizer.epochs += 1
                    if on_epoch is not None:
                        on_epoch(epoch, history)
            except KeyboardInterrupt:
                break
        if group is not None:
            for optimizer in optimizers:
                optimizer.gather_slots(group)
        return history

    def _epoch(self, x, batch_size, rng, optimizers, workers):
        """One pass over the data; returns the mean losses of both networks."""
        models = [self.discriminator, self.generator]
        for model in models:
            model.set_rng(rng)
        steps, sizes = list(batches(len(x), batch_size, rng)), batch_sizes(len(x), batch_size)

        def work(group):
            """All steps of the epoch, as one worker of the group."""
            sums = [0, 0]
            own = [own_counter(o, group, member(workers)) for o in optimizers]
            with batch_rows(several=group.size > 1) as rows:
                for batch, n in zip(steps, sizes, strict=True):
                    x_mine = part_of(x, batch, rows.set(rows_of(group, n), n))
                    # under batch_rows these are the worker's rows of the codes of the batch
                    z_d, z_g = self.codes(len(x_mine), rng), self.codes(len(x_mine), rng)
                    losses = self.train_step(x_mine, z_d, z_g, *own, group, n)
                    sums = [s + v * len(x_mine) for s, v in zip(sums, losses, strict=True)]
            return (group.all_reduce([float(s) for s in sums]) / len(x)).tolist()

        return start(work, models, x, batch_size, workers, loss=self.loss, optimizers=optimizers)

    def codes(self, n: int, seed: int | RNG) -> Array:
        """Random codes z ~ N(0, I) for n samples, (n, Z), on the generator's device."""
        check_model(self.generator)
        weights = self.generator.parameters
        input_shape: Any = self.generator.input_shape  # (Z,)
        like = xp_of(weights).empty((n, *input_shape), dtype=weights.dtype)
        return as_rng(seed).normal(like=like)

    def sample(self, n: int, seed: int | RNG) -> Array:
        """Samples of the generator, or of its average if there is an ema_decay, (n, ...)."""
        return (self.mean_generator or self.generator)(self.codes(n, seed))


def _scaled(g, share):
    """The gradient times the share of a worker's samples in the batch."""
    return g if share == 1 else g * share
