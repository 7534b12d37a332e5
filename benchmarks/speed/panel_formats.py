"""Size and read time of a panel by format: python -m benchmarks.speed.panel_formats REGION FILE ...

A row of a Markdown table for each file: MB on disk; ms to open it; CPU seconds to read all of its records as
blocks of alleles, checks of the panel included; ms to read a region; best of three each, kernels compiled.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from spinimpute.io.inputs import open_variants, panel_blocks
from spinimpute.io.region import Region


def main(region: str, paths: list[str]) -> None:
    """Print the table."""
    print("| file | MB | open, ms | read all, CPU s | region, ms |")
    print("|---|---|---|---|---|")
    for path in map(Path, paths):
        _read(path, None)
        opened = _best(partial(open_variants, path), time.perf_counter)
        whole = _best(partial(_read, path, None), time.process_time)
        part = _best(partial(_read, path, Region.parse(region)), time.perf_counter)
        size = f"{_size(path) / 1e6:.2f}"
        print(f"| {path.name} | {size} | {1e3 * opened:.1f} | {whole:.2f} | {1e3 * part:.0f} |", flush=True)


def _read(path: Path, region: Region | None) -> None:
    with open_variants(path) as file:
        for _ in panel_blocks(file, region):
            pass


def _best(job: Callable[[], object], clock: Callable[[], float]) -> float:
    times = []
    for _ in range(3):
        began = clock()
        job()
        times.append(clock() - began)
    return min(times)


def _size(path: Path) -> int:
    files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
