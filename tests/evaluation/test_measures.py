"""The measures, against numpy's correlation and hand-computed values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spinimpute.evaluation.measures import (
    Concordance,
    bin_means,
    bin_sums,
    bins_of,
    calibration_error,
    maf_bins,
    moments,
    r2,
    variant_r2,
)


@given(st.integers(0, 10_000))
def test_r2_is_numpys_without_missing_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, (4, 15)).astype(np.float32)
    x = np.clip(y + rng.normal(0, 0.5, y.shape), 0, 2).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    y[rng.random(y.shape) < 0.1] = np.nan
    found = r2(moments(x, y, axis=1))
    for row in range(4):
        known = np.isfinite(x[row]) & np.isfinite(y[row])
        a, b = x[row][known].astype(float), y[row][known].astype(float)
        defined = np.ptp(a) > 0 and np.ptp(b) > 0 if len(a) else False
        expected = np.corrcoef(a, b)[0, 1] ** 2 if defined else np.nan
        assert found[row] == pytest.approx(expected, rel=1e-6, abs=1e-9, nan_ok=True)
    together = moments(x, y, axis=1).sum(axis=0)
    np.testing.assert_allclose(together, moments(x.ravel(), y.ravel(), axis=0), rtol=1e-12)


def test_variants_that_tell_nothing() -> None:
    def one(x: list[float], y: list[float], least: int = 1) -> float:
        return float(variant_r2(moments(np.array([x]), np.array([y]), axis=1), least)[0])

    assert one([0.5, 0.5, 0.5], [0, 1, 0]) == 0  # no information, and the truth varies
    assert np.isnan(one([0.1, 0.9, 0], [0, 0, 0]))  # nothing to find
    assert one([0, 1, 2], [0, 1, 2]) == pytest.approx(1)
    assert np.isnan(one([0, 1, 2], [0, 1, 2], least=4))  # three minor alleles
    assert one([0, 1, 2], [0, 1, 2], least=3) == pytest.approx(1)


def test_bins_have_their_upper_edge() -> None:
    frequency: NDArray[np.float64] = np.array([0, 0.005, 0.01, 0.0101, 0.5, 0.995, 1.0, np.nan])
    assert maf_bins(frequency[:-1], (0.0, 0.01, 0.5)).tolist() == [-1, 0, 0, 1, 1, 0, -1]
    assert maf_bins(frequency[1:4], (0.006, 0.01)).tolist() == [-1, 0, 1]
    # What is not known counts as outside too: the last of one row more than there are bins.
    assert maf_bins(frequency[-1:], (0.0, 0.01, 0.5)).tolist() == [2]


def test_concordance() -> None:
    """Rows are the truth, columns the calls: of 20 genotypes 15 are right; 8 are not REF/REF twice."""
    counts = np.array([12, 1, 0, 2, 2, 1, 0, 1, 1])
    assert Concordance.of(counts) == (pytest.approx(15 / 20), pytest.approx(3 / 8))
    assert np.isnan(Concordance.of(np.zeros(9, int))).all()
    all_reference = Concordance.of(np.array([5, *[0] * 8]))
    assert all_reference.all == 1
    assert np.isnan(all_reference.non_reference)


def test_calibration_error() -> None:
    """Two genotypes at 0.5 of which one is 1: right; two at 1.5 that are both 2: off by a half."""
    edges = np.array([0.0, 1.0, 2.0])
    x, y = np.array([0.5, 0.5, 1.5, 1.5]), np.array([0.0, 1.0, 2.0, 2.0])
    sums = bin_sums(bins_of(x, edges), 2, x, y)
    assert calibration_error(sums) == pytest.approx(0.25)
    predicted, true = bin_means(np.concatenate([sums, np.zeros((1, 3))]))
    np.testing.assert_array_equal(predicted, [0.5, 1.5, np.nan])
    np.testing.assert_array_equal(true, [0.5, 2.0, np.nan])
    assert np.isnan(calibration_error(np.zeros((2, 3))))
    assert bins_of(np.array([-1.0, 0.0, 1.0, 2.0, 3.0]), edges).tolist() == [0, 0, 1, 1, 1]
