"""A hundred imputations of varied shape in one process: the same bytes each time, flat memory, nothing left.

python -m benchmarks.reliability.soak [--rounds 10]

Ten shapes are run in turn, round after round. Every output must be that of the first round; afterwards
memory, open files and threads of the process are compared with those after the second round, and the folders
of outputs and of temporary files must hold nothing but outputs.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import logging
import os
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.reliability.data import Table, map_text, plain_gzip, tables
from spinimpute.config import ImputeConfig
from spinimpute.pipeline import impute
from spinimpute.prepare import build_panel

GROWTH = 30.0  # MB of resident memory that caches may still take after the second round


@dataclass(frozen=True)
class Usage:
    """What the process holds: resident memory in MB, open files, threads."""

    megabytes: float
    files: int
    threads: int

    @staticmethod
    def now() -> Usage:
        """Read it from the system."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        megabytes = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return Usage(megabytes, len(list(Path("/proc/self/fd").iterdir())), threading.active_count())


def shapes(folder: Path) -> dict[str, ImputeConfig]:
    """Ten imputations, by name, whose inputs are written to a folder."""
    small, large = tables(300, 20, 3), tables(1500, 60, 12, seed=2)
    one, two = tables(300, 20, 3, seed=3), tables(300, 20, 3, seed=4)
    panel, target = (_joined(_renamed(one[i], "1"), _renamed(two[i], "2")) for i in (0, 1))
    both = panel.write(folder / "two.bcf"), target.write(folder / "two.vcf")
    single = tables(300, 20, 1)[1].write(folder / "one.bcf")
    open_phase = large[1].edit(lambda rows: [row.__setitem__(9, row[9].replace("|", "/")) for row in rows])
    (folder / "plink.map").write_text(map_text())
    base = ImputeConfig(
        ref=small[0].write(folder / "small.bcf"), gt=small[1].write(folder / "small.vcf.gz"), out="",
        nthreads=1, window=0.5, overlap=0.5, no_version=True,
    )  # fmt: skip
    more = replace(base, ref=large[0].write(folder / "large.bcf"), gt=large[1].write(folder / "large.vcf.gz"))
    build_panel(more.ref, folder / "large.spanel")
    return {
        "small": base,
        "large, two threads": replace(more, nthreads=2),
        "prepared": replace(more, ref=folder / "large.spanel", ap=True),
        "plain text": replace(base, ref=small[0].write(folder / "small.vcf"), gp=True),
        "plain gzip": replace(base, ref=plain_gzip(folder / "plain.vcf.gz", small[0].text())),
        "two chromosomes": replace(base, ref=both[0], gt=both[1]),
        "region": replace(more, chrom="20:1000000-4000000", map=folder / "plink.map"),
        "unphased": replace(more, gt=open_phase.write(folder / "open.bcf")),
        "phased alone": replace(more, gt=folder / "open.bcf", impute=False),
        "one sample, one window": replace(base, gt=single, window=50),
    }


def soak(rounds: int, folder: Path) -> list[str]:
    """Run; print a line a round, and return what was wrong."""
    faults: list[str] = []
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    (folder / "tmp").mkdir()
    tempfile.tempdir = str(folder / "tmp")
    jobs = shapes(folder / "in")
    expected: dict[str, str] = {}
    settled = usage = Usage.now()
    for number in range(1, rounds + 1):
        began = time.monotonic()
        for name, config in jobs.items():
            out = folder / "out" / name.replace(" ", "_")
            done = impute(replace(config, out=str(out)))
            found = hashlib.sha256(gzip.decompress(done.output.read_bytes())).hexdigest()
            if expected.setdefault(name, found) != found:
                faults.append(f"round {number}, {name}: another output")
        usage = Usage.now()
        if number <= 2:
            settled = usage
        print(
            f"round {number}: {usage.megabytes:.0f} MB, {usage.files} files, {usage.threads} threads, "
            f"{time.monotonic() - began:.0f} s", flush=True,
        )  # fmt: skip
    if usage.megabytes > settled.megabytes + GROWTH:
        faults.append(f"memory grew from {settled.megabytes:.0f} to {usage.megabytes:.0f} MB")
    if usage.files > settled.files or usage.threads > settled.threads:
        faults.append("open files or threads were left")
    names = {f"{name.replace(' ', '_')}.{end}" for name in expected for end in _ENDINGS}
    left = {path.name for path in (folder / "out").iterdir()} - names
    left |= {path.name for path in (folder / "tmp").iterdir()}
    return [*faults, *(f"left: {name}" for name in sorted(left))]


_ENDINGS = ("vcf.gz", "vcf.gz.tbi", "variants.tsv.gz")


def _renamed(table: Table, chrom: str) -> Table:
    named = table.edit(lambda rows: [row.__setitem__(0, chrom) for row in rows])
    return replace(named, meta=[*table.meta[:1], "##contig=<ID=1>", "##contig=<ID=2>", *table.meta[2:]])


def _joined(first: Table, second: Table) -> Table:
    return replace(first, rows=first.rows + second.rows)


def main() -> None:
    """Run and print the verdict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=10)
    parsed = parser.parse_args()
    logging.getLogger("spinimpute").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="spinimpute-soak-") as name:
        faults = soak(parsed.rounds, Path(name))
    for fault in faults:
        print(fault)
    print(f"{10 * parsed.rounds} runs, {len(faults)} faults")


if __name__ == "__main__":
    main()
