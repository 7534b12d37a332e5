"""Train a shipped model: real regions, simulated ones, held-out validation regions.

usage: python -m benchmarks.training.shipped DATA OUT --config benchmarks/training/spin-small.toml [...]

DATA as for `regions`; further options are those of `spinimpute train`. The command that it runs is printed
first. Children of other members are left out of the nygc regions: only people who are in the kgp3 files too
are used. One to two hours on one core, half of it drawing the tasks at first, and some 13 GB of memory.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.training.regions import SIMULATED, find_regions, write_relatives


def main() -> None:
    """Compose the command and run it."""
    data, out, *more = sys.argv[1:]
    regions = find_regions(Path(data))
    with tempfile.TemporaryDirectory() as folder:
        children = write_relatives(regions, Path(folder, "children.txt"))
        command = [sys.executable, "-m", "spinimpute", "train", "--out", out]
        for option, paths in (
            ("--ref", regions.training),
            ("--validation", regions.validation),
            ("--map", regions.maps),
        ):
            for path in paths:
                command += [option, str(path)]
        command += ["--excludesamples", str(children), "--simulate", str(SIMULATED), *more]
        print(shlex.join(command), flush=True)
        sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
