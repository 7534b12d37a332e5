"""Memory that is let go, in processes of their own."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from spinimpute.cli.allocator import keep_freed_memory

if {kept}:
    keep_freed_memory()
for _ in range(20):
    [np.ones(1 << 18) for _ in range(8)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    [np.ones(1 << 18) for _ in range(8)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(kept: bool) -> int:
    """Pages that the system hands over anew while arrays come and go."""
    command = [sys.executable, "-c", PROGRAM.format(kept=kept)]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_arrays_take_the_place_of_those_before() -> None:
    assert _faults(kept=True) < 100


def test_without_it_the_system_gets_them_back() -> None:
    """Tells that the other test can fail."""
    assert _faults(kept=False) > 100
