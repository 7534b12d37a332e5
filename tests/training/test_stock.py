"""The stock of a training: what is packed comes back, whoever packed it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_retrieval import mosaics

from spinimpute.training.batches import Batch
from spinimpute.training.sources import Source
from spinimpute.training.stock import Shelf, Stock, Tasks

CONTEXT = 20
SIZES = (12, 8, 6)  # stretches of a task, anchors of a stretch, queries between two


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    """Panels of a hundred and of nine people."""
    rng = np.random.default_rng(12)
    pos = np.cumsum(rng.integers(200, 1500, 900))
    alleles = mosaics(rng, 900, 200, founders=12).astype(np.uint8)
    return [Source(f"{n}", pos, pos * 1e-6, alleles[:, :n]) for n in (200, 18)]


def tasks_of(sources: list[Source], *weights: float) -> Tasks:
    return Tasks(sources, np.array(weights), CONTEXT, seed=3)


def assert_same(one: Batch, other: Batch) -> None:
    for name, tensor in vars(one).items():
        torch.testing.assert_close(getattr(other, name), tensor, rtol=1e-3, atol=1e-3, msg=name)


def test_what_is_packed_comes_back(sources: list[Source]) -> None:
    tasks, matches = tasks_of(sources, 1, 0), set()
    for number in range(6):
        batch = tasks.batch(number, *SIZES)
        shelf = Shelf(batch, room=SIZES[0])
        taken = shelf.take(np.arange(len(shelf)))
        assert_same(batch, taken)
        for name in ("match", "left", "right", "previous", "following", "truth", "asked", "task", "chain"):
            assert torch.equal(getattr(batch, name), getattr(taken, name)), name
        matches |= set(batch.match.unique().tolist())
    assert matches == {-1, 0, 1}


def test_threads_change_nothing(sources: list[Source]) -> None:
    tasks = tasks_of(sources, 1, 1)
    one, three = (tasks.stock(6, *SIZES, threads=threads) for threads in (1, 3))
    assert [shelf.context_size for shelf in one.shelves] == [shelf.context_size for shelf in three.shelves]
    for mine, other in zip(one.shelves, three.shelves, strict=True):
        everything = np.arange(len(mine))
        assert_same(mine.take(everything), other.take(everything))


def test_small_panels_have_shelves_of_their_own(sources: list[Source]) -> None:
    stock = tasks_of(sources, 1, 1).stock(8, *SIZES, threads=1)
    sizes = [shelf.context_size for shelf in stock.shelves]
    assert len(sizes) == 2
    assert sizes[0] < sizes[1] == CONTEXT
    assert sum(map(len, stock.shelves)) == 8 * SIZES[0]
    rng = np.random.default_rng(1)
    assert {stock.batch(rng, 4).left.shape[-1] for _ in range(30)} == set(sizes)


def test_a_batch_holds_different_stretches_of_many_tasks(sources: list[Source]) -> None:
    tasks = tasks_of(sources, 1, 0)
    stock = tasks.stock(5, *SIZES, threads=1)
    batch = stock.batch(np.random.default_rng(1), 40)
    assert len(batch.truth) == len({tensor.numpy().tobytes() for tensor in batch.measures}) == 40
    everything = stock.shelves[0].take(np.arange(5 * SIZES[0]))
    place = {tensor.numpy().tobytes(): i for i, tensor in enumerate(everything.measures)}
    of_task = {place[tensor.numpy().tobytes()] // SIZES[0] for tensor in batch.measures}
    assert of_task == set(range(5))


def test_a_batch_is_no_larger_than_its_shelf(sources: list[Source]) -> None:
    shelf = Shelf(tasks_of(sources, 1, 0).batch(0, *SIZES), room=100)
    assert len(Stock([shelf]).batch(np.random.default_rng(1), 100).truth) == SIZES[0]
