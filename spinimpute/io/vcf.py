"""Variant files as blocks of sites and haplotype alleles."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import cyvcf2
import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.integrity import check_input
from spinimpute.sites import Sites, resolve_contig

MISSING = -1
_ABSENT = -2  # how cyvcf2 pads a genotype with fewer alleles than its neighbours
_CONTIG = re.compile(r"^##contig=<(?:.*,)?ID=([^,>]+)", re.MULTILINE)
_LENGTH = re.compile(r"[<,]length=(\d+)")

# htslib's own warnings would come before our one line.
cyvcf2.cyvcf2.set_htslib_log_level(0)


@dataclass(frozen=True)
class Region:
    """A stretch of one chromosome; start and end are 1-based and inclusive, None where open."""

    chrom: str
    start: int | None = None
    end: int | None = None

    def __post_init__(self) -> None:
        low, high = self.start or 1, self.end
        if not self.chrom or low < 1 or (high is not None and high < low):
            raise SpinImputeError(
                "a region must not be empty", found=str(self), remedy="write c, c:s-e, c:-e or c:s-"
            )

    def __str__(self) -> str:
        if self.start is None and self.end is None:
            return self.chrom
        return f"{self.chrom}:{self.start or ''}-{self.end or ''}"

    @staticmethod
    def parse(text: str) -> Region:
        """Read c, c:s-e, c:-e or c:s-; SpinImputeError for anything else."""
        match = re.fullmatch(r"(.+?)(?::(\d*)-(\d*))?", text)
        if match is None or match[2] == match[3] == "" or (match[2] is None and ":" in text):
            raise SpinImputeError(
                "the region is malformed", found=text, remedy="write c, c:s-e, c:-e or c:s-"
            )
        return Region(match[1], int(match[2]) if match[2] else None, int(match[3]) if match[3] else None)

    def holds(self, position: int) -> bool:
        """Tell whether a 1-based position is inside."""
        return (self.start is None or position >= self.start) and (self.end is None or position <= self.end)


@dataclass(frozen=True)
class RecordBlock:
    """Consecutive records of one chromosome: alleles (R, T) int8 with -1 missing, phased (R, S)."""

    sites: Sites
    alleles: NDArray[np.int8]
    phased: NDArray[np.bool_]


@dataclass(frozen=True)
class TargetChromosome:
    """All target records of one chromosome: alleles (R, T) int8 with -1 missing."""

    sites: Sites
    alleles: NDArray[np.int8]
    samples: list[str]


class VariantFile:
    """An open VCF or BCF file; SpinImputeError if it is not whole, has no samples or cannot be parsed."""

    def __init__(self, path: Path, role: str = "panel", exclude_samples: Collection[str] = ()) -> None:
        check_input(path, role)
        self.path = path
        self.where = f"{role} {path}"
        self._vcf = self._open()
        self.samples: list[str] = [name for name in self._vcf.samples if name not in exclude_samples]
        if not self.samples:
            raise SpinImputeError(
                "the file has no samples", where=self.where, remedy="give a file with genotypes"
            )
        if len(self.samples) < len(self._vcf.samples):
            self._vcf.set_samples(self.samples)
        self.contigs = _contigs(self._vcf.raw_header)

    def __enter__(self) -> VariantFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._vcf.close()

    def blocks(self, max_records: int = 1024, region: Region | None = None) -> Iterator[RecordBlock]:
        """Yield blocks of about max_records, which span one chromosome and never part a position."""
        builder = _BlockBuilder(self.where, len(self.samples), max_records)
        seen: set[str] = set()
        last = 0
        for record in self._records(region):
            chrom, position = record.CHROM, record.POS
            if chrom != builder.chrom:
                yield from builder.flush()
                self._start_chromosome(chrom, position, seen)
                builder.chrom, last = chrom, 0
            elif position < last:
                raise SpinImputeError(
                    "records must be sorted by position",
                    where=f"{self.where} {chrom}:{position}",
                    found=f"{position} after {last}",
                    remedy="sort the file with bcftools sort",
                )
            if builder.count >= max_records and position != last:
                yield from builder.flush()
            builder.add(record, chrom, position)
            last = position
        yield from builder.flush()

    def _open(self) -> Any:
        try:
            return cyvcf2.VCF(str(self.path))
        except Exception as error:
            raise SpinImputeError(
                "the header cannot be parsed",
                where=self.where,
                found=str(error),
                remedy="check it with bcftools view -h; sample names must be unique",
            ) from error

    def _records(self, region: Region | None) -> Iterator[Any]:
        after = "its first record"
        name = resolve_contig(region.chrom, self.contigs) if region else None
        records = iter(self._vcf)
        while True:
            try:
                record = next(records)
            except StopIteration:
                return
            except Exception as error:
                raise SpinImputeError(
                    "a record cannot be parsed",
                    where=f"{self.where} {after}",
                    remedy="the row may be short, cut or malformed: check it with bcftools view",
                ) from error
            after = f"after {record.CHROM}:{record.POS}"
            if region is None or (record.CHROM in {name, region.chrom} and region.holds(record.POS)):
                yield record

    def _start_chromosome(self, chrom: str, position: int, seen: set[str]) -> None:
        if chrom in seen:
            raise SpinImputeError(
                "records of a chromosome must be together",
                where=f"{self.where} {chrom}:{position}",
                found=f"{chrom} again after another chromosome",
                remedy="sort the file with bcftools sort",
            )
        seen.add(chrom)
        self.contigs.setdefault(chrom, None)


class _BlockBuilder:
    """Collects records into one array, so that each costs one copy."""

    def __init__(self, where: str, samples: int, capacity: int) -> None:
        self.where = where
        self.chrom = ""
        self.count = 0
        self._raw = np.empty((capacity, samples, 3), np.int16)
        self._clear()

    def _clear(self) -> None:
        self.count = 0
        self._pos: list[int] = []
        self._ref: list[str] = []
        self._alts: list[tuple[str, ...]] = []
        self._ids: list[str] = []

    def add(self, record: Any, chrom: str, position: int) -> None:
        """Append one record; SpinImputeError if it has no diploid genotypes."""
        if self.count == len(self._raw):
            self._raw = np.concatenate([self._raw, np.empty_like(self._raw)])
        try:
            genotypes = record.genotype.array()
        except Exception as error:
            raise SpinImputeError(
                "a record has no genotypes (FORMAT/GT)", where=f"{self.where} {chrom}:{position}"
            ) from error
        self._raw[self.count] = genotypes
        self.count += 1
        self._pos.append(position)
        self._ref.append(record.REF)
        self._alts.append(tuple(record.ALT))
        self._ids.append(record.ID or ".")

    def flush(self) -> Iterator[RecordBlock]:
        """Yield what was collected, if anything, as one checked block."""
        if not self.count:
            return
        raw = self._raw[: self.count]
        sites = Sites(self.chrom, np.array(self._pos, np.int64), self._ref, self._alts, self._ids)
        alleles = raw[:, :, :2].astype(np.int8).reshape(self.count, -1)
        block = RecordBlock(sites, alleles, raw[:, :, 2] != 0)
        self._clear()
        yield block


def read_panel(
    path: Path, region: Region | None = None, max_records: int = 1024, exclude_samples: Collection[str] = ()
) -> Iterator[RecordBlock]:
    """Yield the blocks of a reference panel; SpinImputeError unless all is phased, complete and unique."""
    with VariantFile(path, "panel", exclude_samples) as file:
        yield from panel_blocks(file, region, max_records)


def panel_blocks(
    file: VariantFile, region: Region | None = None, max_records: int = 1024
) -> Iterator[RecordBlock]:
    """Yield the blocks of an open panel; SpinImputeError unless all is phased, complete and unique."""
    for block in file.blocks(max_records, region):
        _refuse(
            file, block, np.repeat(~block.phased, 2, axis=1), "panel genotypes must be phased", "unphased"
        )
        _refuse(file, block, block.alleles == MISSING, "panel genotypes must not be missing", "missing")
        _refuse_duplicates(file, block.sites)
        yield block


def read_target(
    path: Path, region: Region | None = None, exclude_samples: Collection[str] = ()
) -> dict[str, TargetChromosome]:
    """Read the target by chromosome, in file order; SpinImputeError at an unphased heterozygote."""
    blocks: dict[str, list[RecordBlock]] = {}
    with VariantFile(path, "target", exclude_samples) as file:
        for block in file.blocks(region=region):
            blocks.setdefault(block.sites.chrom, []).append(_settle_phase(file, block))
        if not blocks:
            raise SpinImputeError(
                "there are no records", where=file.where, found=f"region {region}" if region else ""
            )
        return {
            chrom: TargetChromosome(
                Sites.concatenate([part.sites for part in parts]),
                np.concatenate([part.alleles for part in parts]),
                file.samples,
            )
            for chrom, parts in blocks.items()
        }


def _settle_phase(file: VariantFile, block: RecordBlock) -> RecordBlock:
    """Refuse unphased heterozygotes; unphased with one allele missing says nothing of either haplotype."""
    first, second = block.alleles[:, 0::2], block.alleles[:, 1::2]
    differs = ~block.phased & (first != second)
    half = differs & ((first == MISSING) | (second == MISSING))
    _refuse(
        file,
        block,
        np.repeat(differs & ~half, 2, axis=1),
        "target heterozygotes must be phased",
        "an unphased one",
        "phase the target first, e.g. with SHAPEIT or Beagle",
    )
    alleles = np.where(np.repeat(half, 2, axis=1), np.int8(MISSING), block.alleles)
    return RecordBlock(block.sites, alleles, block.phased)


def _refuse(
    file: VariantFile, block: RecordBlock, fault: NDArray[np.bool_], rule: str, found: str, remedy: str = ""
) -> None:
    """Raise SpinImputeError for the first faulty haplotype (R, T), naming record and sample."""
    if fault.any():
        record, haplotype = np.unravel_index(int(fault.argmax()), fault.shape)
        where = f"{file.where} {block.sites.chrom}:{block.sites.pos[record]}"
        sample = file.samples[haplotype // 2]
        raise SpinImputeError(rule, where=f"{where} sample {sample}", found=found, remedy=remedy)


def _refuse_duplicates(file: VariantFile, sites: Sites) -> None:
    keys = list(zip(sites.pos.tolist(), sites.ref, map(tuple, map(sorted, sites.alts)), strict=True))
    for key, following in pairwise(sorted(keys) if len(set(keys)) < len(keys) else ()):
        if key == following:
            raise SpinImputeError(
                "panel records must be unique",
                where=f"{file.where} {sites.chrom}:{key[0]}",
                found=f"{key[1]}>{','.join(key[2])} twice",
                remedy="remove duplicates with bcftools norm -d exact",
            )


def _contigs(header: str) -> dict[str, int | None]:
    """Length of each declared contig, None where the header gives none."""
    contigs: dict[str, int | None] = {}
    for line in header.splitlines():
        if name := _CONTIG.match(line):
            length = _LENGTH.search(line)
            contigs[name[1]] = int(length[1]) if length else None
    return contigs
