"""Fault: one entry of the catalogue, wrong code beside the right code."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from scratchnet.optimizer_base import Optimizer


@dataclasses.dataclass(frozen=True)
class Fault:
    """A typical error: the wrong code, the right code, and a task in which both are trained.

    name    for `scratchnet zoo NAME`
    title   what is wrong, in a few words
    seen    where the error comes from: the kind of code in which it is found
    right   a class or function without the error
    wrong   the same with the error
    task    name of the task, see `scratchnet.zoo.tasks`
    use     function that puts the class or function into the task: right -> parts of the task

    >>> def half(x):
    ...     return x / 2
    >>> Fault("half", "a half", "anywhere", half, half, "digits", dict).name
    'half'
    """

    name: str
    title: str
    seen: str
    right: Callable
    wrong: Callable
    task: str
    use: Callable[[Callable], dict[str, Any]]

    @property
    def of_optimizer(self) -> bool:
        """Whether the fault is in an optimizer, so that the gradients are right."""
        return inspect.isclass(self.right) and issubclass(self.right, Optimizer)

    @property
    def code(self) -> tuple[str, str]:
        """Source text of the right and of the wrong code: the methods in which they differ."""
        if not inspect.isclass(self.wrong):
            return inspect.getsource(self.right), inspect.getsource(self.wrong)
        names = [
            name
            for name in vars(self.wrong)
            if inspect.isfunction(inspect.getattr_static(self.wrong, name))
        ]
        return self._methods(self.right, names), self._methods(self.wrong, names)

    def _methods(self, kind, names):
        return "\n".join(inspect.getsource(getattr(kind, name)) for name in names)


def catalogue(*faults: Fault) -> dict[str, Fault]:
    """Dictionary {name: fault}.

    >>> catalogue()
    {}
    """
    return {fault.name: fault for fault in faults}
