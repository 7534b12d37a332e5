"""The seconds left follow from what is done, and from nothing before a restart."""

from __future__ import annotations

import json
import time

import pytest

from spinimpute.cli import meter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still at its only number."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def left(line: str) -> float | None:
    found: float | None = json.loads(line)["seconds_left"]
    return found


def test_a_restart_forgets_the_pace(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    told = meter.JsonLines()
    clock[0] += 60
    told.update(0.25, "a quarter")
    told.restart(0.25)
    told.update(0.25, "the same")
    clock[0] += 10
    told.update(0.5, "half")
    lines = capsys.readouterr().err.splitlines()
    assert [left(line) for line in lines] == [180.0, None, 20.0]
    assert [json.loads(line)["seconds"] for line in lines] == [60.0, 60.0, 70.0]


def test_lines_come_every_few_seconds(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    told = meter.Lines()
    told.update(0.1, "too soon")
    clock[0] += meter.LINE_EVERY
    told.restart(0.5)
    told.update(0.5, "no pace yet")
    clock[0] += meter.LINE_EVERY
    told.update(0.75, "on the way")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("50%  no pace yet")
    assert second.endswith("75%  on the way, 5 s left")
