"""Ways to spoil a panel, a target or a map."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pysam

from benchmarks.reliability.data import Row, Table, plain_gzip, tables

POS, REF, ALT, FORMAT, FIRST = 1, 3, 4, 8, 9
_EOF_BLOCK = 28  # bytes


@dataclass(frozen=True)
class Files:
    """The input of one run."""

    panel: Path
    target: Path
    map: Path | None = None


@dataclass(frozen=True)
class Fault:
    """A fault, made in a folder; message names files as {panel}, {target} and {map}, and is empty where the
    result is defined: then the output must hold so many records.
    """

    name: str
    make: Callable[[Path], Files]
    message: str = ""
    records: int = 240


def write(
    folder: Path,
    panel: Callable[[Table], Table] | None = None,
    target: Callable[[Table], Table] | None = None,
    map: str | None = None,
    kind: str = "vcf.gz",
) -> Files:
    """Write panel and target, each edited if asked for, and a map."""
    good = tables()
    first = panel(good[0]) if panel else good[0]
    second = target(good[1]) if target else good[1]
    path = None
    if map is not None:
        path = folder / "plink.map"
        path.write_text(map)
    return Files(first.write(folder / f"panel.{kind}"), second.write(folder / f"target.{kind}"), path)


def panel_fault(name: str, edit: Callable[[Table], Table], message: str, kind: str = "vcf.gz") -> Fault:
    return Fault(name, lambda folder: write(folder, panel=edit, kind=kind), message)


def target_fault(
    name: str, edit: Callable[[Table], Table], message: str = "", records: int = 240, kind: str = "vcf.gz"
) -> Fault:
    return Fault(name, lambda folder: write(folder, target=edit, kind=kind), message, records)


def map_fault(name: str, text: str, message: str) -> Fault:
    return Fault(name, lambda folder: write(folder, map=text), message)


def file_fault(
    name: str, which: str, how: Callable[[Path], object], message: str, kind: str = "vcf.gz"
) -> Fault:
    """A fault in the bytes of the panel or the target."""

    def make(folder: Path) -> Files:
        files = write(folder, kind=kind)
        how(getattr(files, which))
        return files

    return Fault(name, make, message)


def cut_at_block(path: Path) -> None:
    """Cut a BGZF file in half at a block boundary."""
    data = path.read_bytes()
    starts = [match.start() for match in re.finditer(b"\x1f\x8b\x08\x04", data)]
    path.write_bytes(data[: starts[len(starts) // 2]])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_before_end_block(path: Path) -> None:
    """Cut amid a block and put the block that ends a whole file behind it."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + data[-_EOF_BLOCK:])


def flip(path: Path) -> None:
    """Change a byte of the checksum of a BGZF block amid the file."""
    data = bytearray(path.read_bytes())
    start = data.index(b"\x1f\x8b\x08\x04", len(data) // 2)
    data[start - 8] ^= 0x10
    path.write_bytes(data)


def as_gzip_cut(path: Path) -> None:
    with pysam.BGZFile(str(path), "rb", None) as file:
        plain_gzip(path, file.read().decode())
    cut(path)


def as_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def swap_alleles(rows: list[Row]) -> None:
    for row in rows[10:30]:
        row[REF], row[ALT] = row[ALT], row[REF]


def other_strand(rows: list[Row]) -> None:
    for row in rows:
        if {row[REF], row[ALT]} not in ({"A", "T"}, {"C", "G"}):
            for column in (REF, ALT):
                row[column] = row[column].translate(str.maketrans("ACGT", "TGCA"))


def exchange(rows: list[Row]) -> None:
    rows[20], rows[21] = rows[21], rows[20]


def return_to(rows: list[Row]) -> None:
    """Leave the chromosome for another and come back."""
    for row in rows[20:40]:
        row[0] = "21"


def renamed(chrom: str) -> Callable[[Table], Table]:
    return lambda table: table.edit(lambda rows: [row.__setitem__(0, chrom) for row in rows])


def moved(rows: list[Row]) -> None:
    for row in rows:
        row[POS] = str(int(row[POS]) + 1)


def no_samples(table: Table) -> Table:
    return replace(table, samples=[], rows=[row[:FORMAT] for row in table.rows])


def dosages_alone(table: Table) -> Table:
    return table.change(30, FORMAT, "DS")
