"""The chains on the pool of retrieved haplotypes against enumeration of all their paths."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from test_retrieval import make_window

from spinimpute.copying import Segments, cut_segments
from spinimpute.li_stephens import ERRORS, JUMPS_PER_CM, NEGLIGIBLE, jump_probability, run_chains
from spinimpute.marks import HaplotypeMarks
from spinimpute.retrieval import Anchors, order_panel, place_anchors, retrieve
from spinimpute.tokens import task_features
from spinimpute.typed import TypedWindow

N_UNTYPED = 64


def _untyped_core(
    window: TypedWindow, anchors: Anchors, seed: int
) -> tuple[HaplotypeMarks, NDArray[np.float64], Segments]:
    """Marks, map positions (64,) and segments of random untyped variants, rare and common, around the typed
    ones.
    """
    rng = np.random.default_rng(seed)
    marks = HaplotypeMarks.of(
        rng.random((N_UNTYPED, window.haplotypes)) < rng.choice([0.02, 0.3], (N_UNTYPED, 1))
    )
    cm = np.sort(rng.uniform(window.cm[0] - 0.05, window.cm[-1] + 0.05, N_UNTYPED))
    log_odds = np.zeros(N_UNTYPED, np.float32)
    return marks, cm, cut_segments(cm, log_odds, anchors.cm, task_features(window, anchors))


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_chains_equal_the_sum_over_all_paths(seed: int) -> None:
    window = make_window(seed, n_typed=5, n_panel=12)
    anchors = place_anchors(window.cm, np.array([0, 2, 5]))
    context = retrieve(window, anchors, order_panel(window, anchors), slice(1, 4), 3)
    marks, cm, segments = _untyped_core(window, anchors, seed)
    found = run_chains(window, anchors, context, slice(1, 4), marks, segments)
    assert found.dose.shape == (3, N_UNTYPED, len(JUMPS_PER_CM))
    alleles = marks.dense(N_UNTYPED)
    jump = jump_probability(window.cm)
    for t in range(3):
        pool = np.unique(context.haplotype[t])
        for i in range(len(JUMPS_PER_CM)):
            expected = _enumerate(window, anchors.gap, pool, jump[i], ERRORS[i], 1 + t)
            for a in range(len(anchors)):
                seats = np.searchsorted(pool, context.haplotype[t, a])
                np.testing.assert_allclose(
                    found.posterior[t, a, :, i], expected[a, seats], rtol=2e-3, atol=1e-6
                )
            copied = _copied(expected, alleles[:, pool], anchors.cm, cm)
            np.testing.assert_allclose(found.dose[t, :, i], copied, rtol=2e-3, atol=1e-5)


def _enumerate(
    window: TypedWindow,
    gap: NDArray[np.int64],
    pool: NDArray[np.int32],
    jump: NDArray[np.float32],
    error: float,
    t: int,
) -> NDArray[np.float64]:
    """Posterior (A, S) of the state left of each anchor's gap: a path names a state for every typed
    variant.
    """
    n_typed, n = len(window.cm), len(pool)
    total = np.zeros((len(gap), n))
    for path in product(range(n), repeat=n_typed):
        weight = 1.0
        for m in range(n_typed):
            if m:
                weight *= (1 - jump[m]) * (path[m] == path[m - 1]) + jump[m] / n
            allele = window.target[m, t]
            if allele >= 0 and window.panel[m, pool[path[m]]] != allele:
                weight *= error / (1 - error)
        for a, g in enumerate(gap):
            total[a, path[max(g - 1, 0)]] += weight
    return total / total.sum(axis=1, keepdims=True)


def _copied(
    posterior: NDArray[np.float64],
    alleles: NDArray[np.uint8],
    anchor_cm: NDArray[np.float64],
    cm: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Dose (V,) of alleles (V, S) by posteriors (A, S) without the negligible, blended in cM."""
    kept = np.where(posterior < NEGLIGIBLE / posterior.shape[1], 0, posterior)
    by_anchor = alleles @ (kept / kept.sum(axis=1, keepdims=True)).T  # (V, A)
    return np.array([np.interp(x, anchor_cm, row) for x, row in zip(cm, by_anchor, strict=True)])


def test_the_posterior_prefers_whoever_matches_on() -> None:
    """Two haplotypes match equally around an anchor; the one whose match goes on beyond a switch gains."""
    panel = np.ones((40, 4000), np.uint8)
    panel[:30, 0] = 0
    panel[:, 1] = 0
    window = TypedWindow.of(np.linspace(0, 0.4, 40), panel, np.zeros((40, 1), np.int8))
    anchors = place_anchors(window.cm, np.array([0, 20, 40]))
    context = retrieve(window, anchors, order_panel(window, anchors), slice(0, 1), 3)
    marks, _, segments = _untyped_core(window, anchors, 1)
    found = run_chains(window, anchors, context, slice(0, 1), marks, segments).posterior
    by_haplotype = {int(h): found[0, 1, k, 0] for k, h in enumerate(context.haplotype[0, 1])}
    assert by_haplotype[1] > by_haplotype[0] > by_haplotype[2]
