"""The contract of a layer: a pair of pure functions over its parameters.

    forward(x, train)   -> y, cache        what it computes, and what backward must remember
    backward(dy, cache) -> dx, grads       dL/dx and {name: dL/dparameter}, from dy = dL/dy

Nothing is stored on the layer between the two, and neither changes its arguments. So a layer may
be used twice in a model, two threads may each take half a batch, and calling backward twice on one
cache gives the same answer twice.
"""

import copy
import functools
import re

from scratchnet.backend import as_float_dtype, as_rng, float_dtype, xp_of
from scratchnet.layers.parameters import Parameter, one_vector
from scratchnet.layers.shapes import (
    ShapeError,
    check_rank,
    check_shape,
    checked_sizes,
    format_shape,
)
from scratchnet.validation import constructor_call

WORD_START = r"(?<=[a-z])(?=[A-Z][a-z])|(?<=2D)(?=[A-Z])"  # Leaky|ReLU, Max|Pooling2D


class Layer:
    """Base class. A subclass writes `build` (if it has parameters), `forward` and `backward`.

    Two of these methods get a frame around what the subclass writes: `build` remembers the shapes,
    and `forward` first checks that x fits them. A formula therefore never starts with checks.

    Attributes
        name          shown in summaries and errors, and part of each parameter's path
        trainable     set to False to freeze: gradients flow through, its parameters stay
        input_shape   without the batch axis, None before `build`
        output_shape  likewise
    """

    remembers = "nothing"  # what the cache holds, in words, for summary()
    needs_whole_batch = False  # True where samples of a training batch depend on one another
    needs_build = False  # True for a subclass with a build, unless it says that it can do without

    def __init__(self, name=None):
        self.params = {}  # parameter name -> Parameter
        self.state = {}  # name -> array that is kept but not learned (running averages)
        self.children = {}  # name -> layer, for layers made of layers
        self.name = self.given_name = name  # a Sequential names the layers that nobody named
        self.trainable, self.rng = True, None
        self.input_shape = self.output_shape = self.dtype = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.needs_build = cls.__dict__.get("needs_build", True)
            cls.build = _remembering_shapes(cls.__dict__["build"])
        if "forward" in cls.__dict__:
            cls.forward = _checking_input(cls.__dict__["forward"])

    # ------------------------------------------------------------------ what a subclass writes

    def build(self, input_shape, rng):
        """Make the parameters for inputs of this shape (no batch axis); return the output shape.

        rng is an `RNG` or a seed. The only place that draws weights. Building twice for one shape
        does nothing, so that a shared layer keeps its weights.
        """
        return tuple(input_shape)

    def forward(self, x, train=False):
        """(y, cache) for a batch x; train=True switches on noise, dropout and batch statistics."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy, cache):
        """(dx, grads): the gradients of the loss for the input and, by name, each parameter."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def weight_gradients(self, dy, cache):
        """grads alone, for the first layer of a model, whose input gradient nobody needs."""
        return self.backward(dy, cache)[1]

    def input_gradient(self, dy, cache):
        """dx alone, for a model that is passed through without learning (a GAN's discriminator)."""
        return self.backward(dy, cache)[0]

    def penalty(self, cache):
        """What this layer adds to the loss (activity regularization); backward includes it."""
        return sum(layer.penalty(c) for layer, c in self.sublayer_caches(cache))

    def update_running_stats(self, cache):
        """Once per training step: move running averages, which forward may not touch."""
        for layer, c in self.sublayer_caches(cache) if self.trainable else ():
            layer.update_running_stats(c)

    def sublayer_caches(self, cache):
        """(layer, its cache) for each use of each layer that this one is made of."""
        return ()

    def check_input(self, x):
        """Say what is wrong with x; a layer that also takes a tuple of arrays writes its own."""
        if not hasattr(x, "dtype"):
            raise TypeError(f"{self.title} expects an array; got {type(x).__name__}")
        if x.dtype.kind != "f" or ((self.params or self.state) and x.dtype != self.dtype):
            expected = self.dtype or "float32"
            scaled = " / 255" if x.dtype == "uint8" else ""  # an image straight from its file
            raise TypeError(
                f"{self.title} expects {expected}; got {x.dtype}: "
                f"use x.astype('{expected}'){scaled}"
            )
        if self.input_shape is not None:
            check_shape(self, x)
        elif self.needs_build:
            raise ShapeError(
                f"{self.title} is not built yet: call build(input_shape, seed) first, "
                "on the whole model if it is part of one"
            )

    # ----------------------------------------------------------------------------- parameters

    def add(self, name, value):
        """Add a parameter; from now on it can be read, and written in place, as an attribute."""
        self.params[name] = Parameter(value)

    def __getattr__(self, name):  # only asked when ordinary lookup fails: self.W
        params = self.__dict__.get("params", {})
        if name in params:
            return params[name].value
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __setattr__(self, name, value):  # self.W = a writes INTO the array: it stays in its vector
        params = self.__dict__.get("params", {})
        if name not in params:
            super().__setattr__(name, value)
        elif params[name].value is not value:  # `layer.W -= a` has written already
            shape, got = params[name].value.shape, getattr(value, "shape", type(value).__name__)
            if got != shape:
                raise ShapeError(f"{self.title}: {name} has shape {shape}; got {got}")
            params[name].value[...] = value

    def parameter_items(self, trainable_only=False):
        """Every (path, Parameter), as in ("encoder/dense/W", ...), first to last.

        A shared one comes once, under its first path.
        """
        first_path = {}
        for path, p in self._paths(trainable_only=False):
            first_path.setdefault(p, path)
        wanted = set(p for _, p in self._paths(True)) if trainable_only else first_path
        return [(path, p) for p, path in first_path.items() if p in wanted]

    def _paths(self, trainable_only):
        if trainable_only and not self.trainable:
            return
        yield from self.params.items()
        for name, child in self.children.items():
            for path, p in child._paths(trainable_only):
                yield f"{name}/{path}", p

    def named_layers(self):
        """{path: layer} of this layer, "", and every layer inside it, each once, parents first."""
        found = {}

        def visit(path, layer):
            if layer not in found.values():
                found[path] = layer
                for name, child in layer.children.items():
                    visit(f"{path}/{name}".lstrip("/"), child)

        visit("", self)
        return found

    def named_parameters(self):
        """{path: array} of every parameter, frozen ones too."""
        return {path: p.value for path, p in self.parameter_items()}

    def named_state(self):
        """{path: array} of everything that is kept but not learned."""
        return {
            f"{path}/{name}".lstrip("/"): value
            for path, layer in self.named_layers().items()
            for name, value in layer.state.items()
        }

    @property
    def parameters(self):
        """The trainable parameters as ONE vector (P,); each W and b is a view into it."""
        return one_vector([p for _, p in self.parameter_items(trainable_only=True)])

    def flatten(self, grads):
        """The gradients {path: array} as one vector (P,), ordered like `parameters`."""
        paths = [path for path, _ in self.parameter_items(trainable_only=True)]
        missing = set(paths) - set(grads)
        if missing or not paths:
            raise ValueError(
                f"{self.title} expects the gradients of {', '.join(paths) or 'no parameter'}; "
                f"missing: {', '.join(sorted(missing)) or 'all is frozen'}"
            )
        parts = [grads[path].reshape(-1) for path in paths]
        return xp_of(*parts).concatenate(parts)

    @property
    def n_parameters(self):
        """How many numbers the layer holds as parameters, frozen ones too."""
        return sum(p.value.size for _, p in self.parameter_items())

    # ---------------------------------------------------------------------------------- whole

    def __call__(self, x):
        """The output for x, at inference: y without the cache."""
        return self.forward(x)[0]

    def set_rng(self, rng):
        """Let every layer inside that draws noise or masks draw from this `RNG` (or seed)."""
        rng = as_rng(rng)
        for layer in self.named_layers().values():
            layer.rng = rng

    def astype(self, dtype):
        """A copy whose parameters and state are of another precision, float32 or float64."""
        dtype = as_float_dtype(dtype)
        twin = self.map_arrays(lambda array: array.astype(dtype))
        for layer in twin.named_layers().values():
            layer.dtype = dtype if layer.dtype is not None else None
        return twin

    def map_arrays(self, f):
        """A copy in which f(array) stands for every array: `to_numpy` carries a model over."""
        twin = copy.deepcopy(self)
        for _, p in twin.parameter_items():
            p.value = f(p.value)
        for layer in twin.named_layers().values():
            layer.state = {name: f(value) for name, value in layer.state.items()}
        return twin

    def expect_rank(self, input_shape, rank):
        """The input shape, after checking that it has this many axes (no batch axis)."""
        check_rank(self, input_shape, rank)
        return input_shape

    @property
    def title(self):
        """How errors name this layer: Dense 'dense_1'."""
        kind = type(self).__name__
        return f"{kind} '{self.name}'" if self.name else kind

    def default_name(self):
        """Keras' default: MaxPooling2D -> max_pooling2d."""
        return re.sub(WORD_START, "_", type(self).__name__).lower()

    def __repr__(self):
        return constructor_call(self)


def _remembering_shapes(build):
    @functools.wraps(build)
    def framed(self, input_shape, rng):
        input_shape = checked_sizes(self, input_shape)
        if self.input_shape is not None and self.input_shape != input_shape:
            raise ShapeError(
                f"{self.title} was built for {format_shape(self.input_shape)} and cannot take "
                f"{format_shape(input_shape)} as well: make a second layer"
            )
        if self.input_shape is None:
            self.output_shape = tuple(build(self, input_shape, as_rng(rng)))
            self.input_shape, self.dtype = input_shape, float_dtype()
        return self.output_shape

    return framed


def _checking_input(forward):
    @functools.wraps(forward)
    def framed(self, x, train=False):
        self.check_input(x)
        return forward(self, x, train)

    return framed
