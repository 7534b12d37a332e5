"""Run a command, write its costs as JSON: python measure.py REPORT COMMAND ...

Wall time (s), user and system time (s) and peak memory (MB), each of the command with all its descendants. A
process of its own, and small: Linux counts the memory of whoever starts a program in the program's peak.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time

SAMPLE_EVERY = 0.05  # seconds
PAGE = os.sysconf("SC_PAGE_SIZE")


def main(report: str, command: list[str]) -> int:
    """Run the command; return its exit status."""
    began = time.perf_counter()
    process = subprocess.Popen(command)
    tree = TreeMemory(process.pid)
    tree.start()
    status = process.wait()
    seconds = time.perf_counter() - began
    tree.stop()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = {
        "seconds": round(seconds, 2),
        # The kernel's figure is exact, but of the largest process alone.
        "megabytes": round(max(used.ru_maxrss / 1024, tree.peak / 1024**2), 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
    }
    with open(report, "w") as file:  # noqa: PTH123 - pathlib would add to the memory
        json.dump(cost, file)
    return status


class TreeMemory(threading.Thread):
    """Samples the resident memory, in bytes, of a process and its descendants together; peak is the most."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self.peak = 0

    def run(self) -> None:
        """Sample until stopped."""
        while not self._ended.wait(SAMPLE_EVERY):
            self.peak = max(self.peak, sum(map(_resident, _tree(self._pid))))

    def stop(self) -> None:
        """End sampling."""
        self._ended.set()
        self.join()


def _tree(root: int) -> list[int]:
    found = [root]
    for pid in found:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
                with open(f"/proc/{pid}/task/{thread}/children") as file:  # noqa: PTH123
                    found += map(int, file.read().split())
        except OSError:
            continue  # it has ended
    return found


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * PAGE
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
