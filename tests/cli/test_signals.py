"""Signals amid an imputation leave nothing behind but a line and the usual exit status."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spinimpute import cli

EXAMPLES = Path(__file__).parents[2] / "examples"
# A parent may ignore SIGINT, and its children then do; a shell's background jobs are such.
SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from spinimpute.cli import main
main()
"""


@pytest.mark.parametrize(
    ("number", "status", "line"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_signals(number: int, status: int, line: str, tmp_path: Path) -> None:
    words = [f"ref={EXAMPLES / 'panel.vcf.gz'}", f"gt={EXAMPLES / 'target.vcf.gz'}", f"out={tmp_path / 'o'}"]
    command = [sys.executable, "-c", SCRIPT, "impute", *words, "nthreads=1", "window=0.1", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("*.partial")) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.poll() is None
        process.send_signal(number)
        out, error = process.communicate(timeout=60)
    assert process.returncode == status
    assert (out, error) == ("", f"{line}\n")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def _handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Handlers as an interpreter has them; afterwards those that there were."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def fail(job: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> object:
    """The exit status of a command that is not put together but does this."""
    monkeypatch.setattr(cli, "app", job)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize(
    ("number", "status", "line"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_before_there_is_a_command(
    number: int, status: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Putting the command together takes a while, and a signal can come then; a second one is too late."""

    def put_together() -> None:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)

    assert fail(put_together, monkeypatch) == status
    assert capsys.readouterr() == ("", f"{line}\n")


@ctypes.CFUNCTYPE(None)
def amid_compiled_code() -> None:
    """What is raised in a callback gets lost."""
    signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize("cleaning", [False, True])
def test_a_signal_that_got_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cleaning: bool
) -> None:
    """It comes again, but not while something is cleaned up; nothing else is said."""
    cleaned = []

    def run() -> None:
        amid_compiled_code()
        try:
            assert not cleaning
            time.sleep(10)
        finally:
            time.sleep(0.2)
            cleaned.append(True)

    assert fail(run, monkeypatch) == 130
    assert cleaned
    assert capsys.readouterr() == ("", "interrupted\n")


@pytest.mark.usefixtures("_handlers")
def test_what_a_parent_ignores_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    monkeypatch.setattr(cli, "app", lambda: signal.raise_signal(signal.SIGINT))
    cli.main()


def test_who_insists_does_not_wait() -> None:
    """A second signal ends even what does not end by itself."""
    script = """
import signal, time
from spinimpute import cli
def app():
    try:
        print(flush=True)
        time.sleep(60)
    finally:
        print(flush=True)
        time.sleep(60)
cli.app = app
signal.signal(signal.SIGINT, signal.default_int_handler)
cli.main()
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        time.sleep(1.2)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
