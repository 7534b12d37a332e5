"""The measures of accuracy: squared correlation from sums, concordance, calibration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DOSE_EDGES = np.linspace(0, 2, 21)
ESTIMATE_EDGES = np.linspace(0, 1, 11)  # bins of a file's own estimate of r2
MIN_MINOR = 5  # true minor alleles among the targets for a variant's r2 to mean anything
MOMENTS = 6  # n, x, y, xx, yy, xy
CODES = 9  # 3 true genotypes x 3 called ones
_CONSTANT = 1e-9  # a variance below this share of the mean square is rounding


def moments(x: NDArray[np.floating], y: NDArray[np.floating], axis: int) -> NDArray[np.float64]:
    """(..., 6) n, x, y, xx, yy, xy summed over an axis of x, estimated, and y, true; no pairs with nan."""
    both = np.isfinite(x) & np.isfinite(y)
    x, y = (np.where(both, values, 0).astype(np.float64, copy=False) for values in (x, y))
    parts = both.astype(np.float64), x, y, x * x, y * y, x * y
    return np.stack([part.sum(axis=axis) for part in parts], axis=-1)


def r2(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared correlations (...,) of moments (..., 6); nan where either variable is constant."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    estimated, true = n * xx - x * x, n * yy - y * y
    constant = (estimated <= _CONSTANT * n * xx) | (true <= _CONSTANT * n * yy)
    return np.where(constant, np.nan, (n * xy - x * y) ** 2 / np.where(constant, 1, estimated * true))


def variant_r2(sums: NDArray[np.float64], least: int = 1) -> NDArray[np.float64]:
    """r2 (V,) of each variant from moments (V, 6) over its genotypes.

    0 where all estimates are equal and the truth varies; nan with fewer true minor alleles than least.
    """
    n, true = sums[..., 0], sums[..., 2]
    rare = np.minimum(true, 2 * n - true) < least
    return np.where(rare, np.nan, np.nan_to_num(r2(sums), nan=0.0))


def maf_bins(frequency: NDArray[np.floating], edges: tuple[float, ...]) -> NDArray[np.intp]:
    """The bin (V,) of each ALT frequency's MAF, edges[i] < MAF <= edges[i + 1]; -1 at or below the first."""
    maf = np.minimum(frequency, 1 - frequency)
    return np.asarray(np.searchsorted(edges, maf, side="left") - 1)


def bins_of(values: NDArray[np.floating], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    """The bin of each value, edges[i] <= value < edges[i + 1]; values beyond go to the outermost."""
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


def bin_sums(
    bins: NDArray[np.integer], count: int, x: NDArray[np.floating], y: NDArray[np.floating]
) -> NDArray[np.float64]:
    """(count, 3) pairs in each bin, sum of x and sum of y."""
    columns = [np.bincount(bins, weights=weights, minlength=count) for weights in (None, x, y)]
    return np.stack(columns, axis=1).astype(np.float64)


def bin_means(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean x and mean y of bin sums (..., 3); nan for an empty bin."""
    held = np.where(sums[..., 0] > 0, sums[..., 0], np.nan)
    return sums[..., 1] / held, sums[..., 2] / held


def calibration_error(sums: NDArray[np.float64]) -> float:
    """Mean distance of predicted and true dose in ALT alleles, from bin sums (D, 3); nan if all are 0."""
    total = sums[:, 0].sum()
    return float(np.abs(sums[:, 1] - sums[:, 2]).sum() / total) if total else float("nan")


class Concordance(NamedTuple):
    """Shares of the called genotypes that are right: of all, and of those not REF/REF in both."""

    all: float
    non_reference: float

    @staticmethod
    def of(counts: NDArray[np.integer]) -> Concordance:
        """From counts (9,) of true x called ALT counts; nan where there are none to judge."""
        return Concordance(*concordances(counts[None])[0].tolist())


def concordances(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """(V, 2) both shares, as Concordance has them, of counts (V, 9)."""
    right, total, reference = counts[:, [0, 4, 8]].sum(axis=1), counts.sum(axis=1), counts[:, 0]
    agreed = np.stack([right, right - reference], axis=1)
    judged = np.stack([total, total - reference], axis=1)
    return np.asarray(agreed / np.where(judged > 0, judged, np.nan))
