"""Faulty copies of the example files, for the page on troubleshooting."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pysam

Lines = list[str]


def write_faulty_files(folder: Path) -> None:
    """Write them to the folder faulty/ in the folder that has panel, target and map."""
    faulty = folder / "faulty"
    faulty.mkdir()
    panel, target = (_lines(folder / f"{name}.vcf.gz") for name in ("panel", "target"))
    for name, lines, change in (
        ("unphased_panel", panel, lambda rows: _genotype(rows, "0/1")),
        ("missing_panel", panel, lambda rows: _genotype(rows, ".|.")),
        ("unsorted_panel", panel, lambda rows: [rows[1], rows[0], *rows[2:]]),
        ("duplicate_panel", panel, lambda rows: [rows[0], *rows]),
        ("unsorted_target", target, lambda rows: [rows[1], rows[0], *rows[2:]]),
        ("short_row_target", target, lambda rows: [rows[0].rsplit("\t", 1)[0], *rows[1:]]),
        ("wrong_code_target", target, lambda rows: [rows[0].rsplit("\t", 1)[0] + "\t0|7", *rows[1:]]),
        ("other_chromosome_target", target, lambda rows: ["9" + row[1:] for row in rows]),
        ("swapped_target", target, lambda rows: [_swapped(row) for row in rows]),
        ("no_record_target", target, lambda rows: []),
        ("panel_sample_target", [line.replace("T0001", "P0001") for line in target], lambda rows: rows),
    ):
        _write(faulty / f"{name}.vcf.gz", lines, change)
    whole = (folder / "target.vcf.gz").read_bytes()
    (faulty / "cut_target.vcf.gz").write_bytes(whole[: len(whole) // 2])
    (faulty / "empty_target.vcf.gz").write_bytes(b"")
    (faulty / "target.txt").write_text("sample\tgenotype\n")
    rows = (folder / "plink.map").read_text().splitlines()
    (faulty / "malformed.map").write_text("\n".join([*rows[:2], "1 . 0.1", *rows[3:]]) + "\n")
    (faulty / "other.map").write_text("\n".join("9" + row[1:] for row in rows if row.startswith("1")) + "\n")


def _lines(path: Path) -> Lines:
    """The header and the first records."""
    with gzip.open(path, "rt") as file:
        lines = file.read().splitlines()
    header = [line for line in lines if line.startswith("#")]
    rows = [line for line in lines if not line.startswith("#")]
    return [*header, *rows[:300]]


def _write(path: Path, lines: Lines, change: Callable[[Lines], Lines]) -> None:
    header = [line for line in lines if line.startswith("#")]
    rows = change([line for line in lines if not line.startswith("#")])
    with pysam.BGZFile(str(path), "wb", None) as file:
        file.write(("\n".join([*header, *rows]) + "\n").encode())


def _genotype(rows: Lines, genotype: str) -> Lines:
    """The last sample of the third record gets a genotype."""
    return [*rows[:2], rows[2].rsplit("\t", 1)[0] + f"\t{genotype}", *rows[3:]]


def _swapped(row: str) -> str:
    columns = row.split("\t")
    columns[3], columns[4] = columns[4], columns[3]
    return "\t".join(columns)
