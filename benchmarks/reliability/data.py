"""Small panels and targets as tables of VCF columns, to be spoilt in one way or another."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pysam
import pysam.bcftools

_FIXED = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
SPACING = 5000  # bases between records, and before the first
Row = list[str]


@dataclass(frozen=True)
class Table:
    """A VCF file: header lines, sample names, rows of columns."""

    samples: list[str]
    rows: list[Row]
    meta: list[str] = field(
        default_factory=lambda: [
            "##fileformat=VCFv4.2",
            "##contig=<ID=20,length=64444167>",
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        ]
    )

    def text(self) -> str:
        """The text of the file."""
        lines = [*self.meta, "\t".join([*_FIXED, *self.samples]), *("\t".join(row) for row in self.rows)]
        return "\n".join(lines) + "\n"

    def change(self, row: int, column: int, value: str) -> Table:
        """The table with another value in one place."""
        return self.edit(lambda rows: rows[row].__setitem__(column, value))

    def edit(self, how: Callable[[list[Row]], object]) -> Table:
        """The table with its rows edited in place by a function."""
        rows = [list(row) for row in self.rows]
        how(rows)
        return replace(self, rows=rows)

    def write(self, path: Path) -> Path:
        """Write as plain text, BGZF or BCF, by the name."""
        return write_text(path, self.text())


def write_text(path: Path, text: str) -> Path:
    """Write the text of a VCF file as plain text, BGZF or BCF, by the name."""
    if path.suffix == ".vcf":
        path.write_text(text)
        return path
    packed = path.with_name(path.name + ".tmp.vcf.gz") if path.suffix == ".bcf" else path
    with pysam.BGZFile(str(packed), "wb", None) as file:
        # Many small blocks, so that there are boundaries to cut at.
        for start in range(0, len(text), 4096):
            file.write(text[start : start + 4096].encode())
            file.flush()
    if path.suffix == ".bcf":
        pysam.bcftools.view("--no-version", "-Ob", "-o", str(path), str(packed), catch_stdout=False)
        packed.unlink()
    return path


def plain_gzip(path: Path, text: str) -> Path:
    """Write a gzip file that is no BGZF."""
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


def tables(records: int = 240, people: int = 20, targets: int = 3, seed: int = 1) -> tuple[Table, Table]:
    """A panel, and a target typed at every fourth of its records, both mosaics of the same few founders."""
    rng = np.random.default_rng(seed)
    pos = SPACING * (1 + np.arange(records))
    n = 2 * (people + targets)
    founders = (rng.random((records, 8)) < rng.uniform(0.05, 0.95, (records, 1))).astype(int)
    switch = rng.random((records, n)) < 0.02
    source = np.empty((records, n), int)
    source[0] = rng.integers(0, 8, n)
    for row in range(1, records):
        source[row] = np.where(switch[row], rng.integers(0, 8, n), source[row - 1])
    alleles = np.take_along_axis(founders, source, axis=1)
    pairs = [("A", "C"), ("G", "T"), ("C", "A"), ("T", "G"), ("A", "G"), ("C", "T")]
    sites = [["20", str(p), f"rs{i}", *pairs[i % len(pairs)]] for i, p in enumerate(pos.tolist())]
    panel = Table([f"p{i}" for i in range(people)], _rows(sites, alleles[:, : 2 * people]))
    typed = _rows(sites, alleles[:, 2 * people :])[::4]
    return panel, Table([f"t{i}" for i in range(targets)], typed)


def map_text(chrom: str = "20", points: Sequence[tuple[float, int]] = ((0.0, 1), (70.0, 70_000_000))) -> str:
    """A PLINK map."""
    return "".join(f"{chrom} . {cm} {pos}\n" for cm, pos in points)


def _rows(sites: list[Row], alleles: np.ndarray) -> list[Row]:
    return [
        [*site, ".", "PASS", ".", "GT", *(f"{a}|{b}" for a, b in zip(row[0::2], row[1::2], strict=True))]
        for site, row in zip(sites, alleles.tolist(), strict=True)
    ]
