"""Token measures against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from test_retrieval import every_gap, make_window

from spinimpute.li_stephens import JUMPS_PER_CM
from spinimpute.retrieval import order_panel, retrieve
from spinimpute.tokens import (
    COUNT_CM,
    N_RUN,
    N_SITE_FEATURES,
    N_SITES,
    SITES_PER_SIDE,
    bound_rings,
    describe,
    describe_sites,
)

N_CHAINS = len(JUMPS_PER_CM)


@pytest.fixture(scope="module")
def described():  # type: ignore[no-untyped-def]
    window = make_window(11)
    anchors = every_gap(window)
    context = retrieve(window, anchors, order_panel(window, anchors), slice(0, 4), 8)
    posterior = np.random.default_rng(12).random((*context.haplotype.shape, N_CHAINS), np.float32)
    return (
        window,
        anchors,
        context,
        describe(window, anchors, bound_rings(window, anchors), context, posterior, slice(0, 4)),
    )


def test_all_numbers_are_finite(described) -> None:  # type: ignore[no-untyped-def]
    *_, tokens = described
    assert np.isfinite(tokens.measures).all()


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


def test_bits_of_the_variants_nearby(described) -> None:  # type: ignore[no-untyped-def]
    window, anchors, context, tokens = described
    for t, a, k in [(0, 0, 0), (1, 40, 5), (3, 150, 2)]:
        for s in range(N_SITES):
            m = int(anchors.gap[a]) - SITES_PER_SIDE + s
            known = anchors.low[a] <= m < anchors.high[a] and window.target[m, t] >= 0
            assert tokens.known[t, a] >> s & 1 == known
            assert tokens.carried[t, a] >> s & 1 == (known and window.target[m, t] == 1)
            unlike = known and window.panel[m, context.haplotype[t, a, k]] != window.target[m, t]
            assert tokens.differs[t, a, k] >> s & 1 == unlike


def test_sites_nearby(described) -> None:  # type: ignore[no-untyped-def]
    window, anchors, *_ = described
    sites = describe_sites(window, anchors)
    assert sites.shape == (len(anchors), N_SITES, 2, N_SITE_FEATURES)
    n = window.panel.shape[1]
    for a, s in [(0, 0), (0, 16), (40, 3), (40, 31), (150, 15), (150, 16)]:
        m = int(anchors.gap[a]) - SITES_PER_SIDE + s
        expected = np.zeros((2, N_SITE_FEATURES))
        if anchors.low[a] <= m < anchors.high[a]:
            share = (int(window.panel[m].sum()) + 0.5) / (n + 1)
            away = np.log(abs(window.cm[m] - anchors.cm[a]) + 0.002)
            side = -1 if s < SITES_PER_SIDE else 1
            expected = np.array([[away, -np.log(each), side, 1] for each in (1 - share, share)])
        np.testing.assert_allclose(sites[a, s], expected, rtol=1e-5)
