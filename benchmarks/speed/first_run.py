"""Time the first run after installing, which compiles the kernels, and the second.

python -m benchmarks.speed.first_run [--threads 2]

Imputes the examples twice with a kernel cache that is empty at first.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from benchmarks.accuracy.tools import Setting, run_spinimpute
from benchmarks.speed.run import EXAMPLES, MODEL, read_problem


def main() -> None:
    """Print the costs of both runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    with tempfile.TemporaryDirectory() as scratch:
        cache, work = Path(scratch, "cache"), Path(scratch, "work")
        cache.mkdir()
        work.mkdir()
        os.environ["NUMBA_CACHE_DIR"] = str(cache)
        for name in ("first", "second"):
            cost = run_spinimpute(MODEL, read_problem(EXAMPLES), Setting(work, threads)).cost
            print(
                f"{name} run: {cost.seconds:.1f} s, {cost.cpu_seconds:.1f} s of CPU, {cost.megabytes:.0f} MB"
            )


if __name__ == "__main__":
    main()
