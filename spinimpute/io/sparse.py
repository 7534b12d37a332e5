"""Records as marks on the few haplotypes that differ, instead of an allele for each haplotype."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.io.records import RecordBlock
from spinimpute.sites import Sites

# A carrier takes four bytes in memory and a bit row N / 8: up to here the list is the shorter.
_SPARSEST = 32


@dataclass(frozen=True)
class SparseBlock:
    """Consecutive complete, phased records of one chromosome as V variants (ALT alleles) on N haplotypes.

    A mark stands for what is rarer in the whole panel: a marked haplotype carries the ALT, or lacks it where
    flip (V,) is set. The marked haplotypes of variant v are carriers[starts[v]:starts[v + 1]], ascending, if
    row[v] is -1, else the set bits of packed[row[v]]; packed is (C, ceil(N / 8)) uint8, the first haplotype
    in the lowest bit. carriers are int32, starts (V + 1,) int64, row (V,) int32.
    """

    sites: Sites
    haplotypes: int
    flip: NDArray[np.bool_]
    starts: NDArray[np.int64]
    carriers: NDArray[np.int32]
    row: NDArray[np.int32]
    packed: NDArray[np.uint8]

    @staticmethod
    def from_block(block: RecordBlock) -> SparseBlock:
        """Sparse form of a block without missing alleles."""
        record, allele = variant_alleles(block.sites)
        n = block.alleles.shape[1]
        marks = block.alleles[record] == allele[:, None]
        count = marks.sum(axis=1, dtype=np.int64)
        flip = 2 * count > n
        marks ^= flip[:, None]
        count = np.minimum(count, n - count)
        rare = _SPARSEST * count <= n
        starts = np.concatenate([[0], np.where(rare, count, 0).cumsum()])
        carriers = np.nonzero(marks[rare])[1].astype(np.int32)
        packed = np.packbits(marks[~rare], axis=1, bitorder="little")
        return SparseBlock(block.sites, n, flip, starts, carriers, packed_rows(rare), packed)

    def dense(self) -> RecordBlock:
        """The block with all alleles (R, N), all of them phased."""
        record, allele = variant_alleles(self.sites)
        base = np.zeros(len(self.sites), np.int8)
        base[record[self.flip]] = allele[self.flip]
        # At most one ALT is carried by more than half: it is unmarked first, then others take their places.
        order = np.argsort(~self.flip, kind="stable")
        value = np.where(self.flip, np.int8(0), allele)
        alleles = np.empty((len(self.sites), self.haplotypes), np.int8)
        _spread(alleles, base, order, record, value, self.starts, self.carriers, self.row, self.packed)
        phased = np.broadcast_to(np.True_, (len(self.sites), self.haplotypes // 2))
        return RecordBlock(self.sites, alleles, phased)

    def records(self, begin: int, end: int) -> SparseBlock:
        """The records from begin to end."""
        if (begin, end) == (0, len(self.sites)):
            return self
        first, last = np.searchsorted(self.sites.record(), [begin, end])
        starts = self.starts[first : last + 1]
        row = self.row[first:last]
        kept = row[row >= 0]
        return SparseBlock(
            self.sites.take(slice(begin, end)),
            self.haplotypes,
            self.flip[first:last],
            starts - starts[0],
            self.carriers[starts[0] : starts[-1]],
            packed_rows(row < 0),
            self.packed[kept[0] : kept[-1] + 1] if len(kept) else self.packed[:0],
        )

    def keep(self, kept: NDArray[np.bool_]) -> SparseBlock:
        """The block on the haplotypes marked in kept (N,)."""
        place = np.where(kept, kept.cumsum() - 1, -1)[self.carriers]
        stays = place >= 0
        starts = np.concatenate([[0], stays.cumsum()])[self.starts]
        bits = np.unpackbits(self.packed, axis=1, count=self.haplotypes, bitorder="little")[:, kept]
        packed = np.packbits(bits, axis=1, bitorder="little")
        carriers = place[stays].astype(np.int32)
        return SparseBlock(self.sites, int(kept.sum()), self.flip, starts, carriers, self.row, packed)


def variant_alleles(sites: Sites) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """The record of each variant (V,) and which of its ALTs it is (V,), from 1."""
    record = sites.record()
    allele = np.arange(len(record)) - np.searchsorted(record, record) + 1
    return record, allele.astype(np.int8)


def packed_rows(rare: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number the variants (V,) that are not rare; -1 for the others."""
    return np.where(rare, -1, (~rare).cumsum() - 1).astype(np.int32)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _select(alleles: NDArray[np.int8], bits: NDArray[np.uint8], code: int) -> None:
    """Give code to the haplotypes (N,) whose bit is set; by masks, as branches on common alleles are slow."""
    whole = len(alleles) >> 3
    for k in range(whole):
        for j in range(8):
            mask = -np.int8(bits[k] >> np.uint8(j) & np.uint8(1))
            alleles[8 * k + j] ^= (alleles[8 * k + j] ^ code) & mask
    for h in range(8 * whole, len(alleles)):
        if bits[whole] >> np.uint8(h & 7) & np.uint8(1):
            alleles[h] = code


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _spread(
    alleles: NDArray[np.int8],
    base: NDArray[np.int8],
    order: NDArray[np.int64],
    record: NDArray[np.int32],
    value: NDArray[np.int8],
    starts: NDArray[np.int64],
    carriers: NDArray[np.int32],
    row: NDArray[np.int32],
    packed: NDArray[np.uint8],
) -> None:
    """Fill alleles (R, N) with base (R,), then give each variant's marked haplotypes its value, in order."""
    n = alleles.shape[1]
    for r in range(alleles.shape[0]):
        for h in range(n):
            alleles[r, h] = base[r]
    for v in order:
        r, code = record[v], value[v]
        if row[v] < 0:
            for i in range(starts[v], starts[v + 1]):
                alleles[r, carriers[i]] = code
        else:
            _select(alleles[r], packed[row[v]], code)
