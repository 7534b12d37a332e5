"""Runs ended by a signal at random moments: afterwards the output is complete or absent.

python -m benchmarks.reliability.kills --kills 60 [--seed 1]

A third of the kills each are SIGKILL, SIGTERM and SIGINT. After each, the output under its final name must be
that of an undisturbed run or not there; SIGTERM and SIGINT must leave no partial files either, and the usual
exit status. With --resume, a run that was killed is started again, and killed again, until it ends by itself.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks.reliability.commands import CommandServer, Outcome
from benchmarks.reliability.data import tables

STATUS = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGINT: 130}
_TIMEOUT = 300.0  # seconds


@dataclass
class Tally:
    """What was seen."""

    kills: Counter[str] = field(default_factory=Counter)
    complete: int = 0  # killed too late: the output was there, and whole
    resumes: int = 0
    faults: list[str] = field(default_factory=list)


class Killer:
    """A job whose runs are killed, and what an undisturbed run of it gives."""

    def __init__(self, server: CommandServer, folder: Path, seed: int, ending: str = "vcf.gz") -> None:
        self._server = server
        self._folder = folder
        self._random = Random(seed)
        self._ending = ending
        self.tally = Tally()
        panel, target = tables(1500, 60, 12)
        self._files = panel.write(folder / "panel.bcf"), target.write(folder / "target.vcf.gz")
        runs = [self._run(folder / "whole") for _ in range(3)]
        if runs[0].status:
            raise RuntimeError(runs[0].error)
        self._seconds = min(run.seconds for run in runs)
        self._expected = (folder / f"whole.{ending}").read_bytes()

    def kill(self, number: int, resume: bool = False) -> None:
        """Start a run and end it at a random moment; with resume go on until it is done."""
        folder = self._folder / f"run{number}"
        folder.mkdir()
        while True:
            sort = self._random.choice(list(STATUS))
            # A tenth beyond the end, so that the last moments are met as well.
            moment = self._random.uniform(0, 1.1 * self._seconds)
            outcome = self._run(folder / "out", resume, (sort, moment))
            self._judge(folder, outcome, sort, resume)
            if not resume:
                return
            if outcome.status == 0:
                if list(folder.glob("*.partial*")):
                    self._fault(f"run {number}: leftovers after the end")
                return
            self.tally.resumes += 1

    def _run(self, out: Path, resume: bool = False, kill: tuple[int, float] | None = None) -> Outcome:
        words = ["impute", "--ref", self._files[0], "--gt", self._files[1], "--out", f"{out}.{self._ending}"]
        words += ["--window", 0.4, "--overlap", 0.4, "--nthreads", 1, "--quiet", "--no-version"]
        words += ["--resume"] if resume else []
        return self._server.run(words, out.parent, _TIMEOUT, kill)

    def _judge(self, folder: Path, outcome: Outcome, sort: signal.Signals, resume: bool) -> None:
        self.tally.kills[sort.name if outcome.status else "ended before"] += 1
        what = f"{folder.name}, {sort.name}, status {outcome.status}"
        if outcome.timed_out:
            self._fault(f"{what}: hung")
        if outcome.status not in (0, STATUS[sort], -sort):
            self._fault(f"{what}: {outcome.error[-300:]}")
        output = folder / f"out.{self._ending}"
        if output.exists():
            self.tally.complete += outcome.status != 0
            if output.read_bytes() != self._expected:
                self._fault(f"{what}: an incomplete output")
        elif not outcome.status:
            self._fault(f"{what}: no output")
        if sort != signal.SIGKILL and not resume and list(folder.glob("*.partial*")):
            self._fault(f"{what}: leftovers")

    def _fault(self, text: str) -> None:
        self.tally.faults.append(text)
        print(text, flush=True)


def main() -> None:
    """Run and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument(
        "--resumed", type=int, default=0, help="runs with --resume, each killed until it ends"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ending", default="vcf.gz", choices=["vcf.gz", "bcf"])
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spinimpute-kills-") as name, CommandServer() as server:
        killer = Killer(server, Path(name), parsed.seed, parsed.ending)
        for number in range(parsed.kills + parsed.resumed):
            killer.kill(number, resume=number >= parsed.kills)
    tally = killer.tally
    print(", ".join(f"{n} {sort}" for sort, n in sorted(tally.kills.items())))
    print(f"{tally.complete} outputs were complete when killed, {tally.resumes} resumes")
    print(f"{len(tally.faults)} faults")


if __name__ == "__main__":
    main()
