"""What a panel's relatives tell of its alleles against exhaustive counting and numpy's correlations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_retrieval import make_window, mosaics

from spinimpute.concordance import (
    ASKED,
    EACH_SIDE,
    N_FEATURES,
    N_NEIGHBOURS,
    choose_asked,
    count_carriers,
    measure_concordance,
)
from spinimpute.marks import HaplotypeMarks
from spinimpute.retrieval import REACH_CM, Anchors, order_panel, place_anchors
from spinimpute.typed import TypedWindow

N_VARIANTS = 90


def _marks(window: TypedWindow, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Marks (90, N), rare and common, at map positions within the window and beyond both ends."""
    rng = np.random.default_rng(seed)
    share = rng.choice([0.0, 0.02, 0.3], (N_VARIANTS, 1))
    cm = np.sort(rng.uniform(window.cm[0] - 0.1, window.cm[-1] + 0.1, N_VARIANTS))
    return rng.random((N_VARIANTS, window.haplotypes)) < share, cm


def _beside(order: Sequence[int], asked: int) -> tuple[list[int], list[int]]:
    """The candidates on either side of a haplotype in an order, and the nearest of them."""
    place = order.index(asked)
    sides = [order[:place][::-1], order[place + 1 :]]
    others = [[n for n in side if n // 2 != asked // 2][:EACH_SIDE] for side in sides]
    in_turn = [n for pair in zip_longest(*others) for n in pair if n is not None]
    return in_turn, [n for side in others for n in side[:1]]


def _score(window: TypedWindow, anchors: Anchors, a: int, asked: int, other: int) -> float:
    panel, gap, at = window.panel, int(anchors.gap[a]), float(anchors.cm[a])
    return reference.run_score(panel[:, other], panel[:, asked].astype(np.int8), window.cm, gap, at, REACH_CM)


def _exhaustive(
    window: TypedWindow, anchors: Anchors, marks: NDArray[np.bool_], cm: NDArray[np.float64]
) -> NDArray[np.int16]:
    table = np.zeros((len(cm), 2, 2, N_NEIGHBOURS + 1), np.int16)
    nearest = np.abs(cm[:, None] - anchors.cm).argmin(axis=1)
    for a, gap in enumerate(anchors.gap):
        left = reference.prefix_sorted(window.panel, gap)
        right = reference.prefix_sorted(window.panel[::-1], len(window.cm) - gap)
        for asked in range(window.haplotypes):
            (before, close), (after, near) = _beside(left, asked), _beside(right, asked)
            best = max(before + after, key=lambda n: _score(window, anchors, a, asked, n))
            for v in np.flatnonzero(nearest == a):
                count = int(marks[v, close + near].sum())
                table[v, int(marks[v, asked]), int(marks[v, best]), count] += 1
    return table


@pytest.mark.parametrize(("seed", "threads"), [(1, 1), (2, 3)])
def test_carriers_are_those_that_counting_finds(seed: int, threads: int) -> None:
    window = make_window(seed, n_typed=40, n_panel=26)
    anchors = place_anchors(window.cm, np.array([0, 5, 11, 30, 40]))
    marks, cm = _marks(window, seed)
    orders = order_panel(window, anchors)
    found = count_carriers(window, anchors, orders, HaplotypeMarks.of(marks), cm, threads)
    expected = _exhaustive(window, anchors, marks, cm)
    # Of equal scores either may be the best.
    np.testing.assert_array_equal(found.sum(axis=2), expected.sum(axis=2))
    assert (found == expected).mean() > 0.98
    assert (found.sum(axis=(1, 2, 3)) == window.haplotypes).all()


def test_those_asked_are_whole_people_all_over_the_panel() -> None:
    for haplotypes in (3, 100, ASKED, ASKED + 2, 5 * ASKED + 1):
        asked = choose_asked(haplotypes)
        assert min(haplotypes, ASKED // 2) <= len(asked) <= ASKED
        assert (np.diff(asked) > 0).all()
        assert asked[-1] >= haplotypes - 2 * (haplotypes // len(asked) + 1)
        people, size = np.unique(asked // 2, return_counts=True)
        assert all(n == min(2, haplotypes - 2 * person) for person, n in zip(people, size, strict=True))


@given(st.lists(st.integers(0, 30), min_size=20, max_size=20))
@settings(max_examples=100, deadline=None)
def test_measures_are_those_of_the_haplotypes_one_by_one(counts: list[int]) -> None:
    table = np.array(counts, np.int16).reshape(2, 2, N_NEIGHBOURS + 1)
    table[:, 0, 0] += 1
    own, best, near = (np.repeat(axis.ravel(), table.ravel()) for axis in np.indices(table.shape))
    found = measure_concordance(table[None])[0]
    assert found.shape == (N_FEATURES,)
    for measures, share in zip(np.split(found, 2), (near / N_NEIGHBOURS, best), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = np.nan_to_num(np.corrcoef(own, share)[0, 1] ** 2)
        carriers, others = share[own == 1], share[own == 0]
        expected = [
            np.log(1.001 - r2),
            np.log(((carriers < 0.5).sum() + 0.5) / (len(carriers) + 1)),
            np.log(((others > 0.5).sum() + 0.5) / (len(others) + 1)),
            carriers.mean() if len(carriers) else 0,
            np.log(others.mean() + 1e-3),
        ]
        np.testing.assert_allclose(measures, expected, rtol=1e-4, atol=1e-4)


def test_a_noisy_allele_looks_noisier_than_one_that_follows_its_haplotype() -> None:
    rng = np.random.default_rng(5)
    alleles = mosaics(rng, 200, 120).astype(np.bool_)
    typed = np.arange(200) % 2 == 0
    cm = np.linspace(0, 2, 200)
    window = TypedWindow.of(cm[typed], alleles[typed].astype(np.uint8), np.zeros((100, 1), np.int8))
    anchors = place_anchors(window.cm, np.arange(0, 101, 4))
    marks, at = alleles[~typed], cm[~typed]
    marks[50] ^= rng.random(120) < 0.2
    table = count_carriers(window, anchors, order_panel(window, anchors), HaplotypeMarks.of(marks), at)
    unexplained = measure_concordance(table)[:, [0, 5]]
    assert (unexplained[50] > np.quantile(unexplained, 0.9, axis=0)).all()
