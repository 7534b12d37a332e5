"""Ploidy: samples that have one haplotype on a stretch of a chromosome, as men have on X between the
pseudoautosomal regions.

A file may have one such stretch on each chromosome, and its haploid samples are the same all along it.
Readers give a haploid genotype as its allele and ABSENT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spinimpute.io.records import ABSENT, RecordBlock, refuse
from spinimpute.sites import Sites

RULE = "samples must be haploid on one stretch of a chromosome, the same samples all along it"
_REMEDY = "mend them, e.g. with bcftools +fixploidy"
_ALONE = "one allele at this record alone"
# Human X by its length (GRCh37, GRCh38): first and last position between the pseudoautosomal regions.
_HUMAN_X = {155_270_560: (2_699_521, 154_931_043), 156_040_895: (2_781_480, 155_701_382)}
_END = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Haploids:
    """The samples (S,) of a target that are haploid on a chromosome.

    Their records of one allele begin at first and end at last; those of two alleles go up to before, 0 if
    there are none, and begin again at after. Where the whole panel was seen before, its positions in the
    stretch are known: those within any of the runs, each from a first to a last one.
    """

    samples: NDArray[np.bool_]
    first: int
    last: int
    before: int = 0
    after: int = _END
    runs: list[tuple[int, int]] | None = None

    def between(self, length: int | None) -> tuple[int, int]:
        """First and last position of the stretch on a chromosome of a given length.

        Between records of either kind it ends where human X is known to, or else halfway.
        """
        low = 1 if not self.before else (self.before + self.first + 1) // 2
        high = _END if self.after == _END else (self.last + self.after) // 2
        known = _HUMAN_X.get(length or 0)
        if known and self.before < known[0] <= self.first:
            low = known[0]
        if known and self.last <= known[1] < self.after:
            high = known[1]
        return low, high

    def at(self, pos: NDArray[np.int64], length: int | None, panel: bool | None) -> NDArray[np.bool_]:
        """Which positions (R,) lie in the stretch.

        panel tells whether the panel has haploid samples there, None if it had none so far; it decides where
        the target has no records that do.
        """
        if self.runs is not None:
            inside = np.zeros(len(pos), np.bool_)
            for first, last in self.runs:
                inside |= _within(pos, first, last)
            return inside
        low, high = self.between(length) if panel is None else (self.before + 1, self.after - 1)
        inside = _within(pos, low, high)
        return inside if panel is not False else inside & _within(pos, self.first, self.last)


def _within(pos: NDArray[np.int64], first: int, last: int) -> NDArray[np.bool_]:
    return (pos >= first) & (pos <= last)


def find_haploids(
    sites: Sites, alleles: NDArray[np.int8], samples: Sequence[str], where: str
) -> Haploids | None:
    """Who is haploid where among all records of a chromosome, alleles (R, 2 S); None if nobody is.

    SpinImputeError for a sample with two alleles amid records with one. Missing genotypes say nothing.
    """
    one = alleles[:, 1::2] == ABSENT
    haploid = one.any(axis=0)
    if not haploid.any():
        return None
    rows = np.flatnonzero(one.any(axis=1))
    first, last = int(rows[0]), int(rows[-1])
    two = (alleles[:, 1::2] >= 0) | ((alleles[:, 0::2] >= 0) & ~one)
    two &= haploid
    refuse(two[first : last + 1], where, sites.take(slice(first, last + 1)), samples, RULE,
           "two alleles between records of one", _REMEDY)  # fmt: skip
    others = np.flatnonzero(two.any(axis=1))
    low, high = others[others < first], others[others > last]
    if first == last and len(low) and len(high):
        refuse(
            one[first : first + 1], where, sites.take(slice(first, first + 1)), samples, RULE, _ALONE, _REMEDY
        )
    return Haploids(
        samples=haploid,
        first=int(sites.pos[first]),
        last=int(sites.pos[last]),
        before=int(sites.pos[low[-1]]) if len(low) else 0,
        after=int(sites.pos[high[0]]) if len(high) else _END,
    )


def doubled(alleles: NDArray[np.int8]) -> NDArray[np.int8]:
    """The alleles (R, 2 S) with those of haploid genotypes in the place of the absent ones too."""
    second = np.where(alleles[:, 1::2] == ABSENT, alleles[:, 0::2], alleles[:, 1::2])
    return np.stack([alleles[:, 0::2], second], axis=2).reshape(alleles.shape)


@dataclass
class PanelPloidy:
    """Follows a panel, block by block, and leaves out the haplotypes that are absent."""

    where: str
    samples: Sequence[str]
    _chrom: str = ""
    _haploid: NDArray[np.bool_] | None = None
    _over: bool = False
    _diploid_before: bool = False
    _alone: Sites | None = None  # the stretch's record, while it has one only

    def parts(self, block: RecordBlock) -> Iterator[RecordBlock]:
        """Yield runs of records with the same N haplotypes, alleles (R, N); SpinImputeError if other samples
        are haploid than before, or some again after none was.
        """
        if block.sites.chrom != self._chrom:
            self._chrom, self._haploid, self._over = block.sites.chrom, None, False
            self._diploid_before, self._alone = False, None
        if block.lowest != ABSENT:
            self._note_diploid()
            yield block
            return
        one = block.alleles[:, 1::2] == ABSENT
        some = one.any(axis=1)
        bounds = [0, *(np.flatnonzero(np.diff(some)) + 1).tolist(), len(some)]
        for low, high in pairwise(bounds):
            rows = slice(low, high)
            part = RecordBlock(block.sites.take(rows), block.alleles[rows], block.phased[rows])
            if some[low]:
                yield self._without_absent(part, one[rows])
            else:
                self._note_diploid()
                yield part

    def _note_diploid(self) -> None:
        """Diploid records come next: one haploid record between such ones is a mistake."""
        if self._haploid is not None and self._alone and self._diploid_before:
            refuse(self._haploid[None], self.where, self._alone, self.samples, RULE, _ALONE, _REMEDY)
        self._over = self._haploid is not None
        self._diploid_before |= not self._over

    def _without_absent(self, part: RecordBlock, one: NDArray[np.bool_]) -> RecordBlock:
        self._alone = part.sites if self._haploid is None and len(part.sites) == 1 else None
        if self._haploid is None:
            self._haploid = one[0]
        wrong = one if self._over else one != self._haploid
        refuse(wrong, self.where, part.sites, self.samples, RULE,
               "a change of ploidy", _REMEDY)  # fmt: skip
        kept = np.ones(part.alleles.shape[1], np.bool_)
        kept[1::2] = ~self._haploid
        return RecordBlock(
            part.sites, np.ascontiguousarray(part.alleles[:, kept]), part.phased, self._haploid
        )
