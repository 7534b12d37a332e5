"""The tbi or csi index of a VCF file, made from what is known of its records while they are written."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinimpute.io.index import CSI_MAGIC, TBI_DEPTH, TBI_MAGIC, TBI_SHIFT, first_bin, summary_bin

_TBI_LIMIT = 1 << TBI_SHIFT + 3 * TBI_DEPTH  # a tbi index holds no position from here on
_CSI_DEPTH = 6  # up to position 2^32, which no VCF file reaches
_TABIX = struct.pack("<6i", 2, 1, 2, 0, ord("#"), 0)  # VCF; columns of CHROM, POS and no end; comments
_NONE = np.iinfo(np.uint64).max
_UP_BITS = 3  # of a bin's key: how many levels it is above the smallest bins

# Virtual offsets of places in the text of the records.
Virtual = Callable[[NDArray[np.int64]], NDArray[np.uint64]]


class _Runs(NamedTuple):
    """Consecutive records that share a bin: its key, and where their text begins and ends, each (Q,)."""

    key: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]

    def joined(self) -> _Runs:
        """As few runs as possible."""
        first = np.flatnonzero(np.diff(self.key, prepend=-1))
        last = np.append(first[1:], len(self.key)) - 1
        return _Runs(self.key[first], self.begin[first], self.end[last])


class _Windows(NamedTuple):
    """Windows as wide as the smallest bins (W,), and where the first record in each has its text (W,)."""

    window: NDArray[np.int64]
    begin: NDArray[np.int64]


class IndexBuilder:
    """Collects the records of a file in its order."""

    def __init__(self) -> None:
        self._chroms: dict[str, _Chromosome] = {}
        self._size = 0
        self._reach = 0

    @property
    def is_csi(self) -> bool:
        """Whether positions were added that need the csi format."""
        return self._reach >= _TBI_LIMIT

    def add(
        self, chrom: str, pos: NDArray[np.int64], spans: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> None:
        """Append records (R,): position, length of REF and length of the line, its end included.

        ValueError if they are not in coordinate order.
        """
        if not len(pos):
            return
        ends = self._size + np.cumsum(lengths)
        found = self._chroms.setdefault(chrom, _Chromosome())
        if chrom != next(reversed(self._chroms)) or np.diff(pos, prepend=found.last).min() < 0:
            raise ValueError("records to be indexed must be in coordinate order")
        found.add(pos, spans, ends - lengths, ends)
        self._size = int(ends[-1])
        self._reach = max(self._reach, int((pos + spans).max()) - 1)

    def content(self, virtual: Virtual) -> bytes:
        """The index, not compressed, given virtual offsets."""
        depth = _CSI_DEPTH if self.is_csi else TBI_DEPTH
        names = b"".join(name.encode() + b"\0" for name in self._chroms)
        tabix = _TABIX + struct.pack("<i", len(names)) + names
        count = struct.pack("<i", len(self._chroms))
        if self.is_csi:
            head = CSI_MAGIC + struct.pack("<3i", TBI_SHIFT, depth, len(tabix)) + tabix + count
        else:
            head = TBI_MAGIC + count + tabix
        bins = (chrom.content(virtual, depth, self.is_csi) for chrom in self._chroms.values())
        return b"".join([head, *bins, struct.pack("<Q", 0)])  # at the end, how many records have no place


class _Chromosome:
    """What the index holds of a chromosome."""

    def __init__(self) -> None:
        self.last = 0
        self._records = 0
        self._runs: list[_Runs] = []
        self._windows: list[_Windows] = []

    def add(
        self,
        pos: NDArray[np.int64],
        spans: NDArray[np.int64],
        begin: NDArray[np.int64],
        end: NDArray[np.int64],
    ) -> None:
        """Append records (R,) and where their text begins and ends."""
        start = np.maximum(pos - 1, 0)  # what stands before the first base counts as there
        low, high = start >> TBI_SHIFT, start + spans - 1 >> TBI_SHIFT
        up = sum((low >> 3 * k != high >> 3 * k).astype(np.int64) for k in range(_CSI_DEPTH))
        self._runs.append(_Runs(low >> 3 * up << _UP_BITS | up, begin, end).joined())
        many = high - low + 1
        within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        window, first = np.unique(np.repeat(low, many) + within, return_index=True)
        self._windows.append(_Windows(window, np.repeat(begin, many)[first]))
        self._records += len(pos)
        self.last = int(pos[-1])

    def content(self, virtual: Virtual, depth: int, is_csi: bool) -> bytes:
        """The bins of an index of so many levels."""
        runs = _Runs(*map(np.concatenate, zip(*self._runs, strict=True))).joined()
        firsts = self._firsts(virtual)
        place, up = runs.key >> _UP_BITS, runs.key & (1 << _UP_BITS) - 1
        number = np.array([first_bin(depth - k) for k in range(depth + 1)])[up] + place
        order = np.argsort(number, kind="stable")
        bins, first, count = np.unique(number[order], return_index=True, return_counts=True)
        chunks = np.stack([virtual(runs.begin), virtual(runs.end)], axis=1)
        head = np.stack([bins, count], axis=1).astype("<u4")
        if is_csi:
            # The first record that reaches into a bin may belong to a larger one.
            reach = firsts[(place << 3 * up)[order][first]].astype("<u8")
            head = np.insert(head, [1, 1], reach.view("<u4").reshape(-1, 2), axis=1)
        words = chunks[order].astype("<u8").view("<u4").ravel()
        body = np.insert(words, np.repeat(4 * first, head.shape[1]), head.ravel()).tobytes()
        summary = struct.pack("<I", summary_bin(depth)) + (b"\0" * 8 if is_csi else b"")
        summary += struct.pack("<i4Q", 2, chunks[0, 0], chunks[-1, 1], self._records, 0)
        linear = b"" if is_csi else struct.pack("<i", len(firsts)) + firsts.astype("<u8").tobytes()
        return struct.pack("<i", len(bins) + 1) + body + summary + linear

    def _firsts(self, virtual: Virtual) -> NDArray[np.uint64]:
        """Virtual offset of the first record in each window or, if it has none, in the next that has one."""
        found = _Windows(*map(np.concatenate, zip(*self._windows, strict=True)))
        firsts = np.full(found.window.max() + 1, _NONE)
        np.minimum.at(firsts, found.window, virtual(found.begin))
        return np.minimum.accumulate(firsts[::-1])[::-1]
