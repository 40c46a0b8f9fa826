"""A thread pool for generators."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType


class GeneratorPool(ThreadPoolExecutor):
    """A thread pool that a generator may hold in a `with` block.

    If its caller fails, a generator is abandoned, and the garbage collector closes it later, at any moment and in any
    thread. That may be a moment at which `threading` holds its own lock (Python 3.11). Waiting for threads would then
    wait for this lock forever, so a closed generator lets its threads end by themselves.
    """

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown(wait=error_type is not GeneratorExit, cancel_futures=error_type is not None)
