"""The chain on the context against enumeration of all paths."""

from __future__ import annotations

from itertools import product

import numpy as np
import reference
from test_retrieval import make_window

from spinimpute.li_stephens import ERROR, POPULATION_SIZES, jump_probability, posteriors
from spinimpute.retrieval import order_panel, place_anchors, retrieve


def test_posteriors_equal_the_sum_over_all_paths() -> None:
    window = make_window(21, n_typed=30, n_panel=12)
    anchors = place_anchors(window.cm, np.array([4, 9, 15, 22, 28]))
    context = retrieve(window, anchors, order_panel(window, anchors), slice(1, 4), 4)
    assert (context.previous[:, 1:] < 0).any()
    found = np.empty((*context.haplotype.shape, len(POPULATION_SIZES)), np.float32)
    posteriors(window, anchors, context, slice(1, 4), found)
    jump = jump_probability(anchors.cm, 12)
    for t in range(3):
        for i in range(len(POPULATION_SIZES)):
            expected = _enumerate(window, anchors.gap, context.haplotype[t], jump[i], 1 + t)
            np.testing.assert_allclose(found[t, :, :, i], 4 * expected, rtol=1e-4, atol=1e-7)


def _enumerate(window, gap, haplotype, jump, t):  # type: ignore[no-untyped-def]
    n_anchors, n_context = haplotype.shape
    total = np.zeros((n_anchors, n_context))
    for path in product(range(n_context), repeat=n_anchors):
        weight = 1.0
        for a in range(1, n_anchors):
            before, here = haplotype[a - 1, path[a - 1]], haplotype[a, path[a]]
            weight *= (1 - jump[a - 1]) * (before == here) + jump[a - 1] / n_context
            between = slice(gap[a - 1], gap[a])
            wrong = reference.mismatches(window.panel[between, here], window.target[between, t])
            weight *= (ERROR / (1 - ERROR)) ** len(wrong)
        for a in range(n_anchors):
            total[a, path[a]] += weight
    return total / total.sum(axis=1, keepdims=True)
