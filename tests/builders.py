"""Tiny variant files made from Python data, in the formats that users have.

A record is written as it would stand in a VCF row: ``rec(100, "A", "C,G", "0|1", "2|.")`` is one record with
two samples. `write_vcf` takes the format from the file name: .vcf, .vcf.gz (BGZF) or .bcf.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pysam.bcftools
import zarr
from numpy.typing import NDArray

from spinimpute.io.records import RecordBlock
from spinimpute.sites import Sites

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
    info: str = "."

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
                self.info,
                self.fmt,
                *self.columns,
            ]
        )


def rec(
    pos: int,
    ref: str,
    alt: str,
    *columns: str,
    chrom: str = "20",
    id: str = ".",
    fmt: str = "GT",
    info: str = ".",
) -> Rec:
    """A record."""
    return Rec(pos, ref, alt, columns, chrom, id, fmt, info)


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
    meta: Sequence[str] = (),
) -> Path:
    """Write records to path and return it."""
    return write_text(path, vcf_text(records, samples, contigs, meta), index)


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


def write_vcz(
    path: Path,
    records: Sequence[Rec],
    samples: Sequence[str] | None = None,
    contigs: Mapping[str, int | None] = CONTIGS,
    chunk: int = 100,
) -> Path:
    """Write records of GT alone as VCF Zarr, laid out as bio2zarr does, zipped if path ends in .zip."""
    if samples is None:
        samples = sample_names(len(records[0].columns))
    genotypes, phased = _genotype_arrays(records)
    alleles = [[rec.ref, *(rec.alt.split(",") if rec.alt != "." else [])] for rec in records]
    width = max(map(len, alleles))
    arrays: dict[str, Any] = {
        "contig_id": _texts(list(contigs)),
        "sample_id": _texts(list(samples)),
        "variant_contig": np.array([list(contigs).index(rec.chrom) for rec in records], np.int8),
        "variant_position": np.array([rec.pos for rec in records], np.int32),
        "variant_allele": _texts([row + [""] * (width - len(row)) for row in alleles]),
        "variant_id": _texts([rec.id for rec in records]),
        "call_genotype": genotypes,
        "call_genotype_phased": phased,
    }
    if all(contigs.values()):
        arrays["contig_length"] = np.array(list(contigs.values()), np.int64)
    store = zarr.storage.ZipStore(path, mode="w") if path.suffix == ".zip" else zarr.storage.LocalStore(path)
    group = zarr.create_group(store, zarr_format=2, attributes={"vcf_zarr_version": "0.5"})
    for name, array in arrays.items():
        rows = chunk if name.startswith(("variant", "call")) else len(array)
        group.create_array(name, data=array, chunks=(rows, *array.shape[1:]))
    store.close()
    return path


def _texts(values: Sequence[Any]) -> Any:
    return np.array(values, np.dtypes.StringDType())


def _genotype_arrays(records: Sequence[Rec]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Alleles (R, S, P) padded with -2, and which genotypes are phased (R, S)."""
    codes = [[re.split(r"[|/]", column) for column in each.columns] for each in records]
    ploidy = max(len(alleles) for row in codes for alleles in row)
    genotypes = np.full((len(records), len(codes[0]), ploidy), -2, np.int8)
    for r, row in enumerate(codes):
        for s, alleles in enumerate(row):
            genotypes[r, s, : len(alleles)] = [-1 if code == "." else int(code) for code in alleles]
    phased = np.array([["/" not in column for column in each.columns] for each in records])
    return genotypes, phased


def random_block(seed: int, records: int, samples: int) -> RecordBlock:
    """Rare, common, monomorphic and multiallelic records, and some without an ALT."""
    rng = np.random.default_rng(seed)
    n_alts = rng.choice([0, 1, 1, 1, 2, 4], records)
    ref_share = rng.choice([0.0, 0.02, 0.4, 0.6, 0.99, 1.0], (records, 1))
    shape = records, 2 * samples
    codes = rng.integers(0, n_alts[:, None] + 1, shape)
    # Most of the haplotypes that are not REF carry the first ALT, so that an ALT may be the major allele.
    codes = np.where(rng.random(shape) < 0.7, np.minimum(n_alts, 1)[:, None], codes)
    alleles = np.where(rng.random(shape) < ref_share, 0, codes).astype(np.int8)
    alts = [("C", "G", "T", "AC")[:n] for n in n_alts]
    pos = np.sort(rng.integers(1, 3 * records, records))
    sites = Sites("20", pos, ["A"] * records, alts, [f"rs{i}" for i in range(records)])
    return RecordBlock(sites, alleles, np.ones((records, samples), np.bool_))


def mixed_records() -> list[Rec]:
    """Two chromosomes with multiallelic records, records without ALT and shared positions; four samples."""
    records = []
    for seed, chrom in enumerate(CONTIGS):
        block = random_block(seed, 150, 4)
        sites = block.sites
        for r, row in enumerate(block.alleles):
            alleles = f"{'ACGT'[r % 4]}{'T' * (r % 3)}", ",".join(sites.alts[r]) or "."
            columns = [f"{a}|{b}" for a, b in zip(row[0::2], row[1::2], strict=True)]
            records.append(rec(2 * int(sites.pos[r]), *alleles, *columns, chrom=chrom, id=sites.ids[r]))
    # No panel may have the same alleles at the same position twice.
    return list({(each.chrom, each.pos, each.ref, each.alt): each for each in records}.values())


def assert_same(found: RecordBlock, expected: RecordBlock) -> None:
    assert found.sites.chrom == expected.sites.chrom
    assert found.sites.pos.tolist() == expected.sites.pos.tolist()
    assert found.sites.ref == expected.sites.ref
    assert found.sites.alts == expected.sites.alts
    assert found.sites.ids == expected.sites.ids
    np.testing.assert_array_equal(found.alleles, expected.alleles)
    assert found.alleles.dtype == expected.alleles.dtype
    np.testing.assert_array_equal(found.phased, expected.phased)
