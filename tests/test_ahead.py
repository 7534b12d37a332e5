"""Background work ends with its context, and is never waited for by the garbage collector."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import rec, write_vcf

from spinimpute.ahead import Ahead
from spinimpute.io.inflate import inflate


def test_items_in_order_and_errors_in_their_place() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise LookupError

    with Ahead(items()) as ahead:
        found = iter(ahead)
        assert [next(found) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(LookupError):
            next(found)


def test_the_thread_has_ended_at_the_end() -> None:
    with Ahead(iter(range(100))) as ahead:
        assert next(iter(ahead)) == 0
        assert any(thread.name.startswith("ahead") for thread in threading.enumerate())
    assert not any(thread.name.startswith("ahead") for thread in threading.enumerate())


def test_a_signal_amid_the_start_of_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pool does not know of the thread then, which must end all the same."""
    started = []

    def start(thread: threading.Thread) -> None:
        begin(thread)
        started.append(thread)
        raise KeyboardInterrupt

    begin = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(KeyboardInterrupt) as error, Ahead(iter(range(100))):
        pass
    started[0].join(timeout=10)
    assert not started[0].is_alive()
    assert error.traceback  # which keeps the pool, as it does until the process ends


def test_an_abandoned_reader_does_not_wait_for_its_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The garbage collector may close it amid the start of a thread, under the lock that the wait needs."""
    path = write_vcf(tmp_path / "x.vcf.gz", [rec(100 + i, "A", "C", "0|1") for i in range(100_000)])
    pieces = inflate(path, "panel")
    assert next(pieces)
    cycle: list[object] = [pieces]
    cycle.append(cycle)

    def join(thread: threading.Thread, timeout: float | None = None) -> None:
        raise AssertionError(f"waits for {thread.name}")

    monkeypatch.setattr(threading.Thread, "join", join)
    unraisable = []
    monkeypatch.setattr("sys.unraisablehook", unraisable.append)
    del pieces, cycle
    gc.collect()
    assert not unraisable
