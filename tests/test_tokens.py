"""Token measures against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from test_retrieval import every_gap, make_window

from spinimpute.li_stephens import JUMPS_PER_CM
from spinimpute.retrieval import order_panel, retrieve
from spinimpute.tokens import COUNT_CM, N_RUN, SITES_PER_SIDE, describe

N_CHAINS = len(JUMPS_PER_CM)


@pytest.fixture(scope="module")
def described():  # type: ignore[no-untyped-def]
    window = make_window(11)
    anchors = every_gap(window)
    context = retrieve(window, anchors, order_panel(window, anchors), slice(0, 4), 8)
    posterior = np.random.default_rng(12).random((*context.haplotype.shape, N_CHAINS), np.float32)
    return window, anchors, context, describe(window, anchors, context, posterior, slice(0, 4))


def test_all_numbers_are_finite(described) -> None:  # type: ignore[no-untyped-def]
    *_, tokens = described
    assert np.isfinite(tokens.measures).all()
    assert np.isfinite(tokens.sites).all()


def test_runs_and_counts(described) -> None:  # type: ignore[no-untyped-def]
    window, anchors, context, tokens = described
    for t, a, k in [(0, 5, 0), (1, 60, 3), (2, 64, 7), (3, 149, 1), (0, 150, 2), (1, 0, 4)]:
        panel, target = window.panel[:, context.haplotype[t, a, k]], window.target[:, t]
        gap, at = anchors.gap[a], anchors.cm[a]
        wrong = reference.mismatches(panel, target)
        left = [m for m in wrong if anchors.low[a] <= m < gap][::-1]
        right = [m for m in wrong if gap <= m < anchors.high[a]]
        measures = tokens.measures[t, a, k]
        if left:
            assert measures[0] == pytest.approx(at - window.cm[left[0]], abs=1e-6)
            assert measures[4] == pytest.approx(gap - 1 - left[0])
        if len(right) > 1:
            assert measures[3] == pytest.approx(window.cm[right[1]] - at, abs=1e-6)
            assert measures[7] == pytest.approx(right[1] - gap)
        for c, distance in enumerate(COUNT_CM):
            near = [m for m in wrong if abs(window.cm[m] - at) <= distance]
            assert measures[N_RUN + 2 * c] == sum(m < gap for m in near)
            assert measures[N_RUN + 2 * c + 1] == sum(m >= gap for m in near)


def test_surprise_of_a_run_is_the_log_frequency_of_its_alleles(described) -> None:  # type: ignore[no-untyped-def]
    window, anchors, context, tokens = described
    t, a, k = 2, 70, 0
    panel, target = window.panel[:, context.haplotype[t, a, k]], window.target[:, t]
    right = min((m for m in reference.mismatches(panel, target) if m >= 70), default=len(panel))
    right = min(right, int(anchors.high[a]))
    n = window.panel.shape[1]
    expected = 0.0
    for m in range(70, right):
        if target[m] >= 0:
            carriers = int(window.panel[m].sum())
            share = (carriers + 0.5) / (n + 1)
            expected -= np.log(share if target[m] else 1 - share)
    assert tokens.measures[t, a, k, 9] == pytest.approx(expected, rel=1e-5)


def test_match_bits(described) -> None:  # type: ignore[no-untyped-def]
    window, anchors, context, tokens = described
    for t, a, k in [(0, 0, 0), (1, 40, 5), (3, 150, 2)]:
        for s in range(2 * SITES_PER_SIDE):
            m = int(anchors.gap[a]) - SITES_PER_SIDE + s
            if not anchors.low[a] <= m < anchors.high[a] or window.target[m, t] < 0:
                expected = 0
            else:
                expected = 1 if window.panel[m, context.haplotype[t, a, k]] == window.target[m, t] else -1
            assert tokens.match[t, a, k, s] == expected
