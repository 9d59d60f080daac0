"""Layer, the base class: what a layer has to provide, and what it gets from this class.

    forward(x, train)   -> y, cache        the output, and what backward needs
    backward(dy, cache) -> dx, grads       dx = dL/dx and grads = {name: dL/dparameter}

In code dy, dx and dW are the gradients dL/dy, dL/dx and dL/dW of a loss L; a formula with dy/dx
means a derivative. ``xp = xp_of(x)`` is the array module of x, numpy or cupy.

Neither method stores anything on the layer or changes its arguments. So a layer may be used twice
in a model, the workers of a training step may each compute a part of the batch, and backward gives
the same result twice for one cache. There are two exceptions: a layer with noise draws from
``self.rng``, and `Layer.update_running_stats` changes running averages.
"""

import copy
import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

from scratchnet.backend import RNG, Array, as_float_dtype, as_rng, to_device
from scratchnet.hints import WithHints, hint_for
from scratchnet.layers.gradient_vector import concatenated
from scratchnet.layers.parameters import Parameter, one_vector
from scratchnet.layers.shapes import (
    ShapeError,
    check_dtype,
    check_rank,
    check_shape,
    with_checked_arrays,
    with_stored_shapes,
)


class Layer(WithHints):
    """Base class of the layers: a subclass defines `forward`, `backward` and, for weights, `build`.

    Attributes
        name            shown in summaries and messages, and part of the path of each parameter
        trainable       False freezes the layer and those inside it: gradients pass through, the
                        parameters stay, and normalization uses its running averages
        params          {name: Parameter}; ``layer.W`` reads ``layer.params["W"].value``
        state           {name: array} that is updated but not trained: running averages
        children        {name: layer}, for a layer that contains layers
        input_shape     without the batch axis; None before `build`
        output_shape    likewise

    >>> import numpy as np
    >>> from scratchnet.backend import ones
    >>> from scratchnet.gradcheck import gradcheck
    >>> class Scale(Layer):  # y = a x
    ...     def build(self, input_shape, rng):
    ...         self.add("a", ones(input_shape))
    ...         return input_shape
    ...     def forward(self, x, train=False):
    ...         return x * self.a, x
    ...     def backward(self, dy, x):
    ...         return dy * self.a, {"a": (dy * x).sum(axis=0)}
    >>> gradcheck(Scale(), np.array([[1.0, 2.0], [3.0, 4.0]])).ok
    True
    """

    remembers = "nothing"  # the content of the cache, in words, for summary()
    needs_build = False  # True if forward needs build first; a subclass with a build gets True
    # True if forward needs all samples of a batch at once: they depend on one another, or random
    # numbers are drawn for one sample after the other
    needs_whole_batch = False
    draws_noise = False  # True: forward draws random numbers, with the samples along the first axis
    splits_batch = False  # True: workers may each compute a part of a batch
    splits_inference = False  # True: at inference they may, also without splits_batch
    takes_mask = False  # True: forward has the option mask, see `output_mask`
    takes_state = False  # True: forward has the option initial_state, see `final_state`
    # number of the last axes of a sample whose size `build` must know; the sizes of the axes before
    # may be None and differ from batch to batch. None: all axes
    fixed_axes: int | None = None
    mask_value: float | None = None  # of a recurrent layer that masks the steps with this number
    keeps_steps = False  # True: y has the steps of x (N, T, ...), so that a mask passes this layer

    def __init__(self, name: str | None = None):
        self.params, self.state, self.children = {}, {}, {}
        self.given_name = name  # None if the user gave no name; then a Sequential sets `name`
        self.name = name
        self.trainable = True
        self.rng: RNG | None = None
        self.input_shape = self.output_shape = self.dtype = None

    def __init_subclass__(cls, **kwargs):
        """Wrap methods of a subclass; Python calls this when a class is defined.

        The wrapped build stores the shapes, and the wrapped forward checks x and y. Therefore a
        subclass contains formulas only. The wrapped constructor explains wrong arguments.
        """
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.needs_build = cls.__dict__.get("needs_build", True)
            cls.build = with_stored_shapes(cls.__dict__["build"])
        if "forward" in cls.__dict__:
            cls.forward = with_checked_arrays(cls.__dict__["forward"])

    # --------------------------------------------------------------- defined by the subclasses

    def build(self, input_shape: tuple[int, ...], rng: RNG | int) -> tuple[int, ...]:
        """Make the parameters for this input shape (no batch axis); return the output shape.

        Initial weights are drawn from rng, an `RNG` or a seed. A layer that is built already for
        this shape keeps its weights, so that two models can share it.
        """
        return tuple(input_shape)

    def forward(self, x, train=False):
        """Compute (y, cache); train=True is the training mode of noise and normalization layers."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy, cache):
        """Compute (dx, grads): dL/dx, and {name: dL/dparameter} for each parameter."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def weight_gradients(self, dy, cache):
        """Compute grads without dx, for the first layer of a model: its dx is not used.

        If `backward` has an option ``need_dx``, see `Dense`, it is called with ``need_dx=False``.
        """
        return self._backward_without("need_dx", dy, cache)[1]

    def input_gradient(self, dy, cache):
        """Compute dx without grads, for a model that is not trained in this step.

        If `backward` has an option ``need_grads``, it is called with ``need_grads=False``. A GAN's
        generator needs dx of the discriminator and no other gradient of it.
        """
        return self._backward_without("need_grads", dy, cache)[0]

    def _backward_without(self, option, dy, cache):
        options = {option: False} if _has_option(type(self).backward, option) else {}
        return self.backward(dy, cache, **options)

    def penalty(self, cache):
        """Term that the layer adds to the loss; `backward` adds the gradient of this term to dx."""
        return sum(layer.penalty(c) for layer, c in self.sublayer_caches(cache))

    def update_running_stats(self, cache):
        """Update running averages from the cache of a training step; called once in each step."""
        if self.trainable:
            for layer, c in self.sublayer_caches(cache):
                layer.update_running_stats(c)

    def sublayer_caches(self, cache):
        """Pairs (layer, its cache) of the layers inside this one, in the order of their use."""
        return ()

    def output_mask(self, cache, mask):
        """Mask of y: (N, T), True where a sample has no step t; None if every step exists.

        `mask` is that of x. Inside a Sequential it goes from layer to layer, from a recurrent layer
        with mask_value through the layers that keep the steps, to each layer with `takes_mask`.
        """
        return mask if self.keeps_steps else None

    def input_mask(self, cache):
        """Mask (N, T) of the first layer that has one, for the loss; None without such a layer."""
        masks = (layer.input_mask(c) for layer, c in self.sublayer_caches(cache))
        return next((mask for mask in masks if mask is not None), None)

    def final_state(self, cache):
        """State after the last step, for ``initial_state`` of the next part of a long sequence.

        None for a layer without one. The state of a model holds those of its layers.
        """
        return None

    def run(self, x, initial_state=None):
        """Compute (y, state) at inference: a long sequence in parts, each from the state before.

        >>> import numpy as np
        >>> from scratchnet.layers import GRU, Sequential
        >>> model = Sequential([GRU(2)])
        >>> model.build((None, 1), 0)
        (2,)
        >>> x = np.ones((1, 5, 1), "float32")
        >>> y, state = model.run(x[:, :3])
        >>> y, state = model.run(x[:, 3:], state)
        >>> bool(abs(y - model(x)).max() < 1e-6)
        True
        """
        options = {} if initial_state is None else {"initial_state": initial_state}
        y, cache = self.forward(x, **options)
        return y, self.final_state(cache)

    def check_input(self, x):
        """Raise TypeError or ShapeError if x does not fit; `forward` calls this method first.

        A layer that takes a tuple of arrays overrides this method.
        """
        usual = type(self).check_shape is Layer.check_shape
        if usual and hasattr(x, "dtype"):  # most arrays fit: do not call five functions for them
            if x.shape[1:] == self.input_shape and x.dtype == self.dtype:
                return
        check_dtype(self, x)
        self.check_shape(x)

    def has_trainable(self) -> bool:
        """Whether training changes a parameter of this layer or of a layer inside."""
        inside = self.params or any(child.has_trainable() for child in self.children.values())
        return bool(self._trainable and inside)

    def check_shape(self, x):
        """Raise ShapeError if the layer is not built, or was built for samples of another shape."""
        if self.input_shape is not None:
            check_shape(self, x)
        elif self.needs_build:
            raise ShapeError(
                f"{self.title} is not built yet: call build(input_shape, seed) first, "
                "on the whole model if it is part of one"
            )

    # ----------------------------------------------------------------------------- parameters

    @property
    def trainable(self) -> bool:
        """Whether training changes the parameters; setting it sets it for the layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value
        for child in self.children.values():
            child.trainable = value

    def add(self, name, value):
        """Add a parameter: from then on ``layer.name`` is its array, in the current precision."""
        self.params[name] = Parameter(to_device(value))

    def __getattr__(self, name):  # Python calls this for an attribute that does not exist: self.W
        try:
            return self.__dict__["params"][name].value
        except KeyError:
            hint = hint_for(["model"], name)
        message = f"{type(self).__name__} has no attribute {name!r}"
        raise AttributeError(f"{message}: {hint}" if hint else message)

    def __setattr__(self, name, value):
        """Copy the value into the parameter's array, if `name` is a parameter.

        The array itself is not replaced, because it is a view into the model's vector, see
        `parameters`.
        """
        params = self.__dict__.get("params", {})
        if name not in params:
            super().__setattr__(name, value)
        elif params[name].value is not value:  # it is after `layer.W -= a`, which Python runs as
            shape = params[name].value.shape  # W = layer.W; W -= a (in place); layer.W = W
            got = getattr(value, "shape", type(value).__name__)
            if got != shape:
                raise ShapeError(f"{self.title}: {name} has shape {shape}; got {got}")
            params[name].value[...] = value

    def parameter_items(self, trainable_only: bool = False) -> list[tuple[str, Parameter]]:
        """List of (path, Parameter), first layer to last; the path is the way to the layer.

        A layer that occurs twice appears once, under the first of its paths, and its gradient is
        the sum over both uses:

        >>> import numpy as np
        >>> from scratchnet.layers import Dense, Sequential, Tanh
        >>> shared = Dense(2, name="shared")
        >>> encoder = Sequential([shared, Tanh()], name="encoder")
        >>> model = Sequential([encoder, shared])  # the paths encoder/shared/W and shared/W
        >>> model.build((2,), 0)
        (2,)
        >>> [path for path, _ in model.parameter_items()]
        ['encoder/shared/W', 'encoder/shared/b']
        >>> y, cache = model.forward(np.ones((1, 2), "float32"))
        >>> dx, grads = model.backward(np.ones_like(y), cache)
        >>> list(grads)
        ['encoder/shared/W', 'encoder/shared/b']
        """
        first_path, trained = {}, set()  # Parameter -> path; those that training changes
        for path, p, trainable in self._paths():
            first_path.setdefault(p, path)
            if trainable:  # a layer that is frozen in only one of its places is trained
                trained.add(p)
        return [(path, p) for p, path in first_path.items() if p in trained or not trainable_only]

    def _paths(self, prefix="", trainable=True):
        """List of each (path, Parameter, trainable), a shared one once for each of its paths."""
        trainable = trainable and self._trainable
        found = [(prefix + name, p, trainable) for name, p in self.params.items()]
        for name, child in self.children.items():
            if child.params or child.children:
                found += child._paths(f"{prefix}{name}/", trainable)
        return found

    def named_layers(self) -> "dict[str, Layer]":
        """Dictionary {path: layer} of this layer, with path "", and of each layer inside it."""
        found = {}

        def visit(path, layer):
            if layer not in found.values():
                found[path] = layer
                for name, child in layer.children.items():
                    visit(f"{path}/{name}".lstrip("/"), child)

        visit("", self)
        return found

    def named_parameters(self) -> dict[str, Array]:
        """Dictionary {path: array} of all parameters, frozen ones too."""
        return {path: p.value for path, p in self.parameter_items()}

    def named_state(self) -> dict[str, Array]:
        """Dictionary {path: array} of the arrays that are updated but not trained."""
        return {
            f"{path}/{name}".lstrip("/"): value
            for path, layer in self.named_layers().items()
            for name, value in layer.state.items()
        }

    @property
    def parameters(self) -> Array:
        """Trainable parameters as ONE vector (P,); each W and b is a view into it.

        If the parameters do not lie in one vector yet, they are copied into a new one, and each W
        and b becomes a view into that; see `one_vector`.
        """
        return one_vector([p for _, p in self.parameter_items(trainable_only=True)])

    def flatten(self, grads: dict[str, Array]) -> Array:
        """Join the gradients {path: array} to one vector (P,), in the order of `parameters`."""
        paths = [path for path, _ in self.parameter_items(trainable_only=True)]
        return concatenated(self.title, paths, grads)

    @property
    def n_parameters(self) -> int:
        """Number of entries of all parameters, frozen ones too."""
        return sum(p.value.size for _, p in self.parameter_items())

    # ----------------------------------------------------------------- calls, copies and names

    def __call__(self, x):
        """Compute the output for x in inference mode: y without the cache."""
        return self.forward(x)[0]

    def set_rng(self, rng: RNG | int) -> None:
        """Set the `RNG` (or seed) from which the layers inside draw noise and masks."""
        rng = as_rng(rng)
        for layer in self.named_layers().values():
            layer.rng = rng

    def astype(self, dtype: Any) -> "Layer":
        """Copy with parameters and state of another precision, "float32" or "float64"."""
        dtype = as_float_dtype(dtype)
        copied = self.map_arrays(lambda array: array.astype(dtype))
        for layer in copied.named_layers().values():
            layer.dtype = dtype if layer.dtype is not None else None
        return copied

    def map_arrays(self, f: Callable[[Array], Array]) -> "Layer":
        """Copy with f(array) in place of each array; ``map_arrays(to_numpy)`` copies from a GPU."""
        copied = copy.deepcopy(self)
        for _, p in copied.parameter_items():
            p.value = f(p.value)
        for layer in copied.named_layers().values():
            layer.state = {name: f(value) for name, value in layer.state.items()}
        return copied

    def expect_rank(self, input_shape, rank):
        """Return the input shape, after checking that it has this many axes (no batch axis)."""
        check_rank(self, input_shape, rank)
        return input_shape

    @property
    def title(self) -> str:
        """Name of the layer in messages, such as Dense 'dense_1'."""
        kind = type(self).__name__
        return f"{kind} '{self.name}'" if self.name else kind

    def default_name(self) -> str:
        """Name of a layer without a given one, as in Keras: MaxPooling2D -> max_pooling2d."""
        word_start = r"(?<=[a-z])(?=[A-Z][a-z])|(?<=2D)(?=[A-Z])"  # Max|Pooling2D, Leaky|ReLU
        return re.sub(word_start, "_", type(self).__name__).lower()


@functools.cache
def _has_option(function, name):
    return name in inspect.signature(function).parameters
