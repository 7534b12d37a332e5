"""Panels and targets of any kind: VCF, BCF, VCF Zarr or prepared panel, checked as what they are used for."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.contents import Count, FileCount, Kind
from spinimpute.io.ploidy import Haploids, PanelPloidy, doubled, find_haploids
from spinimpute.io.prepared import PreparedPanel, is_prepared
from spinimpute.io.records import MISSING, RecordBlock, block_records, refuse
from spinimpute.io.region import Region
from spinimpute.io.sparse import SparseBlock
from spinimpute.io.vcf import VariantFile
from spinimpute.sites import Sites

T = TypeVar("T")


class VariantReader(Protocol):
    """An open file of records for some of its samples; where names it in messages.

    contigs gives the length of each contig, None if unknown; checked tells that the records were checked as
    those of a panel when the file was made, indexed that a region can be read without the rest.
    """

    where: str
    samples: list[str]
    contigs: dict[str, int | None]

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def checked(self) -> bool: ...

    @property
    def indexed(self) -> bool: ...

    @property
    def kind(self) -> Kind: ...

    def count(self) -> FileCount:
        """Records by chromosome if they are known without reading all, or else about how many there are."""

    def region_count(self, region: Region) -> Count | None:
        """Records in a region; None if nothing short of reading all tells."""

    def digest(self) -> str:
        """SHA-256 of the data, for a prepared panel of the file that it was made from."""

    def blocks(self, max_records: int = 1024, region: Region | None = None) -> Iterator[RecordBlock]:
        """Yield blocks of about max_records, which span one chromosome and never part a position."""


def open_variants(path: Path, role: str = "panel", exclude_samples: Collection[str] = ()) -> VariantReader:
    """Open a file by its kind, which its content tells and never its name; SpinImputeError if it is faulty.

    The path "-" stands for VCF or BCF from standard input.
    """
    readable = path.is_file() and os.access(path, os.R_OK)
    if readable and is_prepared(path):
        return PreparedPanel(path, role, exclude_samples)
    if path.is_dir() or (readable and zipfile.is_zipfile(path)):
        # zarr takes a quarter of a second to import.
        from spinimpute.io.zarr import ZarrFile

        return ZarrFile(path, role, exclude_samples)
    return VariantFile(path, role, exclude_samples)


@dataclass(frozen=True)
class TargetChromosome:
    """All target records of one chromosome: alleles (R, T) int8 with -1 missing.

    unphased (R, S) marks genotypes of two different alleles, or one of them missing, whose order says
    nothing; None if there are none. haploid tells who is haploid where; there both alleles are the same.
    """

    sites: Sites
    alleles: NDArray[np.int8]
    samples: list[str]
    unphased: NDArray[np.bool_] | None = None
    haploid: Haploids | None = None

    def people(self, begin: int, end: int) -> TargetChromosome:
        """Only the samples from begin to end."""
        some = slice(begin, end)
        return TargetChromosome(
            self.sites,
            self.alleles[:, 2 * begin : 2 * end],
            self.samples[some],
            None if self.unphased is None else self.unphased[:, some],
            None if self.haploid is None else replace(self.haploid, samples=self.haploid.samples[some]),
        )


def read_panel(
    path: Path,
    region: Region | None = None,
    max_records: int | None = None,
    exclude_samples: Collection[str] = (),
) -> Iterator[RecordBlock]:
    """Yield the blocks of a reference panel; SpinImputeError unless all is phased, complete and unique."""
    with open_variants(path, "panel", exclude_samples) as file:
        yield from panel_blocks(file, region, max_records)


def panel_blocks(
    file: VariantReader, region: Region | None = None, max_records: int | None = None
) -> Iterator[RecordBlock]:
    """Yield the blocks of an open panel, which are shorter if it has many samples; SpinImputeError unless all
    is phased, complete and unique.

    Haplotypes that haploid samples lack are left out. Without a region, a panel without records is an error
    too.
    """
    yield from _some(file, _checked_blocks(file, region, max_records), region)


def _checked_blocks(
    file: VariantReader, region: Region | None, max_records: int | None = None
) -> Iterator[RecordBlock]:
    ploidy = PanelPloidy(file.where, file.samples)
    for block in file.blocks(max_records or block_records(len(file.samples)), region):
        if file.checked:
            yield block
            continue
        _check_panel(file, block)
        yield from ploidy.parts(block)


def _some(file: VariantReader, blocks: Iterable[T], region: Region | None) -> Iterator[T]:
    """Yield the blocks, of which a file must have some."""
    empty = True
    for block in blocks:
        yield block
        empty = False
    if empty and region is None:
        raise SpinImputeError("the file has no records", where=file.where, remedy="give a file with records")


def sparse_blocks(file: VariantReader, region: Region | None = None) -> Iterator[SparseBlock]:
    """Yield the blocks of an open panel in their sparse form, which a prepared panel has already;
    SpinImputeError as `panel_blocks`.
    """
    if isinstance(file, PreparedPanel):
        blocks = file.sparse_blocks(region)
    else:
        blocks = map(SparseBlock.from_block, _checked_blocks(file, region))
    yield from _some(file, blocks, region)


def read_target(
    path: Path, region: Region | None = None, exclude_samples: Collection[str] = ()
) -> dict[str, TargetChromosome]:
    """Read the target by chromosome, in file order; SpinImputeError if there are no records."""
    with open_variants(path, "target", exclude_samples) as file:
        parts = _by_chromosome(file, region)
        if not parts:
            found = f"none in {region}" if region else "none"
            remedy = "choose another region" if region else "give a file with records"
            raise SpinImputeError("the file must have records", where=file.where, found=found, remedy=remedy)
        find = partial(find_haploids, samples=file.samples, where=file.where)
        return {chrom: _join(blocks, file.samples, find) for chrom, blocks in parts.items()}


def read_target_part(
    path: Path, region: Region, exclude_samples: Collection[str], haploid: Haploids | None
) -> dict[str, TargetChromosome]:
    """Read what some samples of a target have in a region, maybe no records. Who is haploid on its chromosome
    must be known: a part may not tell.
    """
    with open_variants(path, "target", exclude_samples) as file:
        parts = _by_chromosome(file, region)
        if not parts:
            none = Sites(region.chrom, np.empty(0, np.int64), [], [], [])
            alleles = np.empty((0, 2 * len(file.samples)), np.int8)
            return {none.chrom: TargetChromosome(none, alleles, file.samples, haploid=haploid)}
        return {chrom: _join(blocks, file.samples, lambda *_: haploid) for chrom, blocks in parts.items()}


def _by_chromosome(file: VariantReader, region: Region | None) -> dict[str, list[RecordBlock]]:
    parts: dict[str, list[RecordBlock]] = {}
    for block in file.blocks(region=region):
        parts.setdefault(block.sites.chrom, []).append(block)
    return parts


def _join(
    blocks: list[RecordBlock],
    samples: list[str],
    find: Callable[[Sites, NDArray[np.int8]], Haploids | None],
) -> TargetChromosome:
    sites = Sites.concatenate([block.sites for block in blocks])
    alleles = np.concatenate([block.alleles for block in blocks])
    haploid = find(sites, alleles)
    if haploid:
        alleles = doubled(alleles)
    if all(block.phased.all() for block in blocks):
        return TargetChromosome(sites, alleles, samples, haploid=haploid)
    unphased = ~np.concatenate([block.phased for block in blocks]) & (alleles[:, 0::2] != alleles[:, 1::2])
    return TargetChromosome(sites, alleles, samples, unphased if unphased.any() else None, haploid)


def _check_panel(file: VariantReader, block: RecordBlock) -> None:
    if not block.phased.all():
        rule = "panel genotypes must be phased"
        remedy = "phase the panel, or write | if homozygotes alone are unphased"
        refuse(~block.phased, file.where, block.sites, file.samples, rule, "/ for |", remedy)
    if block.lowest < 0 and (block.alleles == MISSING).any():
        gaps = (block.alleles.reshape(len(block.sites), -1, 2) == MISSING).any(axis=2)
        remedy = "impute or drop it first, e.g. bcftools view -g ^miss"
        refuse(
            gaps, file.where, block.sites, file.samples, "panel genotypes must not be missing", ".", remedy
        )
    _check_unique(file, block.sites)


def _check_unique(file: VariantReader, sites: Sites) -> None:
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
