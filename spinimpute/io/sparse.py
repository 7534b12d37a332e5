"""Records as marks on the few haplotypes that differ, instead of an allele for each haplotype."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.bits import count_bits
from spinimpute.io.records import RecordBlock
from spinimpute.marks import VariantMarks, invert
from spinimpute.sites import Sites


@dataclass(frozen=True)
class SparseBlock:
    """Consecutive complete, phased records of one chromosome as V variants (ALT alleles) on N haplotypes.

    A mark stands for what is rarer: a marked haplotype carries the ALT, or lacks it where
    flip (V,) is set. haploid (S,) marks the samples that have one haplotype, None if there are none.
    """

    sites: Sites
    flip: NDArray[np.bool_]
    marks: VariantMarks
    haploid: NDArray[np.bool_] | None = None

    @staticmethod
    def from_block(block: RecordBlock) -> SparseBlock:
        """Sparse form of a block without missing alleles."""
        record, allele = variant_alleles(block.sites)
        n = block.alleles.shape[1]
        one_each = np.array_equal(record, np.arange(len(block.sites)))
        marks = block.alleles.view(np.bool_) if one_each else block.alleles[record] == allele[:, None]
        bits = np.packbits(marks, axis=1, bitorder="little")
        flip = 2 * count_bits(bits) > n
        invert(bits, flip, n)
        return SparseBlock(block.sites, flip, VariantMarks.of_bits(bits, n), block.haploid)

    def dense(self) -> RecordBlock:
        """The block with all alleles (R, N), all of them phased."""
        record, allele = variant_alleles(self.sites)
        base = np.zeros(len(self.sites), np.int8)
        base[record[self.flip]] = allele[self.flip]
        # At most one ALT is carried by more than half: it is unmarked first, then others take their places.
        order = np.argsort(~self.flip, kind="stable")
        value = np.where(self.flip, np.int8(0), allele)
        marks = self.marks
        alleles = np.empty((len(self.sites), marks.haplotypes), np.int8)
        _spread(alleles, base, order, record, value, marks.starts, marks.carriers, marks.row, marks.packed)
        samples = marks.haplotypes // 2 if self.haploid is None else len(self.haploid)
        phased = np.broadcast_to(np.True_, (len(self.sites), samples))
        return RecordBlock(self.sites, alleles, phased, self.haploid)

    def records(self, begin: int, end: int) -> SparseBlock:
        """The records from begin to end."""
        if (begin, end) == (0, len(self.sites)):
            return self
        first, last = np.searchsorted(self.sites.record(), [begin, end])
        sites = self.sites.take(slice(begin, end))
        return SparseBlock(sites, self.flip[first:last], self.marks.part(int(first), int(last)), self.haploid)

    def choose(self, kept: NDArray[np.bool_]) -> SparseBlock:
        """The records that are set in kept (R,)."""
        variants = np.flatnonzero(kept[self.sites.record()])
        return SparseBlock(
            self.sites.take(kept), self.flip[variants], self.marks.take(variants), self.haploid
        )

    def keep(self, kept: NDArray[np.bool_]) -> SparseBlock:
        """The block on the samples that are set in kept (S,), as if there had never been others."""
        haplotypes, haploid = np.repeat(kept, 2), self.haploid
        if haploid is not None:
            present = np.ones(len(haplotypes), np.bool_)
            present[1::2] = ~haploid
            haplotypes = haplotypes[present]
            haploid = haploid[kept] if haploid[kept].any() else None
        marks = self.marks.keep(haplotypes)
        n, count = marks.haplotypes, marks.count
        flip = 2 * np.where(self.flip, n - count, count) > n
        bits = marks.bits()
        invert(bits, flip != self.flip, n)
        return SparseBlock(self.sites, flip, VariantMarks.of_bits(bits, n), haploid)


def variant_alleles(sites: Sites) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """The record of each variant (V,) and which of its ALTs it is (V,), from 1."""
    record = sites.record()
    allele = np.arange(len(record)) - np.searchsorted(record, record) + 1
    return record, allele.astype(np.int8)


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
