"""The reference panel brought together with the target, one block of records at a time.

A record with several ALT alleles becomes as many variants. Marks stand for the allele that is rarer in the
panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinimpute.io.sparse import SparseBlock, variant_alleles
from spinimpute.marks import VariantMarks, invert
from spinimpute.sites import Sites


@dataclass(frozen=True)
class TypedRecords:
    """Which of R records the target was typed at: typed (R,) bool, and observed (R', T) int8 at those R' the
    target's alleles in the panel's coding, -1 missing. haploid (S,) marks the samples that are haploid there.
    """

    typed: NDArray[np.bool_]
    observed: NDArray[np.int8]
    haploid: NDArray[np.bool_] | None = None

    def take(self, records: slice) -> TypedRecords:
        """Return those of consecutive records."""
        before, within = (int(self.typed[part].sum()) for part in (slice(records.start), records))
        return TypedRecords(self.typed[records], self.observed[before : before + within], self.haploid)

    def dense(self) -> NDArray[np.int8]:
        """Return (R, T) alleles, -1 also where a record was not typed."""
        alleles = np.full((len(self.typed), self.observed.shape[1]), -1, np.int8)
        alleles[self.typed] = self.observed
        return alleles

    @staticmethod
    def beside(parts: Sequence[TypedRecords]) -> TypedRecords:
        """Join several lots of targets at the same records."""
        haploid = [part.haploid for part in parts if part.haploid is not None]
        return TypedRecords(
            parts[0].typed,
            np.concatenate([part.observed for part in parts], axis=1),
            np.concatenate(haploid) if haploid else None,
        )

    @staticmethod
    def concatenate(parts: Sequence[TypedRecords]) -> TypedRecords:
        """Join the records of consecutive blocks of the same ploidy."""
        return TypedRecords(
            np.concatenate([part.typed for part in parts]),
            np.concatenate([part.observed for part in parts]),
            parts[0].haploid,
        )


@dataclass(frozen=True)
class Variants:
    """V variants in map order: record, allele, cm, log_odds and flip (V,).

    allele is the ALT number from 1; log_odds are those of the marked allele in the panel; flip tells where
    the marked allele is not the ALT.
    """

    record: NDArray[np.int32]
    allele: NDArray[np.int8]
    cm: NDArray[np.float64]
    log_odds: NDArray[np.float32]
    flip: NDArray[np.bool_]

    def part(self, first: int, last: int, record: int) -> Variants:
        """The variants from first to last, with their records counted from the given one."""
        part = slice(first, last)
        return Variants(
            self.record[part] - np.int32(record),
            self.allele[part],
            self.cm[part],
            self.log_odds[part],
            self.flip[part],
        )

    @staticmethod
    def concatenate(parts: Sequence[Variants]) -> Variants:
        """Join parts, whose records are counted as those of the whole."""
        return Variants(
            np.concatenate([part.record for part in parts]),
            np.concatenate([part.allele for part in parts]),
            np.concatenate([part.cm for part in parts]),
            np.concatenate([part.log_odds for part in parts]),
            np.concatenate([part.flip for part in parts]),
        )


@dataclass(frozen=True)
class PanelBlock:
    """Records of a panel, with marks on who carries the rarer alleles and the target's alleles at them.

    cm (R,) map position; typed_cm (M,), typed_bits (M, ceil(N / 8)) and typed_target (M, T) int8 hold the
    typed variants that tell panel haplotypes apart, in bits as `TypedWindow` has them; typed_variant (M,)
    says which of the variants they are.
    """

    sites: Sites
    cm: NDArray[np.float64]
    variants: Variants
    marks: VariantMarks
    target: TypedRecords
    typed_cm: NDArray[np.float64]
    typed_bits: NDArray[np.uint8]
    typed_target: NDArray[np.int8]
    typed_variant: NDArray[np.int64]


def align_block(block: SparseBlock, cm: NDArray[np.float64], target: TypedRecords) -> PanelBlock:
    """Bring a block of a panel, whose records lie at map positions cm (R,), together with the target."""
    record, allele = variant_alleles(block.sites)
    n, marked = block.marks.haplotypes, block.marks.count
    typed = target.typed[record] & (marked > 0)
    seen = target.observed[np.cumsum(target.typed)[record[typed]] - 1]
    bits = block.marks.take(np.flatnonzero(typed)).bits()
    invert(bits, block.flip[typed], n)
    log_odds = np.log((marked + 0.5) / (n - marked + 0.5)).astype(np.float32)
    return PanelBlock(
        sites=block.sites,
        cm=cm,
        variants=Variants(record, allele, cm[record], log_odds, block.flip),
        marks=block.marks,
        target=target,
        typed_cm=cm[record[typed]],
        typed_bits=bits,
        typed_target=np.where(seen < 0, np.int8(-1), seen == allele[typed][:, None]).astype(np.int8),
        typed_variant=np.flatnonzero(typed),
    )
