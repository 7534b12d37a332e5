"""Blocks of records, collected from a file and put in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.sites import Sites

MISSING = -1
ABSENT = -2  # in the second place of a haploid genotype
MOST_POSITION = (1 << 31) - 1
_BLOCK_RECORDS, _BLOCK_ALLELES = 1024, 1 << 23
GENOTYPE_RULE = "every record needs genotypes"
_SORT = "sort the file with bcftools sort"


@dataclass(frozen=True)
class RecordBlock:
    """Consecutive records of one chromosome: alleles (R, T) int8 with -1 missing and -2
    absent, phased (R, S).

    Of a panel, absent haplotypes are left out: alleles are (R, N), and haploid (S,) marks whose they are.
    """

    sites: Sites
    alleles: NDArray[np.int8]
    phased: NDArray[np.bool_]
    haploid: NDArray[np.bool_] | None = None

    @cached_property
    def lowest(self) -> int:
        """The lowest allele code, which tells what of missing and absent alleles there may be."""
        return int(self.alleles.min(initial=0))


class Source(Protocol):
    """An open file that gives its records in order."""

    def fill(self, batch: Batch) -> bool:
        """Append records until the batch is full; return False once the file is exhausted."""


class Batch:
    """Records as they come from a file, column by column.

    Of pos (R,), alleles (R, T) and phased (R, S) as many rows are filled as the lists have items.
    """

    def __init__(self, samples: int, capacity: int) -> None:
        self.chroms: list[str] = []
        self.ids: list[str] = []
        self.refs: list[str] = []
        self.alts: list[tuple[str, ...]] = []
        self.pos = np.empty(capacity, np.int64)
        self.alleles = np.empty((capacity, 2 * samples), np.int8)
        self.phased = np.empty((capacity, samples), np.bool_)

    def __len__(self) -> int:
        return len(self.chroms)

    @property
    def room(self) -> int:
        """How many more records fit."""
        return len(self.alleles) - len(self)

    @property
    def last(self) -> tuple[str, int]:
        """Chromosome and position of the last record."""
        return self.chroms[-1], int(self.pos[len(self) - 1])

    def append(
        self, chroms: Sequence[str], ids: Sequence[str], refs: Sequence[str], alts: Sequence[str]
    ) -> None:
        """Append records whose rows are filled, by the text of their columns."""
        self.chroms += chroms
        self.ids += ids
        self.refs += refs
        alleles = {alt: () if alt == "." else tuple(alt.split(",")) for alt in set(alts)}
        self.alts += map(alleles.__getitem__, alts)

    def extend(self, other: Batch, begin: int, end: int) -> None:
        """Append the records of another batch from begin to end, for which there must be room."""
        given, row = slice(begin, end), len(self)
        rows = slice(row, row + end - begin)
        self.chroms += other.chroms[given]
        self.ids += other.ids[given]
        self.refs += other.refs[given]
        self.alts += other.alts[given]
        self.pos[rows], self.alleles[rows] = other.pos[given], other.alleles[given]
        self.phased[rows] = other.phased[given]

    def settled(self) -> int:
        """How many records there are before those of the last position, which may go on."""
        rows = len(self)
        while rows and (self.chroms[rows - 1], self.pos[rows - 1]) == self.last:
            rows -= 1
        return rows

    def rest(self, begin: int, room: int) -> Batch:
        """A new batch with the records from begin on, and room for more."""
        batch = Batch(self.phased.shape[1], len(self) - begin + room)
        batch.extend(self, begin, len(self))
        return batch

    def blocks(self, end: int) -> Iterator[RecordBlock]:
        """Yield the records before end as blocks of one chromosome each."""
        begin = 0
        for chrom, run in groupby(self.chroms[:end]):
            rows = slice(begin, begin + len(list(run)))
            sites = Sites(chrom, self.pos[rows], self.refs[rows], self.alts[rows], self.ids[rows])
            yield RecordBlock(sites, self.alleles[rows], self.phased[rows])
            begin = rows.stop


class RecordOrder:
    """Sees that blocks come in order: positions ascend and a chromosome, once left, stays away."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._left: set[str] = set()
        self._chrom = ""
        self._last = 0

    def check(self, sites: Sites) -> None:
        """Raise SpinImputeError if the next block is out of order."""
        if sites.chrom != self._chrom:
            self._left.add(self._chrom)
            self._chrom, self._last = sites.chrom, 0
            if sites.chrom in self._left:
                raise SpinImputeError(
                    "records of one chromosome must be together",
                    where=f"{self._where} {sites.chrom}:{sites.pos[0]}",
                    found=f"{sites.chrom} again after another chromosome",
                    remedy=_SORT,
                )
        steps = np.diff(sites.pos, prepend=self._last)
        if (steps < 0).any():
            row = int((steps < 0).argmax())
            raise SpinImputeError(
                "records must be sorted by position",
                where=f"{self._where} {sites.chrom}:{sites.pos[row]}",
                found=f"{sites.pos[row]} after {sites.pos[row] - steps[row]}",
                remedy=_SORT,
            )
        self._last = int(sites.pos[-1])


def block_records(samples: int) -> int:
    """How many records to read at a time: their alleles, and what is made of them, take a few bytes each."""
    return min(_BLOCK_RECORDS, max(1, _BLOCK_ALLELES // (2 * samples)))


def in_order(source: Source, where: str, samples: int, max_records: int) -> Iterator[RecordBlock]:
    """Yield a source's records as blocks of one chromosome that never part a position.

    SpinImputeError if records are out of order.
    """
    order = RecordOrder(where)
    batch = Batch(samples, max_records)
    more = True
    while more:
        more = source.fill(batch)
        end = batch.settled() if more else len(batch)
        for block in batch.blocks(end):
            order.check(block.sites)
            yield block
        batch = batch.rest(end, max_records)


def check_unique_names(samples: Sequence[str], where: str) -> None:
    """Raise SpinImputeError if a file names a sample twice."""
    name, times = Counter(samples).most_common(1)[0] if samples else ("", 0)
    if times > 1:
        raise SpinImputeError(
            "sample names must be unique",
            where=where,
            found=f"{name} {times} times",
            remedy="rename one, e.g. with bcftools reheader -s",
        )


def kept_samples(samples: Sequence[str], excluded: Collection[str], where: str) -> list[str]:
    """The samples of a file that are not excluded; SpinImputeError if none is left."""
    kept = [name for name in samples if name not in excluded]
    if not kept:
        found = f"all {len(samples)} excluded" if samples else "none"
        remedy = "exclude fewer" if samples else "give a file with genotypes"
        raise SpinImputeError(
            "the file must have samples with genotypes", where=where, found=found, remedy=remedy
        )
    return kept


def refuse(
    fault: NDArray[np.bool_],
    where: str,
    sites: Sites,
    samples: Sequence[str],
    rule: str,
    found: str = "",
    remedy: str = "",
) -> None:
    """Raise SpinImputeError for the first faulty genotype (R, S), if any, naming record and sample."""
    if fault.any():
        record, sample = divmod(int(fault.argmax()), fault.shape[1])
        place = f"{where} {sites.chrom}:{sites.pos[record]} sample {samples[sample]}"
        raise SpinImputeError(rule, where=place, found=found, remedy=remedy)
