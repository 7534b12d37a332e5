"""Signals that end a run: raised as exceptions, so that every output on its way is cleaned up."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_AGAIN, _PATIENCE = 0.05, 1.0  # seconds


class EndedBySignal(BaseException):
    """The process was asked to end; its status is to be the one that shells give for that signal.

    Not a KeyboardInterrupt: the command line's library would give that, and a SIGTERM, a status of its own.
    """

    def __init__(self, number: int) -> None:
        super().__init__(_WORDS[signal.Signals(number)])
        self.status = 128 + number


class _Handlers:
    """What is called when a signal comes, in the main thread."""

    def __init__(self) -> None:
        self.ended: EndedBySignal | None = None
        self._since = 0.0

    def end(self, number: int, frame: FrameType | None) -> None:
        """SIGINT or SIGTERM."""
        if self.ended is None:
            self.ended, self._since = EndedBySignal(number), time.monotonic()
            raise self.ended
        if time.monotonic() - self._since > _PATIENCE:
            os._exit(self.ended.status)

    def lost(self, what: sys.UnraisableHookArgs) -> None:
        """An exception that nobody can catch."""
        if isinstance(what.exc_value, EndedBySignal):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        else:
            sys.__unraisablehook__(what)

    def end_again(self, number: int, frame: FrameType | None) -> None:
        """SIGALRM, from the timer that `lost` has set."""
        if self.ended is not None and sys.exc_info()[0] is None:
            raise self.ended
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)  # something is cleaned up already


@contextmanager
def signals_raised() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise EndedBySignal in the main thread.

    Another one within a second is of the same wish, such as both of those that `timeout` sends, and ignored;
    a later one ends the process at once, for cleaning up can wait for a compiler that cannot be interrupted.
    A signal that the parent process ignores stays ignored, as in a shell's background jobs. What is raised
    amid a callback from compiled code, such as numba's compiler makes, gets lost there; it is raised again,
    and an error that came of it meanwhile is no error.
    """
    handlers = _Handlers()
    signal.signal(signal.SIGALRM, handlers.end_again)
    sys.unraisablehook = handlers.lost
    for each in _WORDS:
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, handlers.end)
    try:
        yield
    except Exception as error:
        if handlers.ended is not None:
            raise handlers.ended from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
