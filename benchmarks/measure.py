"""Run a command, write its wall time (s) and peak memory (MB) as JSON: python measure.py REPORT COMMAND ...

A process of its own, and small: Linux counts the memory of whoever starts a program in the program's peak.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time


def main(report: str, command: list[str]) -> int:
    """Run the command; return its exit status."""
    began = time.perf_counter()
    status = subprocess.call(command)
    cost = {
        "seconds": round(time.perf_counter() - began, 2),
        "megabytes": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1),
    }
    with open(report, "w") as file:  # noqa: PTH123 - pathlib would add to the memory
        json.dump(cost, file)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
