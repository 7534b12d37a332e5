"""The table of what became of every target record."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

from spinimpute.io.outputs import atomic_output
from spinimpute.sites import FateTable

_COLUMNS = ("chrom", "pos", "id", "ref", "alt", "fate", "detail")


def write_fates(path: Path, tables: Iterable[FateTable]) -> None:
    """Write one line for each target record as gzip-compressed tab-separated text."""
    # Without a name and a time stamp, equal tables make equal files.
    with (
        atomic_output(path) as partial,
        partial.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed,
    ):
        packed.write(("\t".join(_COLUMNS) + "\n").encode())
        for table in tables:
            packed.write("".join(_lines(table)).encode())


def _lines(table: FateTable) -> Iterator[str]:
    sites = table.sites
    columns = (sites.pos.tolist(), sites.ids, sites.ref, sites.alts, table.fates, table.details)
    for pos, identifier, ref, alts, fate, detail in zip(*columns, strict=True):
        alt = ",".join(alts) or "."
        yield f"{sites.chrom}\t{pos}\t{identifier}\t{ref}\t{alt}\t{fate.value}\t{detail or '.'}\n"
