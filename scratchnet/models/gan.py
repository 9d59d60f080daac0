"""Generative adversarial network: a generator learns from the gradient of a discriminator."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from scratchnet.backend import RNG, Array, as_rng, xp_of
from scratchnet.batch_rows import batch_rows
from scratchnet.layers.base import Layer
from scratchnet.layers.composite import Composite
from scratchnet.layers.gradient_vector import GradientVector
from scratchnet.loss_base import known_targets
from scratchnet.losses import BinaryCrossEntropy
from scratchnet.models.conditional import beside, check_classes, check_labels, one_hot
from scratchnet.optimizer_base import ALONE, Optimizer
from scratchnet.parallel import Group
from scratchnet.saving import model_arrays
from scratchnet.training import batch_sizes, batches
from scratchnet.training_checks import (
    check_callbacks,
    check_data,
    check_model,
    check_optimizer,
    check_options,
    check_seed,
    warn_of_double_activation,
)
from scratchnet.training_run import History, Run, run_epochs, run_settings
from scratchnet.training_step import defines, own_counter
from scratchnet.validation import check_bool, check_float, check_positive_int
from scratchnet.workers import (
    WorkersOption,
    check_workers,
    member,
    part_of,
    rows_of,
    splits_batch,
    start,
    unshare,
)


class Networks(Composite):
    """The networks of a GAN as one layer without a forward pass, to save and restore them together.

    >>> from scratchnet.layers import Dense
    >>> list(Networks(generator=Dense(2), discriminator=Dense(1)).children)
    ['generator', 'discriminator']
    """

    def __init__(self, **networks):
        super().__init__()
        self.children.update(networks)


class _Facts(NamedTuple):
    """Properties of the networks of a GAN.

    Attributes
        parts       D, G and the loss
        one_pass    no sample has an influence on the others in D, and D draws no noise
        penalized   a layer of D or G, or a method of a subclass of GAN, may add a penalty
    """

    parts: tuple[Layer, Layer, Any]
    one_pass: bool
    penalized: bool


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
        classes         K: samples have labels, and both networks see them, G as [z | c] (N, Z + K)
                        and D as [x | c], with K more features or channels than x; c is the one-hot
                        label. In the methods of one step, x and z are these arrays, from
                        `with_labels` and `codes`. None: no labels. See models/conditional.py

    >>> import numpy as np
    >>> from scratchnet.layers import Dense, LeakyReLU, Sequential
    >>> g, d = Sequential([Dense(8), LeakyReLU(), Dense(2)]), Sequential([Dense(1)])
    >>> g.build((3,), 0), d.build((2,), 1)
    ((2,), (1,))
    >>> GAN(g, d).sample(5, seed=0).shape
    (5, 2)
    >>> g, d = Dense(2), Dense(1)
    >>> g.build((3 + 10,), 0), d.build((2 + 10,), 1)
    ((2,), (1,))
    >>> GAN(g, d, classes=10).sample(10, seed=0, labels=np.arange(10)).shape
    (10, 2)
    """

    def __init__(
        self,
        generator: Layer,
        discriminator: Layer,
        smoothing: float = 0.0,
        ema_decay: float = 0.0,
        classes: int | None = None,
    ):
        self.generator, self.discriminator = generator, discriminator
        self.smoothing = check_float("GAN", "smoothing", smoothing, at_least=0, below=1)
        self.ema_decay = check_float("GAN", "ema_decay", ema_decay, at_least=0, below=1)
        self.classes = check_classes("GAN", classes)
        self.loss = BinaryCrossEntropy(from_logits=True)
        self.mean_generator: Layer | None = None  # a copy of G with mean weights
        self._facts: _Facts | None = None

    @property
    def networks(self) -> Networks:
        """All networks as one layer: G, D and the average of G, for `save`, `load` and callbacks.

        After ``save(gan.networks, path)``, ``load(gan.networks, path)`` restores all of them.
        """
        check_model(self.generator)
        means = {"mean_generator": self._mean()} if self.ema_decay else {}
        return Networks(generator=self.generator, discriminator=self.discriminator, **means)

    def discriminator_gradients(self, x: Array, z: Array, factor: float = 1.0) -> tuple:
        """Return (L_D, {name: gradient}, the caches of D) for real samples x and codes z.

        The gradient of the loss is multiplied by the factor, that of a penalty is not.

        L_D is the sum of the means over the real and over the generated samples. Where D computes
        each sample on its own, both go through D in one pass: one product of 2 N rows is faster
        than two of N. The gradient of a penalty of D's layers is the mean of both passes.
        """
        fake, _ = self.generator.forward(z, train=True)
        fake = self._labelled(fake, z)
        together = x.shape == fake.shape and x.dtype == fake.dtype
        if together and self._found().one_pass:
            return self._both_at_once(x, fake, factor)
        total, grads, caches = 0, {}, []
        for samples, target in ((x, 1 - self.smoothing), (fake, 0)):
            a, cache = self.discriminator.forward(samples, train=True)
            value, loss_cache = self.loss.forward(a, xp_of(a).full_like(a, target))
            da = (2 * factor) * self.loss.backward(loss_cache)
            g = self.discriminator.weight_gradients(da, cache)
            total, caches = total + value, [*caches, cache]
            for name in grads:
                grads[name] += g[name]
                grads[name] /= 2
            grads = grads or g
        return total, grads, caches

    def _found(self):
        """The properties of the networks; found once, because it takes long."""
        parts = d, g, _ = self.discriminator, self.generator, self.loss
        known = self._facts
        if known is None or any(a is not b for a, b in zip(known.parts, parts, strict=True)):
            noise = any(layer.draws_noise for layer in d.named_layers().values())
            one_pass = splits_batch(d, self.loss) and not noise
            own = any(getattr(type(self), m.__name__) is not m for m in GRADIENTS)
            penalized = own or defines(d, "penalty") or defines(g, "penalty")
            self._facts = _Facts(parts, one_pass, penalized)
        return self._facts

    def _both_at_once(self, x, fake, factor):
        """`discriminator_gradients` of N real and N generated samples in one pass of 2 N rows."""
        xp = xp_of(x, fake)
        a, cache = self.discriminator.forward(xp.concatenate([x, fake]), train=True)
        target = xp.zeros_like(a)
        target[: len(x)] = 1 - self.smoothing
        value, loss_cache = self.loss.forward(a, target)  # the mean over 2 N samples, half of L_D
        da = (2 * factor) * self.loss.backward(loss_cache)
        return 2 * value, self.discriminator.weight_gradients(da, cache), [cache]

    def generator_gradients(self, z: Array, factor: float = 1.0) -> tuple:
        """Return (L_G, {name: gradient}, the cache of G) for codes z; D is not updated.

        The gradient of the loss is multiplied by the factor, that of a penalty is not.
        """
        fake, cache = self.generator.forward(z, train=True)
        a, d_cache = self.discriminator.forward(self._labelled(fake, z), train=True)
        value, loss_cache = self.loss.forward(a, xp_of(a).ones_like(a))
        da = factor * self.loss.backward(loss_cache)
        d_fake = self.discriminator.input_gradient(da, d_cache)
        if self.classes is not None:  # without the gradient of the label
            d_fake = xp_of(a).ascontiguousarray(d_fake[..., : -self.classes])
        return value, self.generator.weight_gradients(d_fake, cache), cache

    def _labelled(self, fake, z):
        """The generated samples as D sees them: with the label of their codes [z | c]."""
        return fake if self.classes is None else beside(fake, z[..., -self.classes :])

    def train_step(
        self,
        x: Array,
        z_d: Array,
        z_g: Array,
        optimizer_d: Optimizer,
        optimizer_g: Optimizer,
        group: Group = ALONE,
        n: int | None = None,
        memories: Sequence[GradientVector] | None = None,
    ) -> tuple:
        """Update D with x and z_d, then G with z_g. Returns (L_D, L_G), each before its update.

        In a group of workers x, z_d and z_g are this worker's rows of a batch of n samples. A loop
        may make the `memories`, those of `gradient_vectors`, once for all its steps.
        """
        d, g = self.discriminator, self.generator
        if not len(x):  # more workers than samples: this one adds nothing to the sums
            for model, optimizer in ((d, optimizer_d), (g, optimizer_g)):
                optimizer.step(model.parameters, model.parameters * 0, group)
            self._update_mean(optimizer_g.t, group)
            return 0.0, 0.0
        share, (of_d, of_g) = len(x) / (n or len(x)), memories or self.gradient_vectors(group)
        # with a penalty, whose gradient does not depend on da, all gradients are multiplied
        in_loss = () if share == 1 or self._found().penalized else (share,)
        of_all = 1.0 if in_loss else share
        with of_d:
            loss_d, grads, caches = self.discriminator_gradients(x, z_d, *in_loss)
        optimizer_d.step(of_d.parameters, of_d.filled(grads, of_all), group)
        for cache in caches:
            d.update_running_stats(cache)
        with of_g:
            loss_g, grads, cache = self.generator_gradients(z_g, *in_loss)
        optimizer_g.step(of_g.parameters, of_g.filled(grads, of_all), group)
        g.update_running_stats(cache)
        self._update_mean(optimizer_g.t, group)
        return loss_d, loss_g

    def gradient_vectors(self, group: Group = ALONE) -> tuple:
        """Memory for the gradients of D and of G, for the steps of one worker."""
        return GradientVector(self.discriminator, group), GradientVector(self.generator, group)

    def _mean(self):
        """The generator with mean weights; a copy of G before the first update."""
        self.mean_generator = self.mean_generator or self.generator.map_arrays(lambda a: a.copy())
        return self.mean_generator

    def _update_mean(self, t, group):
        """mean += (1 - d) / (1 - d^t) (w - mean), for weights and running averages of layers.

        t counts the updates of G's optimizer. Because of the division by 1 - d^t the first weights
        have their full share, as in Adam; with a new optimizer the average starts anew.
        """
        shared = group.kind == "threads" and group.rank > 0  # rank 0 updates it for all threads
        if not self.ema_decay or shared:
            return
        share = (1 - self.ema_decay) / (1 - self.ema_decay**t)
        arrays = model_arrays(self.generator)
        for name, mean in model_arrays(self._mean()).items():
            mean += share * (arrays[name] - mean)

    def fit(
        self,
        x: Array,
        *,
        optimizer_d: Optimizer,
        optimizer_g: Optimizer,
        labels: Array | None = None,
        epochs: int = 1,
        batch_size: int = 128,
        seed: int = 0,
        callbacks: Sequence = (),
        workers: WorkersOption = None,
        verbose: bool = True,
        **unknown: Any,
    ) -> History:
        """Train; return {"discriminator": [...], "generator": [...]}, the mean loss of each epoch.

        Parameters
            labels      the class of each sample (N,), for a GAN with classes; generated samples of
                        a batch have the labels of its real ones
            callbacks   those of `scratchnet.training.fit`. `run.model` has all networks, see
                        `networks`; `run.optimizers` are "optimizer_d" and "optimizer_g". The losses
                        do not measure the quality of samples: for EarlyStopping add a number that
                        does to run.history, in a callback before it
            seed, workers, verbose   those of `scratchnet.training.fit`

        Raises TypeError, ValueError and TrainingDiverged as `scratchnet.training.fit` does; after
        TrainingDiverged, and after Ctrl-C, which returns the history, networks and optimizers have
        the state of the last whole epoch.
        """
        check_options("GAN.fit", ["GAN.fit", "fit"], unknown, self.fit)
        check_positive_int("fit", "epochs", epochs)
        check_positive_int("fit", "batch_size", batch_size)
        check_model(self.generator)
        x, _ = check_data(self.discriminator, x)
        labels = check_labels("GAN", labels, self.classes, len(x))
        optimizers = {"optimizer_d": optimizer_d, "optimizer_g": optimizer_g}
        models = [self.discriminator, self.generator]
        for optimizer, model in zip(optimizers.values(), models, strict=True):
            check_optimizer(optimizer)
            optimizer.bind(model)
        if optimizer_d is optimizer_g:
            raise ValueError("a GAN needs two optimizers, one for each network; got the same twice")
        callbacks = check_callbacks(callbacks)
        warn_of_double_activation(self.discriminator, self.loss)
        workers = check_workers("GAN.fit", workers)
        settings = run_settings(
            (x,) if labels is None else (x, labels),
            optimizers,
            {},
            batch_size=int(batch_size),
            seed=check_seed(seed),
            smoothing=self.smoothing,
            ema_decay=self.ema_decay,
            callbacks=[type(c).__name__ for c in callbacks],
        )
        names = "discriminator", "generator"
        group = member(workers)
        run = Run(self.networks, optimizers, epochs, settings, callbacks, group, losses=names)

        def epoch():
            return dict(zip(names, self._epoch(run, x, labels, workers), strict=True))

        try:
            return run_epochs(run, epoch, check_bool("GAN.fit", "verbose", verbose))
        finally:
            unshare(models, [*optimizers.values()])

    def _epoch(self, run, x, labels, workers):
        """One pass over the data; returns the mean losses of both networks."""
        models, optimizers = [self.discriminator, self.generator], [*run.optimizers.values()]
        rng = RNG(run.settings["seed"]).fork(run.optimizer.epochs)
        batch_size = run.settings["batch_size"]
        for model in models:
            model.set_rng(rng)
        steps, sizes = list(batches(len(x), batch_size, rng)), batch_sizes(len(x), batch_size)

        def work(group):
            """All steps of the epoch, as one worker of the group."""
            sums = [0, 0]
            own = [own_counter(o, group, run.group) for o in optimizers]
            memories = self.gradient_vectors(group)
            with batch_rows(several=group.size > 1) as rows, known_targets(self.loss):
                for batch, n in zip(steps, sizes, strict=True):
                    mine = rows.set(rows_of(group, n), n)
                    x_mine, y = part_of(x, batch, mine), None
                    if labels is not None:
                        y = part_of(labels, batch, mine)
                        x_mine = self.with_labels(x_mine, y)
                    # under batch_rows these are the worker's rows of the codes of the batch
                    z_d, z_g = (self.codes(len(x_mine), rng, y) for _ in range(2))
                    losses = self.train_step(x_mine, z_d, z_g, *own, group, n, memories)
                    sums = [s + v * len(x_mine) for s, v in zip(sums, losses, strict=True)]
            return (group.all_reduce([float(s) for s in sums]) / len(x)).tolist()

        return start(work, models, x, batch_size, workers, loss=self.loss, optimizers=optimizers)

    def with_labels(self, x: Array, labels: Array) -> Array:
        """Samples and their labels (N,) side by side, [x | c]: the input of D with classes."""
        labels = check_labels("GAN", labels, self.classes, len(x))
        return x if labels is None else self._beside(x, labels)

    def _beside(self, x, labels):
        return beside(x, one_hot(labels, self.classes, like=x))

    def codes(self, n: int, seed: int | RNG, labels: Array | None = None) -> Array:
        """Random codes z ~ N(0, I) for n samples, (n, Z), on the generator's device.

        For a GAN with classes the codes are [z | c] (n, Z + K), of labels (n,).
        """
        check_model(self.generator)
        labels = check_labels("GAN", labels, self.classes, n)
        weights = _any_parameter(self.generator)
        input_shape: Any = self.generator.input_shape  # (Z,) or (Z + K,)
        size = input_shape[-1] - (self.classes or 0)
        like = xp_of(weights).empty((n, *input_shape[:-1], size), dtype=weights.dtype)
        z = as_rng(seed).normal(like=like)
        return z if labels is None else self._beside(z, labels)

    def sample(self, n: int, seed: int | RNG, labels: Array | None = None) -> Array:
        """Samples of the generator, or of its average if there is an ema_decay, (n, ...).

        For a GAN with classes `labels` (n,) are the classes of the samples.
        """
        return (self.mean_generator or self.generator)(self.codes(n, seed, labels))


GRADIENTS = GAN.discriminator_gradients, GAN.generator_gradients


def _any_parameter(model):
    """A parameter of the model; ValueError if it has none that is trained."""
    for layer in (model, *model.children.values()):
        for p in layer.params.values():
            return p.value
    return model.parameters
