"""Which of N haplotypes are marked at V variants: lists of the few where they are few, bits where they are
many.

Files and blocks hold marks by variant; what copies alleles along a haplotype needs them by haplotype. Either
way a haplotype that carries nothing rare costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.bits import count_bits, masked, n_words, trailing_zeros, turn

# A carrier takes four bytes in memory and a bit row N / 8: up to here the list is the shorter.
_SPARSEST = 32


@dataclass(frozen=True)
class VariantMarks:
    """Marks by variant.

    The marked haplotypes of variant v are carriers[starts[v]:starts[v + 1]], ascending, if row[v] is -1, else
    the set bits of packed[row[v]]; packed is (C, ceil(N / 8)) uint8, the first haplotype in the lowest bit.
    carriers are int32, starts (V + 1,) int64, row (V,) int32, in the order of the variants.
    """

    haplotypes: int
    starts: NDArray[np.int64]
    carriers: NDArray[np.int32]
    row: NDArray[np.int32]
    packed: NDArray[np.uint8]

    @staticmethod
    def of(marks: NDArray[np.bool_]) -> VariantMarks:
        """Marks that are given as (V, N)."""
        return VariantMarks.of_bits(np.packbits(marks, axis=1, bitorder="little"), marks.shape[1])

    @staticmethod
    def of_bits(bits: NDArray[np.uint8], haplotypes: int) -> VariantMarks:
        """Marks that are given as (V, ceil(N / 8)), as those of common variants are kept."""
        count = count_bits(bits)
        rare = _SPARSEST * count <= haplotypes
        starts = np.concatenate([[0], np.where(rare, count, 0).cumsum()])
        carriers = np.empty(starts[-1], np.int32)
        _list_bits(bits, starts, carriers)
        return VariantMarks(haplotypes, starts, carriers, packed_rows(rare), bits[~rare])

    @property
    def count(self) -> NDArray[np.int64]:
        """(V,) how many haplotypes are marked."""
        count = np.diff(self.starts)
        count[self.row >= 0] = count_bits(self.packed)
        return count

    def part(self, first: int, last: int) -> VariantMarks:
        """The variants from first to last."""
        starts, row = self.starts[first : last + 1], self.row[first:last]
        above = int(np.count_nonzero(self.row[:first] >= 0))
        packed = self.packed[above : above + int(np.count_nonzero(row >= 0))]
        carriers = self.carriers[starts[0] : starts[-1]]
        return VariantMarks(self.haplotypes, starts - starts[0], carriers, packed_rows(row < 0), packed)

    def take(self, variants: NDArray[np.integer]) -> VariantMarks:
        """Some of the variants, ascending."""
        count = np.diff(self.starts)[variants]
        starts = np.concatenate([[0], count.cumsum()])
        from_ = np.repeat(self.starts[variants] - starts[:-1], count) + np.arange(starts[-1])
        row = self.row[variants]
        packed = self.packed[row[row >= 0]]
        return VariantMarks(self.haplotypes, starts, self.carriers[from_], packed_rows(row < 0), packed)

    def keep(self, kept: NDArray[np.bool_]) -> VariantMarks:
        """The marks on the haplotypes that are set in kept (N,)."""
        place = np.where(kept, kept.cumsum() - 1, -1)[self.carriers]
        stays = place >= 0
        starts = np.concatenate([[0], stays.cumsum()])[self.starts]
        bits = np.unpackbits(self.packed, axis=1, count=self.haplotypes, bitorder="little")[:, kept]
        packed = np.packbits(bits, axis=1, bitorder="little")
        return VariantMarks(int(kept.sum()), starts, place[stays].astype(np.int32), self.row, packed)

    def bits(self) -> NDArray[np.uint8]:
        """All of it as (V, ceil(N / 8)), as common variants are kept."""
        bits = np.zeros((len(self.row), -(-self.haplotypes // 8)), np.uint8)
        bits[self.row >= 0] = self.packed
        _set_bits(self.starts, self.carriers, bits)
        return bits

    def dense(self) -> NDArray[np.uint8]:
        """All of it as a (V, N) matrix of 0 and 1."""
        return np.unpackbits(self.bits(), axis=1, count=self.haplotypes, bitorder="little")


def packed_rows(rare: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number the variants (V,) that are not rare; -1 for the others."""
    return np.where(rare, -1, (~rare).cumsum() - 1).astype(np.int32)


def invert(bits: NDArray[np.uint8], rows: NDArray[np.bool_], haplotypes: int) -> None:
    """Invert some rows of bits (V, ceil(N / 8)), but for those beyond the last haplotype."""
    bits[rows] ^= np.packbits(np.ones(haplotypes, np.bool_), bitorder="little")


class HaplotypeMarks(NamedTuple):
    """Marks by haplotype, as compiled kernels take them.

    Haplotype n is marked at the variants rare[starts[n]:starts[n + 1]], ascending, and at common[c] for the
    set bits c of words[n]: starts (N + 1,) int64, rare int32, words (N, ceil(C / 64)) uint64, common (C,)
    int32, ascending.
    """

    starts: NDArray[np.int64]
    rare: NDArray[np.int32]
    words: NDArray[np.uint64]
    common: NDArray[np.int32]

    @staticmethod
    def join(parts: Sequence[VariantMarks]) -> HaplotypeMarks:
        """The marks of all parts, whose variants follow each other, turned around."""
        first = np.cumsum([0, *(len(part.row) for part in parts)])
        held = [np.flatnonzero(part.row >= 0) + v for part, v in zip(parts, first, strict=False)]
        common = np.concatenate(held).astype(np.int32)
        n = parts[0].haplotypes
        starts = np.zeros(n + 1, np.int64)
        for part in parts:
            _count(part.carriers, starts)
        np.cumsum(starts, out=starts)
        rare, words = np.empty(starts[-1], np.int32), np.zeros((n, n_words(len(common))), np.uint64)
        free = starts[:-1].copy()
        done = 0
        for part, v in zip(parts, first.tolist(), strict=False):
            _list(part.starts, part.carriers, v, free, rare)
            turn(part.packed, done, words)
            done += len(part.packed)
        return HaplotypeMarks(starts, rare, words, common)

    @staticmethod
    def of(marks: NDArray[np.bool_]) -> HaplotypeMarks:
        """Marks that are given as (V, N)."""
        return HaplotypeMarks.join([VariantMarks.of(marks)])

    def dense(self, n_variants: int) -> NDArray[np.uint8]:
        """All of it as a (V, N) matrix of 0 and 1."""
        n = len(self.words)
        dense = np.zeros((n_variants, n), np.uint8)
        dense[self.rare, np.repeat(np.arange(n), np.diff(self.starts))] = 1
        bits = np.unpackbits(self.words.view(np.uint8), axis=1, bitorder="little")
        dense[self.common] = bits[:, : len(self.common)].T
        return dense


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _list_bits(bits: NDArray[np.uint8], starts: NDArray[np.int64], carriers: NDArray[np.int32]) -> None:
    """List the set bits of the rows (V, bytes) that have a place in carriers."""
    for v in range(bits.shape[0]):
        at = starts[v]
        if at == starts[v + 1]:
            continue
        for byte in range(bits.shape[1]):
            left = np.uint64(bits[v, byte])
            while left != 0:
                carriers[at] = 8 * byte + trailing_zeros(left)
                at += 1
                left &= left - np.uint64(1)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _set_bits(starts: NDArray[np.int64], carriers: NDArray[np.int32], bits: NDArray[np.uint8]) -> None:
    """Set the bits (V, bytes) of the haplotypes that are listed."""
    for v in range(bits.shape[0]):
        for i in range(starts[v], starts[v + 1]):
            bits[v, carriers[i] >> 3] |= np.uint8(1) << np.uint8(carriers[i] & 7)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count(carriers: NDArray[np.int32], counts: NDArray[np.int64]) -> None:
    """Count the marks of haplotype n in counts[n + 1]."""
    for i in range(carriers.shape[0]):
        counts[carriers[i] + 1] += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _list(
    starts: NDArray[np.int64],
    carriers: NDArray[np.int32],
    first: int,
    free: NDArray[np.int64],
    rare: NDArray[np.int32],
) -> None:
    """Append variants, numbered from first on, to the lists of their haplotypes; free (N,) are their ends."""
    for v in range(starts.shape[0] - 1):
        for i in range(starts[v], starts[v + 1]):
            rare[free[carriers[i]]] = first + v
            free[carriers[i]] += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def skip_before(rare: NDArray[np.int32], at: int, end: int, variant: int) -> int:
    """Go on in rare, ascending, from place `at` to a variant that is not before the given one, or to end."""
    while at < end and rare[at] < variant:
        at += 1
    return at


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def skip_far(rare: NDArray[np.int32], at: int, end: int, variant: int) -> int:
    """As skip_before, for a variant that may be far: bisect."""
    while at < end:
        middle = (at + end) >> 1
        if rare[middle] < variant:
            at = middle + 1
        else:
            end = middle
    return at


# Inlined, as a call with so many arrays takes longer than what is done.
@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def list_carried(
    marks: HaplotypeMarks,
    haplotype: int,
    reached: int,
    bounds: NDArray[np.int64],
    common: NDArray[np.int64],
    carried: NDArray[np.int32],
) -> tuple[int, int]:
    """List the variants within bounds (2,), given among all and among common ones, at which a haplotype is
    marked, rare ones first.

    `reached` is a place in its list of rare variants, not beyond the bounds' first; return the place of that,
    and how many are listed.
    """
    rare, n, last = marks.rare, 0, marks.starts[haplotype + 1]
    first = skip_before(rare, reached, last, bounds[0])
    at = first
    while at < last and rare[at] < bounds[1]:
        carried[n] = rare[at]
        n += 1
        at += 1
    if common[0] < common[1]:
        for w in range(common[0] >> 6, ((common[1] - 1) >> 6) + 1):
            word = masked(marks.words[haplotype, w], w, common[0], common[1])
            while word != 0:
                carried[n] = marks.common[(w << 6) + trailing_zeros(word)]
                n += 1
                word &= word - np.uint64(1)
    return first, n
