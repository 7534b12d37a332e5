"""Variants of several files, brought side by side as their positions go by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinimpute.sites import Sites

KINDS = ("SNP", "indel", "other")
_SNP, _INDEL, _OTHER = range(3)
_BASES = frozenset("ACGTN")

Key = tuple[int, str, str]


@dataclass(frozen=True)
class Variants:
    """V variants (ALT alleles) of one chromosome in order, with columns (V, ...)."""

    keys: list[Key]
    columns: Mapping[str, NDArray[Any]]

    @staticmethod
    def of(sites: Sites, columns: Mapping[str, NDArray[Any]]) -> Variants:
        """The variants of some records; case has no meaning in a sequence."""
        keys = [
            (pos, ref.upper(), alt.upper())
            for pos, ref, alts in zip(sites.pos.tolist(), sites.ref, sites.alts, strict=True)
            for alt in alts
        ]
        return Variants(keys, columns)

    @property
    def pos(self) -> NDArray[np.int64]:
        """(V,) the positions."""
        return np.array([key[0] for key in self.keys], np.int64)

    @property
    def kinds(self) -> NDArray[np.int8]:
        """(V,) the type of each variant, an index of KINDS."""
        return np.array([_kind(ref, alt) for _, ref, alt in self.keys], np.int8)

    def take(self, rows: slice | NDArray[np.integer] | NDArray[np.bool_]) -> Variants:
        """The chosen variants."""
        chosen = np.arange(len(self.keys))[rows].tolist()
        return Variants(
            [self.keys[row] for row in chosen], {name: values[rows] for name, values in self.columns.items()}
        )

    def find(self, wanted: Variants) -> NDArray[np.int64]:
        """(W,) the first row that has each wanted variant, -1 for none."""
        rows = {key: row for row, key in reversed(list(enumerate(self.keys)))}
        return np.array([rows.get(key, -1) for key in wanted.keys], np.int64)

    def first_ones(self) -> NDArray[np.bool_]:
        """(V,) False where an earlier variant has the same key."""
        return np.asarray(self.find(self) == np.arange(len(self.keys)))

    @staticmethod
    def join(parts: list[Variants]) -> Variants:
        """Parts of one chromosome in a row."""
        keys = [key for part in parts for key in part.keys]
        return Variants(
            keys, {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
        )


class Cursor:
    """Goes through blocks of one chromosome's variants and keeps those that are asked for.

    passed counts those gone by that were not: however many there are, they take no memory.
    """

    def __init__(self, blocks: Iterable[Variants]) -> None:
        self.passed = 0
        self._blocks: Iterator[Variants] = iter(blocks)
        self._rest: Variants | None = None

    def through(self, wanted: Variants) -> Variants | None:
        """The variants with one of the wanted keys, up to the last one's position; None if there are none.

        What is wanted must not stand before what was wanted earlier.
        """
        keys = set(wanted.keys)
        parts: list[Variants] = []
        while keys and (block := self._next()) is not None:
            end = int(np.searchsorted(block.pos, wanted.keys[-1][0], "right"))
            rows = [row for row in range(end) if block.keys[row] in keys]
            self.passed += end - len(rows)
            if rows:
                parts.append(block.take(np.array(rows)))
            if end < len(block.keys):
                self._rest = block.take(slice(end, None))
                break
        return Variants.join(parts) if parts else None

    def finish(self) -> None:
        """Let all others pass."""
        while (block := self._next()) is not None:
            self.passed += len(block.keys)

    def _next(self) -> Variants | None:
        block = self._rest if self._rest is not None else next(self._blocks, None)
        self._rest = None
        return block


def _kind(ref: str, alt: str) -> int:
    """SNP: one base for another; indel: sequences of other length; other: of equal length, symbols, *."""
    if not set(ref + alt) <= _BASES:
        return _OTHER
    if len(ref) == len(alt):
        return _SNP if len(ref) == 1 else _OTHER
    return _INDEL
