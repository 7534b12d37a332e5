"""The chain on the pool of retrieved haplotypes against enumeration of all its paths."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from test_retrieval import make_window

from spinimpute.li_stephens import ERROR, POPULATION_SIZES, jump_probability, posteriors
from spinimpute.retrieval import TypedWindow, order_panel, place_anchors, retrieve


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_posteriors_equal_the_sum_over_all_paths(seed: int) -> None:
    window = make_window(seed, n_typed=5, n_panel=12)
    anchors = place_anchors(window.cm, np.array([0, 2, 5]))
    context = retrieve(window, anchors, order_panel(window, anchors), slice(1, 4), 3)
    found = np.empty((*context.haplotype.shape, len(POPULATION_SIZES)), np.float32)
    posteriors(window, anchors, context, slice(1, 4), found)
    jump = jump_probability(window.cm, 12)
    for t in range(3):
        pool = np.unique(context.haplotype[t])
        for i in range(len(POPULATION_SIZES)):
            expected = _enumerate(window, anchors.gap, pool, jump[i], 1 + t)
            for a in range(len(anchors)):
                seats = np.searchsorted(pool, context.haplotype[t, a])
                np.testing.assert_allclose(found[t, a, :, i], expected[a, seats], rtol=2e-3, atol=1e-6)


def _enumerate(
    window: TypedWindow, gap: NDArray[np.int64], pool: NDArray[np.int32], jump: NDArray[np.float32], t: int
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
                weight *= ERROR / (1 - ERROR)
        for a, g in enumerate(gap):
            total[a, path[max(g - 1, 0)]] += weight
    return total / total.sum(axis=1, keepdims=True)


def test_the_posterior_prefers_whoever_matches_on() -> None:
    """Two haplotypes match equally around an anchor; the one whose match goes on beyond a switch gains."""
    panel = np.ones((40, 4000), np.uint8)
    panel[:30, 0] = 0
    panel[:, 1] = 0
    window = TypedWindow(np.linspace(0, 0.4, 40), panel, np.zeros((40, 1), np.int8))
    anchors = place_anchors(window.cm, np.array([0, 20, 40]))
    context = retrieve(window, anchors, order_panel(window, anchors), slice(0, 1), 3)
    found = np.empty((1, 3, 3, len(POPULATION_SIZES)), np.float32)
    posteriors(window, anchors, context, slice(0, 1), found)
    by_haplotype = {int(h): found[0, 1, k, 0] for k, h in enumerate(context.haplotype[0, 1])}
    assert by_haplotype[1] > by_haplotype[0] > by_haplotype[2]
