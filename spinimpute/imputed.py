"""What a window came to, and its records with doses, ready for writing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.io.rows import ImputedBlock, LeftOutBlock
from spinimpute.marks import skip_far
from spinimpute.panel import TypedRecords, Variants
from spinimpute.sites import Sites

# Doses wait for their targets' fellows as multiples of one part in so many, in half the memory of float32.
DOSE_TICKS = 65_535
# What is made ready for writing at a time: doses, text and sums take some tens of bytes for each dose.
PIECE_RECORDS, PIECE_DOSES = 1024, 1 << 20


@dataclass(frozen=True)
class Doses:
    """Doses of the allele that is rarer in the panel: those of target t are ticks[starts[t]:starts[t + 1]] at
    variant[...], ascending, and others (V,) at all other variants.

    Few haplotypes may carry any one variant, so this is several times less than all doses. starts (T + 1,)
    int64, variant int32; ticks and others are uint16, in DOSE_TICKS.
    """

    others: NDArray[np.uint16]
    starts: NDArray[np.int64]
    variant: NDArray[np.int32]
    ticks: NDArray[np.uint16]

    @staticmethod
    def join(parts: Sequence[Doses]) -> Doses:
        """The doses of several lots of targets at the same variants."""
        ends = np.cumsum([part.starts[-1] for part in parts])
        starts = [part.starts[1:] + end - part.starts[-1] for part, end in zip(parts, ends, strict=True)]
        return Doses(
            parts[0].others,
            np.concatenate([parts[0].starts[:1], *starts]),
            np.concatenate([part.variant for part in parts]),
            np.concatenate([part.ticks for part in parts]),
        )

    def dense(self, first: int, last: int) -> NDArray[np.float32]:
        """Return the doses (V, T) at the variants from first to last, from 0 to 1."""
        n_targets = len(self.starts) - 1
        others = self.others[first:last].astype(np.float32) / np.float32(DOSE_TICKS)
        dense = np.repeat(others[:, None], n_targets, axis=1)
        _spread(self.starts, self.variant, self.ticks, first, last, dense)
        return dense


class DoseList:
    """Collects the doses of one target after another in two arrays that grow.

    An array for each target, made while others come and go, would leave memory in pieces.
    """

    def __init__(self) -> None:
        self._starts = [0]
        self._variant = np.empty(0, np.int32)
        self._ticks = np.empty(0, np.uint16)

    def add(self, counts: NDArray[np.int64], variant: NDArray[np.int32], ticks: NDArray[np.uint16]) -> None:
        """Append targets with counts (T,) of doses each, and their doses (Q,)."""
        low = self._starts[-1]
        high = low + len(variant)
        if high > len(self._variant):
            # Large arrays grow where they are, or are mapped elsewhere without being copied.
            size = high + high // 4
            self._variant.resize(size, refcheck=False)
            self._ticks.resize(size, refcheck=False)
        self._variant[low:high] = variant
        self._ticks[low:high] = ticks
        self._starts += (low + counts.cumsum()).tolist()

    def doses(self, others: NDArray[np.uint16]) -> Doses:
        """All that was added, with the doses (V,) at all other variants."""
        n = self._starts[-1]
        return Doses(others, np.array(self._starts), self._variant[:n], self._ticks[:n])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _spread(
    starts: NDArray[np.int64],
    variant: NDArray[np.int32],
    ticks: NDArray[np.uint16],
    first: int,
    last: int,
    dense: NDArray[np.float32],
) -> None:
    """Fill in the doses that are listed for the variants from first to last."""
    for t in range(starts.shape[0] - 1):
        low = skip_far(variant, starts[t], starts[t + 1], first)
        while low < starts[t + 1] and variant[low] < last:
            dense[variant[low] - first, t] = np.float32(ticks[low]) / np.float32(DOSE_TICKS)
            low += 1


@dataclass(frozen=True)
class LeftOut:
    """What typed variants would be imputed as if their own alleles were not known: agreement (M, T), in
    DOSE_TICKS, is the probability of the observed allele at each variant (M,), which are ascending.
    """

    variant: NDArray[np.int64]
    agreement: NDArray[np.uint16]

    @staticmethod
    def join(parts: Sequence[LeftOut]) -> LeftOut | None:
        """That of several lots of targets; None if there is none."""
        agreement = [part.agreement for part in parts]
        return LeftOut(parts[0].variant, np.concatenate(agreement, axis=1)) if parts else None

    def block(self, first: int, last: int, alt: NDArray[np.float32], seen: NDArray[np.bool_]) -> LeftOutBlock:
        """The doses of the variants from first to last, at which alt (V, T) is observed where it was seen."""
        low, high = np.searchsorted(self.variant, [first, last])
        rows = self.variant[low:high] - first
        agreement = self.agreement[low:high].astype(np.float32) / np.float32(DOSE_TICKS)
        return LeftOutBlock(rows, np.where(alt[rows] > 0, agreement, 1 - agreement), alt[rows], seen[rows])


@dataclass(frozen=True)
class ImputedWindow:
    """What a window came to, with what of the window is written."""

    sites: Sites
    core: Variants
    target: TypedRecords
    rarer: Doses
    left_out: LeftOut | None = None

    @staticmethod
    def join(parts: Sequence[ImputedWindow]) -> ImputedWindow:
        """One window of several lots of targets."""
        return ImputedWindow(
            parts[0].sites,
            parts[0].core,
            TypedRecords.beside([part.target for part in parts]),
            Doses.join([part.rarer for part in parts]),
            LeftOut.join([part.left_out for part in parts if part.left_out]),
        )

    def blocks(self, size: int = PIECE_RECORDS) -> Iterator[ImputedBlock]:
        """Yield the core's records with the doses of their ALT alleles, some at a time.

        Observed alleles come back as exactly 0 or 1.
        """
        size = max(1, min(size, PIECE_DOSES // self.target.observed.shape[1]))
        for low in range(0, len(self.sites), size):
            rows = slice(low, low + size)
            first, last = np.searchsorted(self.core.record, [low, low + size])
            record = self.core.record[first:last] - low
            target = self.target.take(rows)
            observed = target.dense()
            dosages = self._alt_doses(first, last, observed[record])
            seen = observed[record] >= 0
            left_out = self.left_out.block(first, last, dosages, seen) if self.left_out else None
            yield ImputedBlock(
                self.sites.take(rows),
                record,
                dosages,
                observed,
                target.typed,
                haploid=target.haploid,
                left_out=left_out,
            )

    def _alt_doses(self, first: int, last: int, observed: NDArray[np.int8]) -> NDArray[np.float32]:
        """Return (V, T) of some variants, at which alleles are observed (V, T) or -1."""
        alt = self.rarer.dense(first, last)
        flipped = self.core.flip[first:last]
        alt[flipped] = 1 - alt[flipped]
        np.copyto(alt, observed == self.core.allele[first:last, None], where=observed >= 0)
        return alt


def to_ticks(dose: NDArray[np.floating[Any]] | float) -> NDArray[np.uint16]:
    """Return doses, from 0 to 1, in DOSE_TICKS."""
    return np.rint(np.multiply(dose, DOSE_TICKS)).astype(np.uint16)
