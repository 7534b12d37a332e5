"""Imputed records as arrays of one shape, for formats that are no text."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from spinimpute.dosages import most_probable
from spinimpute.io.records import ABSENT
from spinimpute.io.rows import ImputedBlock, TargetOnlyBlock
from spinimpute.sites import Sites


@dataclass(frozen=True)
class RecordArrays:
    """R records with up to A ALT alleles; what a record does not have is nan.

    codes (R, T) int8 are allele codes, -1 missing and -2 absent, and phased (R, S) says whether their order
    counts. dosages (R, A, T) are ALT doses per haplotype; af, dr2, er2 (R, A); imputed and target_only (R,).
    """

    sites: Sites
    codes: NDArray[np.int8]
    phased: NDArray[np.bool_]
    dosages: NDArray[np.float32]
    af: NDArray[np.float32]
    dr2: NDArray[np.float32]
    er2: NDArray[np.float32]
    imputed: NDArray[np.bool_]
    target_only: NDArray[np.bool_]

    @property
    def ds(self) -> NDArray[np.float32]:
        """(R, A, S) ALT doses; of haploid samples, those of their only haplotype."""
        first, second = self.dosages[:, :, 0::2], self.dosages[:, :, 1::2]
        return first + np.where(self.codes[:, None, 1::2] == ABSENT, np.float32(0), second)

    def take(self, rows: slice) -> RecordArrays:
        """Some of the records."""
        return RecordArrays(self.sites.take(rows), **{name: getattr(self, name)[rows] for name in _COLUMNS})

    @staticmethod
    def of(block: ImputedBlock) -> RecordArrays:
        """The records of a block, target-only ones in their places, the panel's first."""
        found = _imputed(block)
        if block.target_only is None:
            return found
        kept = _kept(block.target_only, found.dosages.shape[1])
        order = np.argsort(np.concatenate([found.sites.pos, kept.sites.pos]), kind="stable")
        joined = {
            name: np.concatenate([getattr(found, name), getattr(kept, name)])[order] for name in _COLUMNS
        }
        return RecordArrays(Sites.concatenate([found.sites, kept.sites]).take(order), **joined)


_COLUMNS = [field.name for field in fields(RecordArrays) if field.name != "sites"]


def _imputed(block: ImputedBlock) -> RecordArrays:
    n, (n_variants, n_haplotypes) = len(block.sites), block.dosages.shape
    counts = np.bincount(block.record, minlength=n)
    place = np.arange(n_variants) - np.repeat(np.cumsum(counts) - counts, counts)
    wide = (n, int(counts.max(initial=0)))
    dosages = np.full((*wide, n_haplotypes), np.nan, np.float32)
    dosages[block.record, place] = block.dosages
    codes = np.where(block.observed >= 0, block.observed, most_probable(np.nan_to_num(dosages)))
    codes[:, ~block.present] = ABSENT
    af, dr2, er2 = np.full((3, *wide), np.nan, np.float32)
    af[block.record, place] = block.sums.af
    dr2[block.record, place] = block.sums.dr2
    er2[block.record, place] = block.er2
    phased = np.ones((n, n_haplotypes // 2), np.bool_)
    nothing = np.zeros(n, np.bool_)
    codes = np.asarray(codes, np.int8)
    return RecordArrays(block.sites, codes, phased, dosages, af, dr2, er2, ~block.typed, nothing)


def _kept(block: TargetOnlyBlock, width: int) -> RecordArrays:
    n, n_haplotypes = block.alleles.shape
    codes = block.alleles.copy()
    if block.haploid is not None:
        codes[:, 1::2][block.haploid] = ABSENT
    phased = np.ones((n, n_haplotypes // 2), np.bool_) if block.unphased is None else ~block.unphased
    dosages = np.full((n, width, n_haplotypes), np.nan, np.float32)
    unknown = np.full((n, width), np.nan, np.float32)
    nothing = np.zeros(n, np.bool_)
    return RecordArrays(
        block.sites, codes, phased, dosages, unknown, unknown, unknown, nothing, np.ones(n, np.bool_)
    )
