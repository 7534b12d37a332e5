"""The command line in processes of its own that need no second to start: each is forked from one that has
loaded everything.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

TIMED_OUT = "timed out"
_POLL = 0.005  # seconds


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit status, negative for the signal that ended it, and what it printed."""

    status: int
    out: str
    error: str
    seconds: float
    timed_out: bool


class CommandServer:
    """Runs command lines one after the other, in the given environment; a context manager."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            **(environment or {}),
        }

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate()

    def run(
        self,
        words: Sequence[object],
        folder: Path,
        timeout: float = 60.0,
        kill: tuple[int, float] | None = None,
    ) -> Outcome:
        """Run `spinimpute WORDS` with its output kept in folder; kill is a signal and after how many seconds
        it is sent.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        task = [[str(word) for word in words], str(folder), timeout, kill]
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))


def _serve() -> None:
    """Answer one task a line."""
    import spinimpute.cli.runs
    import spinimpute.io.zarr  # noqa: F401 - loaded for the children

    _warm_up()
    for line in sys.stdin:
        words, folder, timeout, kill = json.loads(line)
        print(json.dumps(_watch(words, Path(folder), timeout, kill)), flush=True)


def _warm_up() -> None:
    """Impute a little, so that compiled code is loaded."""
    from benchmarks.reliability.data import tables
    from spinimpute.config import ImputeConfig
    from spinimpute.pipeline import impute

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        panel, target = tables(40, 8, 2)
        open_phase = target.change(3, 9, "0/1")
        files = panel.write(folder / "panel.vcf.gz"), open_phase.write(folder / "target.bcf")
        impute(ImputeConfig(ref=files[0], gt=files[1], out=str(folder / "out"), nthreads=1, device="cpu"))
        impute(ImputeConfig(ref=files[0], gt=files[1], out=str(folder / "out"), nthreads=1, impute=False))


def _watch(
    words: list[str], folder: Path, timeout: float, kill: tuple[int, float] | None
) -> dict[str, str | int | float]:
    files = folder / ".stdout", folder / ".stderr"
    for path in files:
        path.touch(0o600)
    began = time.monotonic()
    child = os.fork()
    if not child:
        _become(words, *files)
    timed_out, sent = False, kill is None
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        seconds = time.monotonic() - began
        if kill and not sent and seconds >= kill[1]:
            os.kill(child, kill[0])
            sent = True
        if seconds > timeout and not timed_out:
            timed_out = True
            os.kill(child, signal.SIGKILL)
        time.sleep(_POLL)
    texts = [path.read_text("utf-8", "replace") for path in files]
    for path in files:
        path.unlink()
    return {
        "status": os.waitstatus_to_exitcode(ended[1]),
        "out": texts[0],
        "error": texts[1],
        "seconds": time.monotonic() - began,
        "timed_out": timed_out,
    }


def _become(words: list[str], out: Path, error: Path) -> None:
    """Be the command in a forked process; never return."""
    status = 70
    try:
        for path, number in ((Path(os.devnull), 0), (out, 1), (error, 2)):
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC if number else os.O_RDONLY
            os.dup2(os.open(path, flags, 0o600), number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["spinimpute", *words]
        from spinimpute.cli import main

        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        # Before main has come to handle signals, or after: an interpreter of its own would end by the signal.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
