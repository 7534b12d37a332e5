"""The chains on the pool of retrieved haplotypes against enumeration of all their paths."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from numpy.typing import NDArray
from test_retrieval import make_window

from spinimpute import pools
from spinimpute.copying import LEAST_DOSE, copy_alleles
from spinimpute.li_stephens import (
    ERRORS,
    JUMPS_PER_CM,
    LEFT_OUT,
    Chains,
    jump_probability,
    lay_track,
    run_chains,
)
from spinimpute.marks import HaplotypeMarks
from spinimpute.retrieval import Anchors, Context, order_panel, place_anchors, retrieve
from spinimpute.segments import Segments, cut_segments
from spinimpute.sweeps import NEGLIGIBLE
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
    log_odds, concordance = np.zeros(N_UNTYPED, np.float32), np.zeros((N_UNTYPED, 0), np.float32)
    return marks, cm, cut_segments(cm, log_odds, anchors.cm, task_features(window, anchors), concordance)


def _asked(
    marks: HaplotypeMarks, segments: Segments, context: Context, chains: Chains
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Which alleles are asked about (T, V), and their doses (T, V, P), 0 of the others."""
    n_targets, n_chains = len(chains.posterior), chains.posterior.shape[3]
    nothing = np.zeros((*context.haplotype.shape, 1), np.float32)
    found = copy_alleles(marks, segments, nothing, nothing[:, :, 0], chains)
    asked = np.zeros((n_targets, N_UNTYPED), np.bool_)
    dose = np.zeros((n_targets, N_UNTYPED, n_chains), np.float32)
    asked[found.target, found.variant] = True
    dose[found.target, found.variant] = found.chain
    return asked, dose


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_chains_equal_the_sum_over_all_paths(seed: int) -> None:
    window = make_window(seed, n_typed=5, n_panel=12)
    anchors = place_anchors(window.cm, np.array([0, 2, 5]))
    context = retrieve(window, anchors, order_panel(window, anchors), slice(1, 4), 3)
    marks, cm, segments = _untyped_core(window, anchors, seed)
    found = run_chains(window, lay_track(window, anchors, 0), context, slice(1, 4))
    asked, dose = _asked(marks, segments, context, found)
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
            np.testing.assert_allclose(dose[t, :, i], np.where(asked[t], copied, 0), rtol=2e-3, atol=1e-5)
            assert (copied[~asked[t]] < 1.01 * LEAST_DOSE).all()


@pytest.mark.parametrize("seed", range(41, 47))
def test_blocks_exchange_their_states(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short blocks, whose pools differ: a chain step by step, as matrices."""
    monkeypatch.setattr(pools, "BLOCK", 8)
    monkeypatch.setattr(pools, "HALO_CM", 0.0)
    monkeypatch.setattr(pools, "HALO", 0)
    window = make_window(seed, n_typed=30, n_panel=40)
    anchors = place_anchors(window.cm, np.array([0, 3, 4, 9, 13, 20, 26, 30]))
    context = retrieve(window, anchors, order_panel(window, anchors), slice(0, 3), 3)
    marks, cm, segments = _untyped_core(window, anchors, seed)
    found = run_chains(window, lay_track(window, anchors, 7), context, slice(0, 3))
    asked, dose = _asked(marks, segments, context, found)
    alleles = marks.dense(N_UNTYPED)
    jump = jump_probability(window.cm).astype(np.float64)
    edges = pools.cut_blocks(anchors.cm, anchors.gap, 30, 7).edges.tolist()
    assert len(edges) >= 4
    differing = 0
    for t in range(3):
        members = [np.unique(context.haplotype[t, a : b + 1]) for a, b in pairwise(edges)]
        differing += sum(len(np.setxor1d(a, b)) for a, b in pairwise(members))
        for i in range(len(JUMPS_PER_CM)):
            expected = _by_blocks(window, anchors.gap, edges, members, jump[i], ERRORS[i], t)
            for b, (first, last) in enumerate(pairwise(edges)):
                for a in range(first, last + (last == edges[-1])):
                    seats = np.searchsorted(members[b], context.haplotype[t, a])
                    np.testing.assert_allclose(
                        found.posterior[t, a, :, i], expected[b][a - first, seats], rtol=2e-3, atol=1e-6
                    )
                here = (cm >= (anchors.cm[first] if b else -np.inf)) & (
                    cm < (anchors.cm[last] if last < edges[-1] else np.inf)
                )
                copied = _copied(
                    expected[b], alleles[here][:, members[b]], anchors.cm[first : last + 1], cm[here]
                )
                copied = np.where(asked[t, here], copied, 0)
                np.testing.assert_allclose(dose[t, here, i], copied, rtol=2e-3, atol=1e-5)
    assert differing > 0


def _by_blocks(
    window: TypedWindow,
    gap: NDArray[np.int64],
    edges: list[int],
    members: list[NDArray[np.int32]],
    jump: NDArray[np.float64],
    error: float,
    t: int,
) -> list[NDArray[np.float64]]:
    """Posteriors (A, S) at the anchors of each block, the shared ones once for either."""
    target = window.target[:, t]
    bounds = [0, *gap[edges[1:-1]].tolist(), len(target)]
    step = [[(1 - j) * np.eye(len(each)) + j / len(each) for j in jump] for each in members]
    emission = []
    for each in members:
        alleles = window.panel[:, each].astype(np.int8)
        unlike = (alleles != target[:, None]) & (target >= 0)[:, None]
        emission.append(np.where(unlike, error / (1 - error), 1.0))
    exchange = []
    for old, new in pairwise(members):
        same = (old[:, None] == new).astype(float)
        exchange.append(np.where(same.any(axis=1, keepdims=True), same, 1 / len(new)))
    left: list[dict[int, NDArray[np.float64]]] = [{} for _ in members]
    right: list[dict[int, NDArray[np.float64]]] = [{} for _ in members]
    state = np.ones(len(members[0]))
    for b in range(len(members)):
        state = state @ exchange[b - 1] if b else state
        left[b][bounds[b]] = state
        for m in range(bounds[b], bounds[b + 1]):
            state = (state @ step[b][m]) * emission[b][m]
            left[b][m + 1] = state
    state = np.ones(len(members[-1]))
    for b in reversed(range(len(members))):
        state = exchange[b] @ state if b < len(members) - 1 else state
        right[b][bounds[b + 1]] = state
        for m in reversed(range(bounds[b], bounds[b + 1])):
            state = (step[b][m + 1] @ state) * emission[b][m]
            right[b][m] = state
    posteriors = []
    for b, (first, last) in enumerate(pairwise(edges)):
        rows = np.array([left[b][g] * (step[b][g] @ right[b][g]) for g in gap[first : last + 1].tolist()])
        posteriors.append(rows / rows.sum(axis=1, keepdims=True))
    return posteriors


@pytest.mark.parametrize("seed", [31, 32])
def test_typed_alleles_left_out_one_by_one(seed: int) -> None:
    window = make_window(seed, n_typed=23, n_panel=12)
    anchors = place_anchors(window.cm, np.array([0, 3, 4, 9, 13, 23]))
    context = retrieve(window, anchors, order_panel(window, anchors), slice(0, 3), 3)
    found = run_chains(window, lay_track(window, anchors, 0, slice(2, 20)), context, slice(0, 3)).agreement
    jump = jump_probability(window.cm)[LEFT_OUT].astype(np.float64)
    for t in range(3):
        panel = window.panel[:, np.unique(context.haplotype[t])].astype(np.int8)
        for m in np.flatnonzero(window.target[2:20, t] >= 0).tolist():
            expected = _left_out(panel, window.target[:, t], m + 2, jump, ERRORS[LEFT_OUT])
            assert found[t, m] == pytest.approx(expected, rel=2e-3, abs=1e-5)


def _left_out(
    panel: NDArray[np.int8], target: NDArray[np.int8], left_out: int, jump: NDArray[np.float64], error: float
) -> float:
    """The probability of the allele at one variant by a chain that does not see it, panel (M, N)."""
    n_typed, n = panel.shape
    emission = np.where(panel == target[:, None], 1 - error, error)
    emission[(target < 0) | (np.arange(n_typed) == left_out)] = 1.0
    step = [(1 - j) * np.eye(n) + j / n for j in jump]
    before, after = np.ones(n), np.ones(n)
    for m in range(left_out):
        before = (before @ step[m]) * emission[m]
    for m in range(n_typed - 1, left_out, -1):
        after = step[m] @ (emission[m] * after)
    posterior = (before @ step[left_out]) * after
    return float(posterior[panel[left_out] == target[left_out]].sum() / posterior.sum())


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
    found = run_chains(window, lay_track(window, anchors, 0), context, slice(0, 1)).posterior
    by_haplotype = {int(h): found[0, 1, k, 0] for k, h in enumerate(context.haplotype[0, 1])}
    assert by_haplotype[1] > by_haplotype[0] > by_haplotype[2]
