"""Lists of samples or markers, one name a line."""

from __future__ import annotations

from pathlib import Path

from spinimpute.errors import SpinImputeError


def read_names(path: Path | None, role: str) -> frozenset[str]:
    """Read the names in a text file, blank lines aside, none without a file; SpinImputeError if a line is no
    single name.
    """
    if path is None:
        return frozenset()
    where = f"{role} {path}"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        found = error.strerror or "" if isinstance(error, OSError) else "no text"
        remedy = "give a text file with one name a line"
        raise SpinImputeError("the list cannot be read", where=where, found=found, remedy=remedy) from error
    for number, line in enumerate(lines, 1):
        if len(line.split()) > 1:
            raise SpinImputeError(
                "a list has one name a line",
                where=f"{where} line {number}",
                found=repr(line.strip()[:40]),
                remedy="remove what follows the name",
            )
    return frozenset(line.strip() for line in lines if line.strip())
