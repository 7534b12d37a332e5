"""Signals that end a run: raised as exceptions, so that every output on its way is cleaned up."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM."""


def raise_on_sigterm() -> None:
    """Let SIGTERM raise Terminated in the main thread, once; another one while that is handled is ignored."""
    signal.signal(signal.SIGTERM, _raise)


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated
