"""Finished cells of the table on disk, so that a run may be cut off and go on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Doses = NDArray[np.float32]


@dataclass(frozen=True)
class Cell:
    """What one method with one seed made of one window: doses (T, V) and facts about how."""

    method: str
    window: str
    seed: int
    doses: Doses
    facts: dict[str, object]


class Store:
    """A folder of cells."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, method: str, window: str, seed: int) -> bool:
        """Whether a cell is there."""
        return self._path(method, window, seed).exists()

    def put(self, cell: Cell) -> None:
        """Keep a cell; it is there whole or not at all."""
        path = self._path(cell.method, cell.window, cell.seed)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(file, doses=cell.doses, facts=np.array(json.dumps(cell.facts)))
        partial.rename(path)

    def get(self, method: str, window: str, seed: int) -> Cell:
        """Read a cell."""
        with np.load(self._path(method, window, seed)) as content:
            facts = json.loads(str(content["facts"]))
            return Cell(method, window, seed, content["doses"], facts)

    def seeds(self, method: str, window: str) -> list[int]:
        """The seeds with which a method has finished a window."""
        found = self._folder.glob(f"{method}@{window}@*.npz")
        return sorted(int(path.stem.rsplit("@", 1)[1]) for path in found)

    def _path(self, method: str, window: str, seed: int) -> Path:
        return self._folder / f"{method}@{window}@{seed}.npz"
