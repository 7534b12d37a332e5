"""Whatever ends a run, its output is complete or absent: signals, full and read-only disks, closed pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.reliability.commands import CommandServer
from benchmarks.reliability.data import tables
from benchmarks.reliability.kills import Killer
from spinimpute.io import writer
from spinimpute.io.integrity import ends_whole

TIMEOUT = 120.0  # seconds


@pytest.fixture(scope="module")
def commands() -> Iterator[CommandServer]:
    with CommandServer() as server:
        yield server


@pytest.fixture(scope="module")
def fx_inputs(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    folder = tmp_path_factory.mktemp("inputs")
    panel, target = tables(400, 20, 30)
    files = panel.write(folder / "panel.bcf"), target.write(folder / "target.vcf.gz")
    return [
        "impute",
        "--ref",
        files[0],
        "--gt",
        files[1],
        "--nthreads",
        1,
        "--quiet",
        "--window",
        0.5,
        "--ap",
    ]


@pytest.mark.parametrize("ending", ["vcf.gz", "bcf"])
def test_kills_at_random_moments(commands: CommandServer, tmp_path: Path, ending: str) -> None:
    killer = Killer(commands, tmp_path, seed=1, ending=ending)
    for number in range(4):
        killer.kill(number)
    assert not killer.tally.faults


def test_a_run_that_is_killed_goes_on_to_the_same_bytes(commands: CommandServer, tmp_path: Path) -> None:
    killer = Killer(commands, tmp_path, seed=3)
    killer.kill(0, resume=True)
    assert not killer.tally.faults


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of so many kilobytes, or read-only if there are none."""
    folder = tmp_path / "disk"
    folder.mkdir()
    option = f"size={request.param}k" if request.param else "ro"
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", option, "tmpfs", folder], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("no permission to mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("small_disk", [4, 40, 120, 180, 200], indirect=True)
@pytest.mark.parametrize("ending", ["vcf.gz", "bcf"])
def test_a_full_disk(
    commands: CommandServer, fx_inputs: list[object], small_disk: Path, ending: str, tmp_path: Path
) -> None:
    """Too little space for the output, for BCF beside its text, or for the index."""
    output = small_disk / f"out.{ending}"
    outcome = commands.run([*fx_inputs, "--out", output], tmp_path, TIMEOUT)
    if outcome.status == 0:
        assert ends_whole(output)
        return
    assert outcome.status == 1
    assert outcome.error.startswith(f"error: output {output}: the output cannot be written; found ")
    assert outcome.error.endswith("; check the space left on the disk\n")
    assert outcome.error.count("\n") == 1
    assert not list(small_disk.iterdir())


@pytest.mark.parametrize("small_disk", [0], indirect=True)
def test_a_disk_that_is_read_only(
    commands: CommandServer, fx_inputs: list[object], small_disk: Path, tmp_path: Path
) -> None:
    outcome = commands.run([*fx_inputs, "--out", small_disk / "out"], tmp_path, TIMEOUT)
    assert outcome.status == 1
    assert outcome.error.startswith(
        f"error: output {small_disk}/out.vcf.gz: the output directory is not writable"
    )
    assert outcome.error.count("\n") == 1


def test_rows_that_do_not_reach_the_disk(
    fx_inputs: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that claims to be done and is not: fewer records are then read back than were written."""
    from typer.testing import CliRunner

    from spinimpute.cli import app

    class Forgetful(writer.BgzfWriter):
        def write(self, data: bytes) -> None:
            is_rows = data.endswith(b"\n") and not data.startswith(b"##")
            super().write(data[: data.rindex(b"\n", 0, -1) + 1] if is_rows else data)

    monkeypatch.setattr(writer, "BgzfWriter", Forgetful)
    words = [*fx_inputs, "--out", tmp_path / "out", "--model", "spin-small"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 1
    assert "records were written and" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_closed_pipe(fx_inputs: list[object], tmp_path: Path) -> None:
    """Nobody reads the summary: the output is complete, and there is no traceback."""
    reader, write_end = os.pipe()
    os.close(reader)
    words = [str(word) for word in fx_inputs if word != "--quiet"]
    command = [sys.executable, "-m", "spinimpute", *words, "--out", str(tmp_path / "out")]
    done = subprocess.run(
        command, stdout=write_end, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT, check=False
    )
    os.close(write_end)
    assert done.returncode == 1
    assert done.stderr == ""
    assert ends_whole(tmp_path / "out.vcf.gz")
    assert not list(tmp_path.glob("*.partial*"))


def test_what_a_killed_run_leaves_is_overwritten(
    commands: CommandServer, fx_inputs: list[object], tmp_path: Path
) -> None:
    for name in ("out.vcf.gz.partial", "out.vcf.gz.tbi.partial", "out.log.partial"):
        (tmp_path / name).write_bytes(b"half")
    killed = commands.run([*fx_inputs, "--out", tmp_path / "out"], tmp_path, TIMEOUT, (signal.SIGKILL, 0.1))
    assert killed.status == -signal.SIGKILL
    assert commands.run([*fx_inputs, "--out", tmp_path / "out"], tmp_path, TIMEOUT).status == 0
    assert ends_whole(tmp_path / "out.vcf.gz")
    assert not list(tmp_path.glob("*.partial*"))
