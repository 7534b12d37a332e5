"""Sums over compared variants, from which every measure follows; memory does not grow with the variants."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spinimpute.evaluation.comparison import Compared
from spinimpute.evaluation.measures import (
    CODES,
    DOSE_EDGES,
    ESTIMATE_EDGES,
    MIN_MINOR,
    MOMENTS,
    bin_sums,
    bins_of,
    maf_bins,
    moments,
    r2,
    variant_r2,
)
from spinimpute.evaluation.variants import KINDS

STEP = 20_000  # bp that are summed up together along a chromosome
DENSITY = 25  # cells on each side of the plot of estimated against true r2
_DOSES = len(DOSE_EDGES) - 1
_CELLS = np.linspace(0, 1, DENSITY + 1)


@dataclass
class EstimateSums:
    """The file's estimate of r2 (x) against the true one (y), over variants where both are known."""

    moments: NDArray[np.float64] = field(default_factory=lambda: np.zeros(MOMENTS))
    bins: NDArray[np.float64] = field(default_factory=lambda: np.zeros((len(ESTIMATE_EDGES) - 1, 3)))
    cells: NDArray[np.int64] = field(default_factory=lambda: np.zeros((DENSITY, DENSITY), np.int64))

    @property
    def correlation(self) -> float:
        """Pearson's r of both; nan where undefined."""
        n, x, y, _, _, xy = self.moments
        return float(np.copysign(np.sqrt(r2(self.moments)), n * xy - x * y))

    def add(self, estimated: NDArray[np.float64], true: NDArray[np.float64]) -> None:
        """Add variants (V,)."""
        known = np.isfinite(estimated) & np.isfinite(true)
        x, y = estimated[known], true[known]
        self.moments += moments(x, y, axis=0)
        self.bins += bin_sums(bins_of(x, ESTIMATE_EDGES), len(self.bins), x, y)
        cells = bins_of(x, _CELLS) * DENSITY + bins_of(y, _CELLS)
        self.cells += np.bincount(cells, minlength=DENSITY**2).reshape(DENSITY, DENSITY)


@dataclass(frozen=True)
class VariantSums:
    """Of each variant of a block: moments (V, 6) of estimated and true dose, calls (V, 9) by both counts."""

    moments: NDArray[np.float64]
    calls: NDArray[np.int64]


class Tally:
    """Sums by group of variants and by sample.

    Axes: B + 1 MAF bins, the last for variants outside of all; K types of variant; S samples; D bins of dose;
    C pairs of true and called ALT count.
    """

    def __init__(self, samples: int, edges: tuple[float, ...]) -> None:
        groups = len(edges), len(KINDS)
        self.edges = edges
        self.variants = np.zeros(groups, np.int64)
        self.variant_r2 = np.zeros((*groups, 2))  # variants of which it is defined, and its sum
        self.moments = np.zeros((*groups, MOMENTS))
        self.calls = np.zeros((*groups, CODES), np.int64)
        self.calibration = np.zeros((*groups, _DOSES, 3))
        self.sample_moments = np.zeros((samples, MOMENTS))
        self.sample_calls = np.zeros((samples, CODES), np.int64)
        self.sample_calibration = np.zeros((samples, _DOSES, 3))
        self.estimates = EstimateSums()
        self.along: dict[str, NDArray[np.float64]] = {}  # (W, 6) moments of each STEP

    def add(self, block: Compared) -> VariantSums:
        """Add the variants of a block; return the sums of each."""
        each = moments(block.dosages, block.true, axis=1)
        calls = call_counts(block.true.T, block.calls.T)
        bins = maf_bins(block.frequency, self.edges) % len(self.edges)  # from -1 to the last
        groups = bins * len(KINDS) + block.variants.kinds
        self._add_groups(groups, each, calls)
        self.sample_moments += moments(block.dosages, block.true, axis=0)
        self.sample_calls += call_counts(block.true, block.calls)
        self._add_calibration(groups, block)
        self.estimates.add(block.estimated, variant_r2(each, MIN_MINOR))
        add_along(self.along, block.chrom, block.variants.pos, each)
        return VariantSums(each, calls)

    def _add_groups(
        self, groups: NDArray[np.intp], each: NDArray[np.float64], calls: NDArray[np.int64]
    ) -> None:
        single = variant_r2(each)
        defined = np.isfinite(single)
        np.add.at(self.variants.reshape(-1), groups, 1)
        np.add.at(self.variant_r2.reshape(-1, 2), groups, np.stack([defined, np.nan_to_num(single)], axis=1))
        np.add.at(self.moments.reshape(-1, MOMENTS), groups, each)
        np.add.at(self.calls.reshape(-1, CODES), groups, calls)

    def _add_calibration(self, groups: NDArray[np.intp], block: Compared) -> None:
        known = np.isfinite(block.dosages) & np.isfinite(block.true)
        variants, samples = np.nonzero(known)
        x, y = block.dosages[known].astype(np.float64), block.true[known].astype(np.float64)
        doses = bins_of(x, DOSE_EDGES)
        for sums, rows in ((self.calibration, groups[variants]), (self.sample_calibration, samples)):
            cells = sums.reshape(-1, 3)
            cells += bin_sums(rows * _DOSES + doses, len(cells), x, y)


def add_along(
    along: dict[str, NDArray[np.float64]], chrom: str, pos: NDArray[np.int64], values: NDArray[np.float64]
) -> None:
    """Add values (V, C) at ascending positions (V,) to a chromosome's sums (W, C) by STEP bp, which grow."""
    if not len(pos):
        return
    steps = pos // STEP
    held = along.get(chrom, np.zeros((0, values.shape[1])))
    if (need := int(steps[-1]) + 1) > len(held):
        # Twice the length, so that growing costs little.
        held = np.concatenate([held, np.zeros((2 * need - len(held), values.shape[1]))])
        along[chrom] = held
    np.add.at(held, steps, values)


def call_counts(true: NDArray[np.float32], calls: NDArray[np.int8]) -> NDArray[np.int64]:
    """(S, 9) genotypes of each sample by true x called ALT count, from (V, S); missing ones left out."""
    known = np.isfinite(true) & (calls >= 0)
    codes = np.where(known, 3 * np.nan_to_num(true).astype(np.int64) + calls, 0)
    codes += CODES * np.arange(true.shape[1])
    counts = np.bincount(codes[known], minlength=CODES * true.shape[1])
    return counts.reshape(true.shape[1], CODES)
