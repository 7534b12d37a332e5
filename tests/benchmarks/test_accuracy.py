"""The accuracy benchmark: its table, and how it measures a process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.accuracy.measures import Calibration, Dr2, FewerErrors, Interval, PersonR2
from benchmarks.accuracy.report import Quality, Result, table
from benchmarks.accuracy.scores import Accuracy
from benchmarks.accuracy.tools import Cost, run


def result(tool: str, overall: float, prepare: Cost | None = None, saved: float | None = None) -> Result:
    accuracy = Accuracy((float("nan"), 0.5, 0.6, 0.7, 0.8), (0, 1, 1, 1, 1), overall, 0)
    fewer = FewerErrors((), Interval(saved, saved - 0.1, saved + 0.1)) if saved is not None else None
    quality = Quality(Calibration((), (), (), 0.0), Dr2(0.9, 5, (), (), ()), PersonR2(0, 0.5, 1), fewer)
    return Result("set", "gsa", tool, accuracy, Cost(1.25, 99.6), prepare, quality)


def test_table_compares_errors_with_the_baseline() -> None:
    minimac = result("minimac4", 0.95, Cost(3, 1), saved=-0.25)
    lines = table([result("spinimpute", 0.98, saved=0.5), result("beagle", 0.96), minimac])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.splitlines()]
    assert len({len(row) for row in rows}) == 1
    assert rows[2] == [
        "set / gsa",
        "spinimpute",
        "",
        "0.5000",
        "0.6000",
        "0.7000",
        "0.8000",
        "0.9800",
        "50% (40% to 60%)",
        "1.2",
        "100",
    ]
    assert rows[3][8] == ""
    assert rows[4][8:10] == ["-25% (-35% to -15%)", "1.2 (+ 3.0 to prepare)"]


def test_run_measures_one_process(tmp_path: Path) -> None:
    ballast = bytearray(200_000_000)
    big = [sys.executable, "-c", "x = bytearray(80_000_000); print(len(x))"]
    small = [sys.executable, "-c", "print(1)"]
    costs = [run(big, tmp_path / "log"), run(small, tmp_path / "log")]
    assert costs[0].megabytes > 80 > costs[1].megabytes
    assert ballast  # memory of this process that must not be counted
    assert costs[0].seconds < 30
    assert (tmp_path / "log").read_text() == "1\n"


def test_memory_is_that_of_the_whole_tree(tmp_path: Path) -> None:
    hold = "x = bytearray(60_000_000); import time; time.sleep(1)"
    both = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {hold!r}]); {hold}; p.wait()"
    cost = run([sys.executable, "-c", both], tmp_path / "log")
    assert cost.megabytes > 120
    assert cost.cpu_seconds is not None
    assert 0 < cost.cpu_seconds < cost.seconds + 1


def test_run_names_the_log_of_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"status 3; see .*log"):
        run([sys.executable, "-c", "raise SystemExit(3)"], tmp_path / "log")
