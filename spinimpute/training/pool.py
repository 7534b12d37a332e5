"""A rolling pool of tasks, drawn in a background thread while the network trains on the present ones."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from spinimpute.training.pseudo_targets import Draw, draw_task
from spinimpute.training.sources import Source

# Tasks drawn ahead of need.
AHEAD = 2


class DrawPool:
    """At any step the pool holds the same draws, whatever happened before: draw i depends on the seed and i
    alone.
    """

    def __init__(
        self, sources: Sequence[Source], weights: NDArray[np.float64], context: int, seed: int, size: int
    ) -> None:
        self._sources = sources
        self._weights = weights / weights.sum()
        self._context = context
        self._seed = seed
        self._size = size
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="draws")
        self._drawn: dict[int, Future[Draw]] = {}

    def __enter__(self) -> DrawPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def at(self, first: int) -> list[Draw]:
        """Return draws first to first + size, forgetting earlier ones and starting on later ones."""
        for index in [i for i in self._drawn if i < first]:
            del self._drawn[index]
        for index in range(first, first + self._size + AHEAD):
            if index not in self._drawn:
                self._drawn[index] = self._executor.submit(self._draw, index)
        return [self._drawn[index].result() for index in range(first, first + self._size)]

    def _draw(self, index: int) -> Draw:
        rng = np.random.default_rng([self._seed, index])
        source = self._sources[int(rng.choice(len(self._sources), p=self._weights))]
        return draw_task(source, self._context, [self._seed, index, 1])
