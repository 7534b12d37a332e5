"""How far a job is: a bar on a terminal, a line every few seconds elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

LINE_EVERY = 5.0  # seconds


class Meter(Protocol):
    """Shows progress on stderr while it is open as a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def update(self, share: float, text: str) -> None:
        """`share` (0-1) of the job is done; `text` says where it is."""

    def log(self, message: str) -> None:
        """Show a line."""


class Silence:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def update(self, share: float, text: str) -> None:
        """Nothing."""

    def log(self, message: str) -> None:
        """Nothing."""


class Lines(Silence):
    """A line every few seconds, for logs of batch systems."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()

    def update(self, share: float, text: str) -> None:
        """A line, unless the last one is recent."""
        now = time.monotonic()
        if now - self._last < LINE_EVERY:
            return
        self._last = now
        left = f", {(now - self._began) * (1 - share) / share:.0f} s left" if share > 0 else ""
        self.log(f"{share:4.0%}  {text}{left}")

    def log(self, message: str) -> None:
        """A line with the time of day."""
        print(f"{time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)


class Bar(Silence):
    """A bar with the share done, where it is and the time left."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("reading", total=1.0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, share: float, text: str) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=share, description=text)

    def log(self, message: str) -> None:
        """A line above the bar."""
        self._progress.console.print(message, markup=False, highlight=False)


def open_meter(quiet: bool) -> Meter:
    """The meter that suits the terminal."""
    console = Console(stderr=True)
    if quiet:
        return Silence()
    return Bar(console) if console.is_terminal else Lines()
