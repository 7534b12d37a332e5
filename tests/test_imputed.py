"""Listed doses against the matrix that they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from spinimpute.imputed import DOSE_TICKS, PIECE_DOSES, DoseList, ImputedWindow, to_ticks
from spinimpute.panel import TypedRecords, Variants
from spinimpute.sites import Sites


@pytest.mark.parametrize("batch", [1, 3, 20])
def test_lists_stand_for_a_matrix(batch: int) -> None:
    rng = np.random.default_rng(batch)
    others = to_ticks(rng.random(50))
    ticks = rng.integers(0, DOSE_TICKS, (20, 50), np.uint16, endpoint=True)
    listed = rng.random(ticks.shape) < 0.2
    found = DoseList()
    for low in range(0, 20, batch):
        some = listed[low : low + batch]
        variant = np.nonzero(some)[1].astype(np.int32)
        found.add(some.sum(axis=1), variant, ticks[low : low + batch][some])
    expected = np.where(listed, ticks, others).T / DOSE_TICKS
    for first, last in ((0, 50), (7, 8), (13, 40), (9, 9)):
        dense = found.doses(others).dense(first, last)
        np.testing.assert_allclose(dense, expected[first:last], atol=1e-6)


def test_pieces_are_smaller_with_more_targets() -> None:
    n_targets = PIECE_DOSES // 10
    sites = Sites("1", np.arange(1, 26), ["A"] * 25, [("C",)] * 25, ["."] * 25)
    core = Variants(
        np.arange(25, dtype=np.int32),
        np.ones(25, np.int8),
        np.arange(25.0),
        np.zeros(25, np.float32),
        np.zeros(25, np.bool_),
    )
    doses = DoseList()
    doses.add(np.zeros(n_targets, np.int64), np.empty(0, np.int32), np.empty(0, np.uint16))
    typed = TypedRecords(np.zeros(25, np.bool_), np.empty((0, n_targets), np.int8))
    window = ImputedWindow(sites, core, typed, doses.doses(to_ticks(np.zeros(25))))
    assert [len(block.sites) for block in window.blocks()] == [10, 10, 5]
