"""Variant files as blocks of sites and haplotype alleles."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.binary import BinarySource, read_binary_header
from spinimpute.io.index import find_start, usable_index
from spinimpute.io.inflate import inflate
from spinimpute.io.integrity import check_input, is_binary
from spinimpute.io.records import MISSING, RecordBlock, Source, in_order, refuse
from spinimpute.io.region import Region
from spinimpute.io.text import Header, TextSource, read_header
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

_STANDARD_INPUT = "-"


class VariantFile:
    """A VCF or BCF file without the samples to exclude, read on a few threads.

    The path "-" stands for standard input. samples are those read; contigs gives the length of each declared
    contig, None if unknown. SpinImputeError if the file is not whole or has no samples or a faulty header.
    """

    def __init__(
        self, path: Path, role: str = "panel", exclude_samples: Collection[str] = (), threads: int = 2
    ) -> None:
        self._spool = _spooled() if str(path) == _STANDARD_INPUT else None
        self.path = Path(self._spool.name) if self._spool else path
        self.where = f"{role} {path}"
        self._threads = threads
        try:
            check_input(self.path, role)
            self._binary = is_binary(self.path)
            header, self._numbered = self._header()
        except BaseException:
            self.close()
            raise
        self.samples = [name for name in header.samples if name not in exclude_samples]
        self.contigs = header.contigs
        if not self.samples:
            found = f"all {len(header.samples)} excluded" if header.samples else "none"
            raise SpinImputeError("the file must have samples with genotypes", where=self.where, found=found)

    def __enter__(self) -> VariantFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of standard input's copy, if there is one; blocks cannot be read after it."""
        if self._spool:
            self._spool.close()

    @property
    def indexed(self) -> bool:
        """Whether a region can be read without the rest: an index exists and is not older than the file."""
        return usable_index(self.path) is not None

    def blocks(self, max_records: int = 1024, region: Region | None = None) -> Iterator[RecordBlock]:
        """Yield blocks of about max_records, which span one chromosome and never part a position.

        SpinImputeError at records out of order, without diploid genotypes, or that cannot be parsed.
        """
        source = self._source(region)
        if source is None:
            return
        began = False
        for block in in_order(source, self.where, len(self.samples), max_records):
            self.contigs.setdefault(block.sites.chrom, None)
            if region is None:
                yield block
            elif resolve_contig(region.chrom, [block.sites.chrom]):
                began = True
                yield from _inside(region, block)
                if region.ends_before(int(block.sites.pos[-1])):
                    return
            elif began:
                return

    def _header(self) -> tuple[Header, list[str]]:
        """The header and its contigs in the order in which an index numbers them."""
        pieces = inflate(self.path, self.where, 1)
        if not self._binary:
            header = read_header(pieces, self.where)[0]
            return header, list(header.contigs)
        found = read_binary_header(pieces, self.where)[0]
        return found.header, [found.chroms.get(i, "") for i in range(max(found.chroms, default=-1) + 1)]

    def _source(self, region: Region | None) -> Source | None:
        """The records from a region's start on; None if the file has none on its chromosome."""
        source = BinarySource if self._binary else TextSource
        name = resolve_contig(region.chrom, self.contigs) if region else None
        index = usable_index(self.path)
        if region is None or name is None or index is None:
            return source(self.path, self.where, self.samples, self._threads)
        offset = find_start(index, self._numbered, name, region.start or 1)
        return source(self.path, self.where, self.samples, self._threads, offset) if offset else None


def _spooled() -> IO[bytes]:
    """Standard input as a file, since its end must be seen before its beginning is used."""
    spool = tempfile.NamedTemporaryFile(prefix="spinimpute-")  # noqa: SIM115 - closed with the reader
    shutil.copyfileobj(sys.stdin.buffer, spool)
    spool.flush()
    return spool


def _inside(region: Region, block: RecordBlock) -> Iterator[RecordBlock]:
    """The records that begin in the region, if any: an index also gives those that reach into it."""
    pos = block.sites.pos
    begin = int(np.searchsorted(pos, region.start or 0))
    end = int(np.searchsorted(pos, region.end, "right")) if region.end is not None else len(pos)
    if begin < end:
        rows = slice(begin, end)
        yield RecordBlock(block.sites.take(rows), block.alleles[rows], block.phased[rows])


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
