"""What all workers have in common: how they are asked for work, and what they say of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

DIED: Final = "died"
DONE: Final = "done"
FAILED: Final = "failed"

EXAMPLE_ADDRESS: Final = "tcp://10.0.0.1:8786"


class WorkersError(OSError):
    """Raised when workers cannot be started or are gone; the message is a sentence."""


class TaskResult(NamedTuple):
    """The result of a task.

    ``status`` is :data:`DONE`, :data:`DIED` or :data:`FAILED`; ``value`` is what the function
    returned or, of a failed task, the exception.
    """

    task: Any
    status: str
    value: Any


class Workers(Protocol):
    """What works on tasks; ``size`` is how many of them at a time."""

    size: int

    def submit(self, task: Any, function: Callable[[Any], Any], argument: Any) -> None:
        """Have a function called; ``task`` identifies its result.

        It must be a function of a module, or a partial of one, so that others can import it.
        """

    def result(self, seconds: float) -> TaskResult | None:
        """Return the next result, or None if none comes within ``seconds``.

        Raises :class:`WorkersError` if the workers are gone.
        """

    def close(self) -> None:
        """Cancel all tasks and stop the workers."""


def failed_future(why: Exception) -> Any:
    """Return the future of a task that could not be given to workers."""
    from concurrent.futures import Future

    future: Future[Any] = Future()
    future.set_exception(why)
    return future
