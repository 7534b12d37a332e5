"""Tiny variant files made from Python data, in the formats that users have.

A record is written as it would stand in a VCF row: ``rec(100, "A", "C,G", "0|1", "2|.")`` is one record with
two samples. `write_vcf` takes the format from the file name: .vcf, .vcf.gz (BGZF) or .bcf.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
import pysam.bcftools
from numpy.typing import NDArray

CONTIGS: Mapping[str, int | None] = {"20": 64_444_167, "21": 46_709_983}


@dataclass(frozen=True)
class Rec:
    """One row: the samples' columns as text, for FORMAT fields fmt."""

    pos: int
    ref: str
    alt: str
    columns: tuple[str, ...]
    chrom: str = "20"
    id: str = "."
    fmt: str = "GT"

    def row(self) -> str:
        return "\t".join(
            [
                self.chrom,
                str(self.pos),
                self.id,
                self.ref,
                self.alt,
                ".",
                "PASS",
                ".",
                self.fmt,
                *self.columns,
            ]
        )


def rec(
    pos: int, ref: str, alt: str, *columns: str, chrom: str = "20", id: str = ".", fmt: str = "GT"
) -> Rec:
    """A record."""
    return Rec(pos, ref, alt, columns, chrom, id, fmt)


def phased_records(
    pos: Sequence[int] | NDArray[np.int64],
    alleles: NDArray[np.int8],
    chrom: str = "20",
    ref: str = "A",
    alt: str = "C",
) -> list[Rec]:
    """Records of one chromosome with phased alleles (R, T), -1 missing."""
    spelled = np.where(alleles < 0, ".", alleles.astype(str))
    pairs = [[f"{a}|{b}" for a, b in zip(row[0::2], row[1::2], strict=True)] for row in spelled]
    return [rec(int(p), ref, alt, *columns, chrom=chrom) for p, columns in zip(pos, pairs, strict=True)]


def sample_names(n: int, prefix: str = "s") -> list[str]:
    """s0, s1, ..."""
    return [f"{prefix}{i}" for i in range(n)]


def vcf_text(
    records: Sequence[Rec],
    samples: Sequence[str] | None = None,
    contigs: Mapping[str, int | None] = CONTIGS,
    meta: Sequence[str] = (),
) -> str:
    """The text of a VCF file; the samples' default is s0, s1, ... as many as the first record has."""
    if samples is None:
        samples = sample_names(len(records[0].columns) if records else 1)
    lines = ["##fileformat=VCFv4.2", *meta]
    lines += [
        f"##contig=<ID={name}{f',length={length}' if length else ''}>" for name, length in contigs.items()
    ]
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    lines.append('##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">')
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    lines.append("\t".join([*columns, *(["FORMAT", *samples] if samples else [])]))
    return "\n".join([*lines, *(record.row() for record in records)]) + "\n"


def write_vcf(
    path: Path,
    records: Sequence[Rec],
    samples: Sequence[str] | None = None,
    contigs: Mapping[str, int | None] = CONTIGS,
    index: bool = False,
) -> Path:
    """Write records to path and return it."""
    return write_text(path, vcf_text(records, samples, contigs), index)


def write_text(path: Path, text: str, index: bool = False) -> Path:
    """Write the text of a VCF file in the format that path names."""
    if path.name.endswith(".vcf"):
        path.write_text(text)
        return path
    packed = path.with_name(path.name + ".tmp.vcf.gz") if path.suffix == ".bcf" else path
    with pysam.BGZFile(str(packed), "wb", None) as file:
        file.write(text.encode())
    if path.suffix == ".bcf":
        pysam.bcftools.view("--no-version", "-Ob", "-o", str(path), str(packed), catch_stdout=False)
        packed.unlink()
    if index and path.suffix == ".bcf":
        pysam.bcftools.index("-f", str(path), catch_stdout=False)
    elif index:
        pysam.tabix_index(str(path), preset="vcf", force=True)
    return path
