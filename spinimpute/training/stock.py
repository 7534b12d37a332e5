"""The stock that a training takes its batches from: stretches of many tasks, drawn once and kept packed.

Every batch holds stretches of all tasks. Batches from a few tasks at a time let the last ones weigh too much;
with them neither longer training nor larger networks helped (benchmarks/ablation).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spinimpute.training.batches import Batch, sample_batch
from spinimpute.training.pseudo_targets import draw_task
from spinimpute.training.sources import Source

# Numbers as they are packed; what is not named here and no bits stays as it is.
_PACKED = {
    "measures": np.float16, "sites": np.float16, "share": np.float16, "query": np.float16,
    "truth": np.uint8, "asked": np.uint8,
}  # fmt: skip
_KNOWN = 3  # the column of sites that tells whether a typed variant's allele is known


def _pack_bits(bits: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Pack the last axis of (..., K)."""
    return np.packbits(bits, axis=-1, bitorder="little")


def _unpack_bits(packed: NDArray[Any], count: int) -> NDArray[np.uint8]:
    return np.unpackbits(packed, axis=-1, count=count, bitorder="little")


def _pack(batch: Batch) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {name: tensor.numpy() for name, tensor in vars(batch).items()}
    columns |= {name: columns[name].astype(kind) for name, kind in _PACKED.items()}
    columns |= {name: _pack_bits(columns[name] != 0) for name in ("left", "right")}
    columns["match"] = _pack_bits(columns["match"] < 0)
    return columns


class Shelf:
    """Stretches with contexts of one size K, by the names of `Batch`, in less than half of its room."""

    def __init__(self, batch: Batch, room: int) -> None:
        """Put a batch on a shelf with room for so many stretches, which takes memory as it fills."""
        self.context_size = batch.left.shape[-1]
        packed = _pack(batch)
        self._columns = {
            name: np.empty((room, *column.shape[1:]), column.dtype) for name, column in packed.items()
        }
        self._filled = 0
        self._put(packed)

    def __len__(self) -> int:
        return self._filled

    def put(self, batch: Batch) -> None:
        """Add the stretches of a batch."""
        self._put(_pack(batch))

    def _put(self, packed: dict[str, NDArray[Any]]) -> None:
        end = self._filled + len(packed["truth"])
        for name, column in packed.items():
            self._columns[name][self._filled : end] = column
        self._filled = end

    def take(self, rows: NDArray[np.int64]) -> Batch:
        """Unpack some stretches."""
        taken = {name: column[rows] for name, column in self._columns.items()}
        taken |= {name: taken[name].astype(np.float32) for name in _PACKED}
        taken |= {name: _unpack_bits(taken[name], self.context_size) for name in ("left", "right")}
        sites = taken["sites"]
        differs = _unpack_bits(taken["match"], sites.shape[2]).view(np.int8)
        known = (sites[..., _KNOWN] > 0).astype(np.int8)
        taken["match"] = (1 - 2 * differs) * known[:, :, None]
        return Batch(**{name: torch.from_numpy(array) for name, array in taken.items()})


@dataclass(frozen=True)
class Stock:
    """All stretches, those of small panels on shelves of their own."""

    shelves: list[Shelf]

    def batch(self, rng: np.random.Generator, stretches: int) -> Batch:
        """Take random stretches of one shelf, chosen by its size."""
        sizes = np.array([len(shelf) for shelf in self.shelves])
        shelf = self.shelves[rng.choice(len(sizes), p=sizes / sizes.sum())]
        rows = rng.choice(len(shelf), min(stretches, len(shelf)), replace=False, shuffle=False)
        return shelf.take(np.sort(rows))


@dataclass(frozen=True)
class Tasks:
    """Tasks of some sources, drawn by their weights: each depends on the seed and its number alone."""

    sources: Sequence[Source]
    weights: NDArray[np.float64]
    context: int
    seed: int

    def batch(self, number: int, stretches: int, length: int, queries: int) -> Batch:
        """Return stretches of one task, as `sample_batch` does."""
        rng = np.random.default_rng([self.seed, number])
        chances = self.weights / self.weights.sum()
        source = self.sources[int(rng.choice(len(self.sources), p=chances))]
        draw = draw_task(source, self.context, [self.seed, number, 1])
        return sample_batch(draw, rng, stretches, length, queries)

    def stock(self, tasks: int, stretches: int, length: int, queries: int, threads: int) -> Stock:
        """Draw the first tasks and keep stretches of each."""

        def draw(number: int) -> Batch:
            return self.batch(number, stretches, length, queries)

        shelves: dict[int, Shelf] = {}
        with ThreadPoolExecutor(threads, thread_name_prefix="tasks") as pool:
            for batch in pool.map(draw, range(tasks)):
                size = batch.left.shape[-1]
                if size in shelves:
                    shelves[size].put(batch)
                else:
                    shelves[size] = Shelf(batch, tasks * stretches)
        return Stock([shelves[size] for size in sorted(shelves)])
