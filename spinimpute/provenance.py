"""What produced an output: version, command, digests, as header lines."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from spinimpute import __version__

_CHUNK = 1 << 20


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 digest of a file, or of the names and digests of all files in a folder."""
    digest = hashlib.sha256()
    if path.is_dir():
        for each in sorted(each for each in path.rglob("*") if each.is_file()):
            digest.update(f"{sha256(each)}  {each.relative_to(path)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fingerprint(path: Path) -> str:
    """Size of a file and SHA-256 digest of its beginning, middle and end; of a folder's files all of that.

    It is read in no time, and tells apart files that are not made alike on purpose. OSError if unreadable.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        for each in sorted(each for each in path.rglob("*") if each.is_file()):
            digest.update(f"{fingerprint(each)}  {each.relative_to(path)}\n".encode())
        return digest.hexdigest()
    size = path.stat().st_size
    with path.open("rb") as file:
        for start in (0, (size - _CHUNK) // 2, size - _CHUNK):
            file.seek(max(start, 0))
            digest.update(file.read(_CHUNK))
    return f"{size}:{digest.hexdigest()}"


def command_line(arguments: Sequence[str]) -> str:
    """The command as one line that a shell would read back; line breaks become blanks."""
    return " ".join(shlex.join(arguments).split())


def header_lines(command: str, details: Mapping[str, str | int]) -> list[str]:
    """VCF header lines: the source, the command, and one for each detail, such as the panel's digest."""
    lines = [f"##source=spinimpute-{__version__}", f"##spinimputeCommand={command}"]
    for name, value in details.items():
        lines.append(f"##spinimpute{name[:1].upper()}{name[1:]}={' '.join(str(value).split())}")
    return lines
