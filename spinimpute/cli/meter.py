"""How far a job is: a bar on a terminal, a line every few seconds elsewhere, JSON for programs, nothing when
quiet.
"""

from __future__ import annotations

import json
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

    def update(self, share: float, text: str, **facts: object) -> None:
        """`share` (0-1) of the job is done; `text` says where it is to a person, `facts` to a program."""

    def restart(self, share: float) -> None:
        """What it took until now, with `share` of the job done, says nothing of the rest."""

    def log(self, message: str) -> None:
        """Show a line."""

    def warn(self, message: str) -> None:
        """Show a warning."""

    def finish(self, **facts: object) -> None:
        """The job is done; `facts` say what came of it to a program."""


class Silence:
    """Shows nothing but warnings."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def update(self, share: float, text: str, **facts: object) -> None:
        """Nothing."""

    def restart(self, share: float) -> None:
        """Nothing."""

    def log(self, message: str) -> None:
        """Nothing."""

    def warn(self, message: str) -> None:
        """A line."""
        print(f"warning: {message}", file=sys.stderr, flush=True)

    def finish(self, **facts: object) -> None:
        """Nothing."""


class _Paced(Silence):
    """Knows how fast the job goes."""

    def __init__(self) -> None:
        self.restart(0.0)

    def restart(self, share: float) -> None:
        """Measure from here on."""
        self._start, self._restarted = share, time.monotonic()

    def _seconds_left(self, share: float) -> float | None:
        """The seconds left if the rest goes on as what was done since the start; None if nothing was."""
        done = share - self._start
        return (time.monotonic() - self._restarted) * (1 - share) / done if done > 0 else None


class Lines(_Paced):
    """A line every few seconds, for logs of batch systems."""

    def __init__(self) -> None:
        super().__init__()
        self._last = time.monotonic()

    def update(self, share: float, text: str, **facts: object) -> None:
        """A line, unless the last one is recent."""
        now = time.monotonic()
        if now - self._last < LINE_EVERY:
            return
        self._last = now
        left = self._seconds_left(share)
        self.log(f"{share:4.0%}  {text}" + (f", {left:.0f} s left" if left is not None else ""))

    def log(self, message: str) -> None:
        """A line with the time of day."""
        print(f"{time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)


class JsonLines(_Paced):
    """A JSON object on a line for every event, each with the seconds since the start."""

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()

    def update(self, share: float, text: str, **facts: object) -> None:
        """The share done, the seconds left (null: unknown) and the facts."""
        left = self._seconds_left(share)
        self._event("progress", share=round(share, 4), seconds_left=left and round(left, 1), **facts)

    def log(self, message: str) -> None:
        """A message."""
        self._event("message", message=message)

    def warn(self, message: str) -> None:
        """A warning."""
        self._event("warning", message=message)

    def finish(self, **facts: object) -> None:
        """The facts."""
        self._event("finished", **facts)

    def _event(self, event: str, **facts: object) -> None:
        seconds = round(time.monotonic() - self._began, 1)
        print(json.dumps({"event": event, "seconds": seconds, **facts}), file=sys.stderr, flush=True)


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

    def update(self, share: float, text: str, **facts: object) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=share, description=text)

    def log(self, message: str) -> None:
        """A line above the bar."""
        self._progress.console.print(message, markup=False, highlight=False)

    def warn(self, message: str) -> None:
        """A line above the bar."""
        self.log(f"warning: {message}")


def open_meter(quiet: bool, as_json: bool = False) -> Meter:
    """The meter that is asked for, or else suits the terminal."""
    console = Console(stderr=True)
    if as_json:
        return JsonLines()
    if quiet:
        return Silence()
    return Bar(console) if console.is_terminal else Lines()
