"""Signals amid an imputation leave nothing behind but a line and the usual exit status."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
