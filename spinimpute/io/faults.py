"""What is wrong with a row that htslib could not parse: htslib itself only says that it could not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from spinimpute.errors import SpinImputeError
from spinimpute.io.integrity import GZIP_MAGIC, STANDARD_INPUT, is_binary

_CHECK = "check the file with bcftools view"
_SHOWN = 40  # characters of a faulty field in a message


def unparsable(path: Path, where: str, last: str, parsed: int | None) -> SpinImputeError:
    """The error for the record after last ("chrom:pos", or ""); parsed counts those before it, if known."""
    place = f"{where} after {last}" if last else f"{where} first record"
    fault = SpinImputeError("a record cannot be parsed", where=place, remedy=_CHECK)
    if parsed is None or str(path) == STANDARD_INPUT or is_binary(path):
        return fault
    try:
        header, number, row = _row(path, parsed)
    except (OSError, EOFError, zlib.error):
        return SpinImputeError("the file is corrupt", where=place, remedy="copy or write the file again")
    if row is None:
        return SpinImputeError("the file is truncated", where=place, remedy="copy or write the file again")
    fault.where = f"{where} line {number}"
    fields = row.split("\t")
    if len(fields) != header:
        fault.rule = "a row must have as many columns as the header"
        fault.found = f"{len(fields)} columns, {header} in the header"
    elif not fields[1].isdigit():
        fault.rule, fault.found = "a position must be a number", fields[1][:_SHOWN]
    else:
        fault.where += f" ({fields[0]}:{fields[1]})"
    return fault


def _row(path: Path, parsed: int) -> tuple[int, int, str | None]:
    """Columns of the header, then line number and text of the record after those parsed."""
    columns = 0
    lines = enumerate(_lines(path), 1)
    for _, line in lines:
        if line.startswith("#CHROM"):
            columns = len(line.rstrip("\r\n").split("\t"))
            break
    number, line = next(islice(lines, parsed, None), (0, ""))
    return columns, number, line.rstrip("\r\n") if line else None


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
    opener = gzip.open if packed else open
    with opener(path, "rt", encoding="utf-8", errors="replace") as text:
        yield from text
