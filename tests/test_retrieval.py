"""PBWT orders, run matching and context retrieval against sorting and exhaustive search."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spinimpute import retrieval
from spinimpute.bits import n_words, pack, unpack
from spinimpute.pbwt import prefix_order, suffix_order
from spinimpute.retrieval import (
    ONE_SIDED,
    REACH_CM,
    Anchors,
    PanelOrders,
    order_panel,
    place_anchors,
    retrieve,
)
from spinimpute.typed import TypedWindow


def mosaics(rng: np.random.Generator, n_typed: int, n: int, founders: int = 6) -> NDArray[np.uint8]:
    """Haplotypes (M, n) copied in stretches from a few founders, with rare errors: matches of all lengths."""
    base = rng.integers(0, 2, (n_typed, founders), dtype=np.uint8)
    breaks = rng.random((n_typed, n)) < 0.03
    source = np.cumsum(breaks, axis=0) + rng.integers(0, founders, n)
    alleles = np.take_along_axis(base, source % founders, axis=1)
    return alleles ^ (rng.random(alleles.shape) < 0.01)


def make_window(seed: int, n_typed: int = 150, n_panel: int = 90, n_targets: int = 6) -> TypedWindow:
    rng = np.random.default_rng(seed)
    alleles = mosaics(rng, n_typed, n_panel + n_targets)
    target = alleles[:, n_panel:].astype(np.int8)
    target[rng.random(target.shape) < 0.03] = -1
    cm = np.sort(rng.uniform(0, 4, n_typed))
    return TypedWindow.of(cm, alleles[:, :n_panel], target)


def every_gap(window: TypedWindow) -> Anchors:
    return place_anchors(window.cm, np.arange(len(window.cm) + 1, dtype=np.int64))


@given(st.integers(1, 200), st.integers(1, 9), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_packing_round_trip(n_variants: int, n: int, seed: int) -> None:
    alleles = np.random.default_rng(seed).integers(0, 2, (n_variants, n), dtype=np.uint8)
    words = pack(alleles)
    assert words.shape == (n, n_words(n_variants))
    np.testing.assert_array_equal(unpack(words, n_variants), alleles)


def test_prefix_order_is_the_sorted_order() -> None:
    window = make_window(1)
    gaps = np.array([0, 1, 7, 64, 150])
    found = prefix_order(window.bits, window.haplotypes, window.target, gaps)
    for a, gap in enumerate(gaps):
        assert found.order[a].tolist() == reference.prefix_sorted(window.panel, gap)


def test_suffix_order_is_the_prefix_order_of_the_mirror_image() -> None:
    window = make_window(2)
    gaps = np.array([3, 80, 150])
    found = suffix_order(window.bits, window.haplotypes, window.target, gaps)
    for a, gap in enumerate(gaps):
        assert found.order[a].tolist() == reference.prefix_sorted(window.panel[::-1], 150 - gap)


@pytest.mark.parametrize("gap", [10, 64, 100, 150])
def test_a_target_stands_beside_its_longest_match(gap: int) -> None:
    window = make_window(3)
    complete = np.where(window.target < 0, 0, window.target).astype(np.int8)
    found = prefix_order(window.bits, window.haplotypes, complete, np.array([gap]))
    for t in range(complete.shape[1]):
        runs = []
        for n in range(window.panel.shape[1]):
            wrong = [m for m in reference.mismatches(window.panel[:, n], complete[:, t]) if m < gap]
            runs.append(gap - 1 - max(wrong, default=-1))
        place = int(found.place[0, t])
        beside = found.order[0, max(place - 1, 0) : place + 1]
        assert max(runs[n] for n in beside) == max(runs)


def test_scores_equal_the_reference() -> None:
    window = make_window(4)
    anchors = every_gap(window)
    for a in range(0, len(anchors), 7):
        for t in range(window.target.shape[1]):
            for n in range(0, window.panel.shape[1], 9):
                match = retrieval.measure_match(
                    window.panel_words[n], window.target_words[t], window.observed_words[t], window.cm,
                    anchors.gap[a], anchors.cm[a], anchors.low[a], anchors.high[a],
                )  # fmt: skip
                slow = reference.run_score(
                    window.panel[:, n],
                    window.target[:, t],
                    window.cm,
                    anchors.gap[a],
                    anchors.cm[a],
                    REACH_CM,
                )
                assert retrieval.run_score(*match) == pytest.approx(slow, abs=1e-4)


def _all_scores(
    window: TypedWindow, anchors: Anchors, orders: PanelOrders, k: int, a: int, t: int
) -> NDArray[np.float64]:
    """Scores (N,), those next to the target in either order far above the others."""
    scores = np.array(
        [
            reference.run_score(
                window.panel[:, n], window.target[:, t], window.cm, anchors.gap[a], anchors.cm[a], REACH_CM
            )
            for n in range(window.panel.shape[1])
        ]
    )
    near = k // ONE_SIDED
    sides = [
        side.order[a][max(side.place[a, t] - near, 0) : side.place[a, t] + near]
        for side in (orders.left, orders.right)
    ]
    scores[np.unique(np.concatenate(sides))] += 1000
    return scores


def test_context_is_exhaustive_when_every_haplotype_is_a_candidate() -> None:
    window = make_window(5)
    anchors = every_gap(window)
    orders = order_panel(window, anchors)
    context = retrieve(window, anchors, orders, slice(0, 6), 10, each_side=90)
    for a in range(0, len(anchors), 13):
        for t in range(6):
            scores = _all_scores(window, anchors, orders, 10, a, t)
            chosen = np.sort(scores[context.haplotype[t, a]])
            np.testing.assert_allclose(chosen, np.sort(scores)[-10:], atol=1e-5)


def test_context_from_few_candidates_finds_nearly_all_of_the_best() -> None:
    window = make_window(6, n_typed=300, n_panel=600, n_targets=8)
    anchors = every_gap(window)
    orders = order_panel(window, anchors)
    context = retrieve(window, anchors, orders, slice(0, 8), 16, each_side=24)
    found = []
    for a in range(0, len(anchors), 37):
        for t in range(8):
            scores = _all_scores(window, anchors, orders, 16, a, t)
            found.append(np.mean(scores[context.haplotype[t, a]] >= np.sort(scores)[-16] - 1e-9))
    assert np.mean(found) > 0.9


def test_context_holds_no_haplotype_twice_and_links_it_to_its_neighbours() -> None:
    window = make_window(7)
    anchors = every_gap(window)
    context = retrieve(window, anchors, order_panel(window, anchors), slice(2, 5), 12)
    assert context.haplotype.shape == (3, len(anchors), 12)
    for t in range(3):
        for a in range(len(anchors)):
            here = context.haplotype[t, a].tolist()
            assert len(set(here)) == 12
            before = context.haplotype[t, a - 1].tolist() if a else []
            after = context.haplotype[t, a + 1].tolist() if a + 1 < len(anchors) else []
            for k, n in enumerate(here):
                assert context.previous[t, a, k] == (before.index(n) if n in before else -1)
                assert context.following[t, a, k] == (after.index(n) if n in after else -1)


def test_targets_do_not_influence_each_other() -> None:
    window = make_window(8)
    anchors = every_gap(window)
    orders = order_panel(window, anchors)
    together = retrieve(window, anchors, orders, slice(0, 6), 12)
    alone = retrieve(window, anchors, orders, slice(4, 5), 12)
    np.testing.assert_array_equal(together.haplotype[4], alone.haplotype[0])


def test_a_panel_smaller_than_the_context_is_used_whole() -> None:
    window = make_window(9, n_panel=2)
    anchors = every_gap(window)
    context = retrieve(window, anchors, order_panel(window, anchors), slice(0, 6), 64)
    assert (np.sort(context.haplotype, axis=2) == [0, 1]).all()


def test_one_typed_variant() -> None:
    window = make_window(10, n_typed=1)
    anchors = every_gap(window)
    assert anchors.gap.tolist() == [0, 1]
    context = retrieve(window, anchors, order_panel(window, anchors), slice(0, 6), 4)
    for t in range(6):
        if window.target[0, t] >= 0 and (window.panel[0] == window.target[0, t]).sum() >= 4:
            assert (window.panel[0, context.haplotype[t]] == window.target[0, t]).all()
