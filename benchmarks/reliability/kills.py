"""Imputations with --resume are killed at random moments until each is complete.

After every kill there must be no output or the whole one, and in the end the bytes of an undisturbed run.

    python benchmarks/reliability/kills.py --data DIR --kills 50

DIR holds what `spinimpute simulate` wrote.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

OPTIONS = ["--window", "0.25", "--nthreads", "1", "--no-version", "--quiet"]


@dataclass
class Counts:
    """What happened: runs that were killed, those that came to an end, and faults found."""

    kills: int = 0
    completed: int = 0
    kept: int = 0  # windows on the disk when a run began, over all runs
    partial_outputs: int = 0
    other_bytes: int = 0
    leftovers: int = 0


def command(data: Path, out: Path) -> list[str]:
    """The command line of an imputation."""
    files = ["--ref", data / "panel.vcf.gz", "--gt", data / "target.vcf.gz", "--map", data / "plink.map"]
    words = [sys.executable, "-m", "spinimpute", "impute", *files, "--out", out, *OPTIONS]
    return list(map(str, words))


def torture(data: Path, folder: Path, wanted: int, seed: int) -> Counts:
    """Kill runs at random moments until there were as many kills as wanted and the last run is complete."""
    rng, counts = random.Random(seed), Counts()
    began = time.monotonic()
    subprocess.run(command(data, folder / "whole.vcf.gz"), check=True)
    duration = time.monotonic() - began
    expected = (folder / "whole.vcf.gz").read_bytes()
    out = folder / "killed.vcf.gz"
    while counts.kills < wanted or out.exists():
        if out.exists():
            check_complete(out, expected, counts)
            continue
        counts.kept += len(list(folder.glob("killed*.d/window-??????")))
        with subprocess.Popen([*command(data, out), "--resume"]) as process:
            try:
                process.wait(rng.uniform(0, duration))
            except subprocess.TimeoutExpired:
                process.kill()
                counts.kills += 1
        counts.partial_outputs += out.exists() and out.read_bytes() != expected
    subprocess.run([*command(data, out), "--resume"], check=True)
    check_complete(out, expected, counts)
    return counts


def check_complete(out: Path, expected: bytes, counts: Counts) -> None:
    """Count a complete run, compare what it wrote, and remove that."""
    counts.completed += 1
    counts.other_bytes += out.read_bytes() != expected
    names = {f"killed.{suffix}" for suffix in ("vcf.gz", "vcf.gz.tbi", "log", "variants.tsv.gz")}
    for path in out.parent.glob("killed*"):
        # A run killed between its outputs' renames leaves the folder, which the next run takes up.
        if path.is_file():
            counts.leftovers += path.name not in names
            path.unlink()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        print(torture(given.data, Path(folder), given.kills, given.seed))


if __name__ == "__main__":
    main()
