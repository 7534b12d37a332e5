"""The regression behind a calibration, against its posterior written out and searched without derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from spinimpute.training.site_fit import FACTOR_PRIOR, GROUPS, LEAST, SHIFT_PRIOR, fit_sites

Haplotypes = tuple[NDArray[np.float32], NDArray[np.bool_]]


def simulate(seed: int, factor: float, shift: float, n: int = 3000) -> Haplotypes:
    """Probabilities, a third beyond doubt, and truth whose log odds are factor * theirs + shift."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 2, n)
    logit[: n // 3] = 9.0
    truth = rng.random(n) < 1 / (1 + np.exp(-(factor * logit + shift)))
    truth[: n // 3] = True
    return (1 / (1 + np.exp(-logit))).astype(np.float32), truth


def log_posterior(haplotypes: Haplotypes, shift: float, factor: float) -> float:
    """Of the haplotypes that are in doubt."""
    p, y = haplotypes
    clipped = np.clip(p.astype(float), LEAST, 1 - LEAST)
    asked = (np.minimum(p, 1 - p) > 0.003) | (np.abs(p - y) > 0.5)
    x = factor * np.log(clipped / (1 - clipped))[asked] + shift
    likelihood = np.where(y[asked], -np.log1p(np.exp(-x)), -np.log1p(np.exp(x))).sum()
    return float(likelihood - SHIFT_PRIOR * shift**2 / 2 - FACTOR_PRIOR * (factor - 1) ** 2 / 2)


def search(haplotypes: Haplotypes) -> tuple[float, float]:
    """The shift and factor of the largest posterior, by steps that halve."""
    best, step = (0.0, 1.0), 0.5
    while step > 1e-5:
        around = [(best[0] + i * step, best[1] + j * step) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        found = max(around, key=lambda at: log_posterior(haplotypes, *at))
        step = step / 2 if found == best else step
        best = found
    return best


@pytest.mark.parametrize(("factor", "shift"), [(1.0, 0.0), (0.4, 0.3), (1.5, -0.5), (-0.2, 0.0)])
def test_the_posterior_is_largest_at_what_is_found(factor: float, shift: float) -> None:
    p, y = simulate(1, factor, shift)
    fit = fit_sites(p[None], y[None], np.arange(len(p)) % GROUPS)
    expected_shift, expected_factor = search((p, y))
    assert fit.shift[0] == pytest.approx(expected_shift, abs=1e-3)
    assert fit.factor[0] == pytest.approx(expected_factor, abs=1e-3)


def test_each_group_is_predicted_by_the_others() -> None:
    p, y = simulate(2, 0.3, 0.8)
    group = np.random.default_rng(0).integers(0, GROUPS, len(p))
    fit = fit_sites(p[None], y[None], group)
    clipped = np.clip(p.astype(float), LEAST, 1 - LEAST)
    logit = np.log(clipped / (1 - clipped))
    asked = (np.minimum(p, 1 - p) > 0.003) | (np.abs(p - y) > 0.5)
    expected = 0.0
    for left_out in range(GROUPS):
        shift, factor = search((p[group != left_out], y[group != left_out]))
        inside = asked & (group == left_out)
        expected += ((1 / (1 + np.exp(-(factor * logit[inside] + shift))) - y[inside]) ** 2).sum()
    assert fit.after[0] == pytest.approx(expected, rel=1e-3)
    assert fit.before[0] == pytest.approx(((clipped - y)[asked] ** 2).sum(), rel=1e-5)
    assert fit.after[0] < fit.before[0]


def test_few_haplotypes_change_little_and_none_nothing() -> None:
    p, y = np.array([[0.2, 0.9, 0.5], [0.0, 1.0, 0.0]], np.float32), np.array([[1, 0, 1], [0, 1, 0]], bool)
    fit = fit_sites(p, y, np.arange(3))
    assert abs(fit.shift[0]) < 0.1
    assert abs(fit.factor[0] - 1) < 0.1
    assert (fit.factor[1], fit.shift[1], fit.before[1], fit.after[1]) == (1, 0, 0, 0)
