"""The reference panel as bit-packed haplotypes, one block of records at a time.

A record with several ALT alleles becomes as many variants; within a block each variant has a slot, a bit of
the packed words. Bits mark the allele that is rarer in the panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinimpute.bits import WORD, n_words, pack
from spinimpute.io.vcf import RecordBlock
from spinimpute.sites import Sites


@dataclass(frozen=True)
class TypedRecords:
    """Which of R records the target was typed at: typed (R,) bool, and observed (R', T) int8 at those R' the
    target's alleles in the panel's coding, -1 missing.
    """

    typed: NDArray[np.bool_]
    observed: NDArray[np.int8]

    def take(self, records: slice) -> TypedRecords:
        """Return those of consecutive records."""
        before, within = (int(self.typed[part].sum()) for part in (slice(records.start), records))
        return TypedRecords(self.typed[records], self.observed[before : before + within])

    def dense(self) -> NDArray[np.int8]:
        """Return (R, T) alleles, -1 also where a record was not typed."""
        alleles = np.full((len(self.typed), self.observed.shape[1]), -1, np.int8)
        alleles[self.typed] = self.observed
        return alleles

    @staticmethod
    def concatenate(parts: Sequence[TypedRecords]) -> TypedRecords:
        """Join the records of consecutive blocks."""
        return TypedRecords(
            np.concatenate([part.typed for part in parts]), np.concatenate([part.observed for part in parts])
        )


@dataclass(frozen=True)
class PackedVariants:
    """V variants over some slots: record, allele and slot (V,); words (N, W); cm, log_odds and flip (64 W,)
    by slot.

    allele is the ALT number from 1; log_odds are those of the marked allele in the panel; flip tells where
    the marked allele is not the ALT. Slots without a variant repeat the map position before them.
    """

    record: NDArray[np.int32]
    allele: NDArray[np.int8]
    slot: NDArray[np.int64]
    words: NDArray[np.uint64]
    cm: NDArray[np.float64]
    log_odds: NDArray[np.float32]
    flip: NDArray[np.bool_]


@dataclass(frozen=True)
class PanelBlock:
    """Records of a panel, packed, with the target's alleles at them.

    cm (R,) map position; typed_cm (M,), typed_panel (M, N) uint8 and typed_target (M, T) int8 hold, unpacked,
    the typed variants that tell panel haplotypes apart.
    """

    sites: Sites
    cm: NDArray[np.float64]
    variants: PackedVariants
    target: TypedRecords
    typed_cm: NDArray[np.float64]
    typed_panel: NDArray[np.uint8]
    typed_target: NDArray[np.int8]


def _carriers(block: RecordBlock, record: NDArray[np.int32], allele: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Return (V, N), 1 where a haplotype carries the variant's ALT allele."""
    if len(record) == len(block.sites) and not (block.alleles > 1).any():
        return block.alleles.view(np.uint8)
    carries: NDArray[np.bool_] = block.alleles[record] == allele[:, None]
    return carries.view(np.uint8)


def pack_block(block: RecordBlock, cm: NDArray[np.float64], target: TypedRecords) -> PanelBlock:
    """Pack a complete block of a panel whose records lie at map positions cm (R,)."""
    record = block.sites.record()
    first = np.searchsorted(record, record)
    allele = (np.arange(len(record)) - first + 1).astype(np.int8)
    carries = _carriers(block, record, allele)
    n = carries.shape[1]
    count = carries.sum(axis=1, dtype=np.int64)
    marked = np.minimum(count, n - count)
    n_slots = n_words(len(record)) * WORD
    by_slot = np.minimum(np.arange(n_slots), len(record) - 1)
    flip = (2 * count > n)[by_slot]
    words = pack(carries)
    words ^= pack(np.where(np.arange(n_slots) < len(record), flip, False).astype(np.uint8)[:, None])
    typed = target.typed[record] & (marked > 0)
    seen = target.observed[np.cumsum(target.typed)[record[typed]] - 1]
    variants = PackedVariants(
        record=record,
        allele=allele,
        slot=np.arange(len(record)),
        words=words,
        cm=cm[record][by_slot],
        log_odds=np.log((marked + 0.5) / (n - marked + 0.5)).astype(np.float32)[by_slot],
        flip=flip,
    )
    return PanelBlock(
        sites=block.sites,
        cm=cm,
        variants=variants,
        target=target,
        typed_cm=cm[record[typed]],
        typed_panel=np.ascontiguousarray(carries[typed]),
        typed_target=np.where(seen < 0, np.int8(-1), seen == allele[typed][:, None]).astype(np.int8),
    )
