"""Work that goes on in the background while its earlier results are used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Yields items while a thread prepares the next one; a context manager, which ends with the thread.

    It is no generator that waits for its thread when it is closed: the garbage collector closes an abandoned
    generator at any moment, also while a thread is being started, and waiting for another one then can last
    for ever.
    """

    def __init__(self, items: Iterable[T]) -> None:
        self._source = iter(items)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")

    def __enter__(self) -> Self:
        try:
            self._pending = self._pool.submit(next, self._source, None)
        except BaseException:
            # A signal amid the start of the thread: nobody else knows of it, and it would wait for ever.
            self._pool.shutdown(cancel_futures=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[T]:
        while (item := self._pending.result()) is not None:
            self._pending = self._pool.submit(next, self._source, None)
            yield item
