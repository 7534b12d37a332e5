"""Variant files as blocks of sites and haplotype alleles."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import cyvcf2
import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.faults import unparsable
from spinimpute.io.integrity import check_input
from spinimpute.io.records import MISSING, BlockBuilder, RecordBlock, refuse
from spinimpute.io.region import Region
from spinimpute.sites import Sites, resolve_contig

__all__ = [
    "RecordBlock",
    "Region",
    "TargetChromosome",
    "VariantFile",
    "panel_blocks",
    "read_panel",
    "read_target",
]

_CONTIG = re.compile(r"##contig=<(?:.*,)?ID=([^,>]+)")
_LENGTH = re.compile(r"[<,]length=(\d+)")
_SORT = "sort the file with bcftools sort"

# htslib's own warnings would come before our one line.
cyvcf2.cyvcf2.set_htslib_log_level(0)


class VariantFile:
    """An open VCF or BCF file, without the samples to exclude.

    samples are those read; contigs gives the length of each declared contig, None if unknown. SpinImputeError
    if the file is not whole, has no samples or cannot be parsed.
    """

    def __init__(self, path: Path, role: str = "panel", exclude_samples: Collection[str] = ()) -> None:
        check_input(path, role)
        self.path = path
        self.where = f"{role} {path}"
        self._vcf = self._open()
        everyone: list[str] = self._vcf.samples
        self.samples = [name for name in everyone if name not in exclude_samples]
        if not self.samples:
            found = f"all {len(everyone)} excluded" if everyone else "none"
            raise SpinImputeError("the file must have samples with genotypes", where=self.where, found=found)
        if len(self.samples) < len(everyone):
            self._vcf.set_samples(self.samples)
        self.contigs = _contigs(self._vcf.raw_header)

    def __enter__(self) -> VariantFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._vcf.close()

    @property
    def indexed(self) -> bool:
        """Whether a region can be read without the rest: an index exists and is not older than the file."""
        indices = (self.path.with_name(self.path.name + end) for end in (".tbi", ".csi"))
        changed = [index.stat().st_mtime for index in indices if index.exists()]
        return bool(changed) and max(changed) >= self.path.stat().st_mtime

    def blocks(self, max_records: int = 1024, region: Region | None = None) -> Iterator[RecordBlock]:
        """Yield blocks of about max_records, which span one chromosome and never part a position.

        SpinImputeError at records out of order, without diploid genotypes, or that cannot be parsed.
        """
        builder = BlockBuilder(self.where, self.samples, max_records)
        seen: set[str] = set()
        last = 0
        for record in self._records(region):
            chrom, position = record.CHROM, record.POS
            if chrom != builder.chrom:
                yield from builder.flush()
                self._check_new(chrom, position, seen)
                builder.chrom, last = chrom, 0
            if position != last:
                if position < last:
                    raise SpinImputeError(
                        "records must be sorted by position",
                        where=f"{self.where} {chrom}:{position}",
                        found=f"{position} after {last}",
                        remedy=_SORT,
                    )
                if len(builder) >= max_records:
                    yield from builder.flush()
            builder.add(record, position)
            last = position
        yield from builder.flush()

    def _open(self) -> Any:
        try:
            return cyvcf2.VCF(str(self.path))
        except Exception as error:
            raise SpinImputeError(
                "the header cannot be parsed",
                where=self.where,
                remedy="check it with bcftools view -h; sample names must be unique",
            ) from error

    def _records(self, region: Region | None) -> Iterator[Any]:
        """The records that begin in a region, through the index if there is one."""
        if region is None:
            yield from self._parsed(self._vcf)
            return
        name = resolve_contig(region.chrom, self.contigs)
        if self.indexed and name is not None:
            # Braces keep htslib from reading a colon in a contig name as a range.
            bounds = f"{{{name}}}:{region.start or 1}-{region.end or ''}"
            records = self._parsed(self._vcf(bounds), from_start=False)
        else:
            records = self._parsed(self._vcf)
        for record in records:
            if name == record.CHROM or resolve_contig(region.chrom, [record.CHROM]):
                # The index also gives records that begin before the region and reach into it.
                if region.holds(record.POS):
                    yield record
                elif region.ends_before(record.POS):
                    return

    def _parsed(self, records: Any, from_start: bool = True) -> Iterator[Any]:
        """Iterate over htslib's records; its failure becomes a SpinImputeError that names the place."""
        last, count = None, 0
        records = iter(records)
        while True:
            try:
                record = next(records)
            except StopIteration:
                return
            except Exception as error:
                place = f"{last.CHROM}:{last.POS}" if last is not None else ""
                raise unparsable(self.path, self.where, place, count if from_start else None) from error
            yield record
            last = record
            count += 1

    def _check_new(self, chrom: str, position: int, seen: set[str]) -> None:
        if chrom in seen:
            raise SpinImputeError(
                "records of one chromosome must be together",
                where=f"{self.where} {chrom}:{position}",
                found=f"{chrom} again after another chromosome",
                remedy=_SORT,
            )
        seen.add(chrom)
        self.contigs.setdefault(chrom, None)


@dataclass(frozen=True)
class TargetChromosome:
    """All target records of one chromosome: alleles (R, T) int8 with -1 missing."""

    sites: Sites
    alleles: NDArray[np.int8]
    samples: list[str]


def read_panel(
    path: Path,
    region: Region | None = None,
    max_records: int = 1024,
    exclude_samples: Collection[str] = (),
) -> Iterator[RecordBlock]:
    """Yield the blocks of a reference panel; SpinImputeError unless all is phased, complete and unique."""
    with VariantFile(path, "panel", exclude_samples) as file:
        yield from panel_blocks(file, region, max_records)


def panel_blocks(
    file: VariantFile, region: Region | None = None, max_records: int = 1024
) -> Iterator[RecordBlock]:
    """Yield the blocks of an open panel; SpinImputeError unless all is phased, complete and unique.

    Without a region, a panel without records is an error too.
    """
    empty = True
    for block in file.blocks(max_records, region):
        _check_panel(file, block)
        yield block
        empty = False
    if empty and region is None:
        raise SpinImputeError("the file has no records", where=file.where)


def read_target(
    path: Path, region: Region | None = None, exclude_samples: Collection[str] = ()
) -> dict[str, TargetChromosome]:
    """Read the target by chromosome, in file order; SpinImputeError at an unphased heterozygote.

    An unphased genotype with one allele missing says nothing of either haplotype: both become missing.
    """
    parts: dict[str, list[RecordBlock]] = {}
    with VariantFile(path, "target", exclude_samples) as file:
        for block in file.blocks(region=region):
            parts.setdefault(block.sites.chrom, []).append(_settle_phase(file, block))
        if not parts:
            found = f"none in {region}" if region else "none"
            raise SpinImputeError("the file must have records", where=file.where, found=found)
        return {chrom: _join(blocks, file.samples) for chrom, blocks in parts.items()}


def _join(blocks: list[RecordBlock], samples: list[str]) -> TargetChromosome:
    sites = Sites.concatenate([block.sites for block in blocks])
    return TargetChromosome(sites, np.concatenate([block.alleles for block in blocks]), samples)


def _check_panel(file: VariantFile, block: RecordBlock) -> None:
    if not block.phased.all():
        rule = "panel genotypes must be phased"
        remedy = "phase the panel, or write | if homozygotes alone are unphased"
        refuse(~block.phased, file.where, block.sites, file.samples, rule, "/ for |", remedy)
    if block.alleles.min() == MISSING:
        gaps = (block.alleles.reshape(len(block.sites), -1, 2) == MISSING).any(axis=2)
        remedy = "impute or drop it first, e.g. bcftools view -g ^miss"
        refuse(
            gaps, file.where, block.sites, file.samples, "panel genotypes must not be missing", ".", remedy
        )
    _check_unique(file, block.sites)


def _check_unique(file: VariantFile, sites: Sites) -> None:
    again = np.flatnonzero(np.diff(sites.pos) == 0)
    seen: set[tuple[int, str, tuple[str, ...]]] = set()
    for row in np.union1d(again, again + 1).tolist():
        key = int(sites.pos[row]), sites.ref[row], tuple(sorted(sites.alts[row]))
        if key in seen:
            raise SpinImputeError(
                "panel records must be unique",
                where=f"{file.where} {sites.chrom}:{key[0]}",
                found=f"{key[1]}>{','.join(key[2])} twice",
                remedy="remove one, e.g. with bcftools norm -d exact",
            )
        seen.add(key)


def _settle_phase(file: VariantFile, block: RecordBlock) -> RecordBlock:
    """Refuse unphased heterozygotes, blank unphased half-missing genotypes."""
    if block.phased.all():
        return block
    pairs = block.alleles.reshape(len(block.sites), -1, 2)
    differs = ~block.phased & (pairs[:, :, 0] != pairs[:, :, 1])
    half = differs & (pairs.min(axis=2) == MISSING)
    remedy = "phase the target first, e.g. with SHAPEIT or Beagle"
    rule = "target heterozygotes must be phased"
    refuse(differs & ~half, file.where, block.sites, file.samples, rule, "/ for |", remedy)
    pairs[half] = MISSING
    return block


def _contigs(header: str) -> dict[str, int | None]:
    contigs: dict[str, int | None] = {}
    for line in header.splitlines():
        if name := _CONTIG.match(line):
            length = _LENGTH.search(line)
            contigs[name[1]] = int(length[1]) if length else None
    return contigs
