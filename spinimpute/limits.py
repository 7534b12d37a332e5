"""Limits on a process's memory, as the operating system enforces them; nothing heavy is imported here."""

from __future__ import annotations

import re
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spinimpute.errors import SpinImputeError

_MEGABYTE = 1_000_000
# Libraries, thread stacks and arenas are mapped and mostly never touched: MB of address space beyond what is
# used, and the least with which the libraries can be loaded, measured on x86-64 Linux.
MAPPED, LEAST_MAPPED = 1100.0, 1600.0
_UNLIMITED = 1 << 60  # bytes; version 1 of cgroups spells no limit as a number like it
_UNITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@dataclass(frozen=True)
class Limit:
    """Memory that a process may use, in MB, and what limits it."""

    megabytes: float
    name: str


def hard_limit(
    cgroups: Path = Path("/sys/fs/cgroup"), process: Path = Path("/proc/self/cgroup")
) -> Limit | None:
    """The tightest limit on this process; None if there is none."""
    found = [*_address_space(), *_cgroups(cgroups, process)]
    return min(found, key=lambda limit: limit.megabytes, default=None)


def check_address_space() -> None:
    """Raise SpinImputeError if the libraries could not even be loaded: some of them would crash."""
    for limit in _address_space():
        if limit.megabytes + MAPPED < LEAST_MAPPED:
            raise SpinImputeError(
                f"at least {LEAST_MAPPED:.0f} MB of address space are needed",
                found=f"{limit.megabytes + MAPPED:.0f} MB allowed by {limit.name}",
                remedy="raise the limit",
            )


def parse_size(text: str) -> float:
    """MB in a size such as 500M or 4G; SpinImputeError if it is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)i?B?", text.strip(), re.IGNORECASE)
    if match is None or not float(match[1]):
        raise SpinImputeError("a size is a number of bytes, or one with K, M, G or T", found=repr(text))
    return float(match[1]) * _UNITS[match[2].upper()] / _MEGABYTE


def _address_space() -> Iterator[Limit]:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        yield Limit(soft / _MEGABYTE - MAPPED, "ulimit -v")


def _cgroups(root: Path, process: Path) -> Iterator[Limit]:
    """The limits of the process's groups and of those that these belong to."""
    try:
        lines = process.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        folder = root / "memory" if controllers else root
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        group = folder / path.lstrip("/")
        for each in (group, *group.parents):
            if not each.is_relative_to(folder):
                break
            yield from _read(each / name)


def _read(path: Path) -> Iterator[Limit]:
    try:
        size = int(path.read_text())
    except (OSError, ValueError):
        return  # absent, or "max"
    if size < _UNLIMITED:
        yield Limit(size / _MEGABYTE, "the cgroup")
