"""Where in a BGZF file a region begins, from its tbi or csi index."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from spinimpute.errors import SpinImputeError
from spinimpute.io.inflate import Offset, inflate

TBI_MAGIC, CSI_MAGIC = b"TBI\x01", b"CSI\x01"
TBI_SHIFT, TBI_DEPTH = 14, 5
_MOST_SHIFT, _MOST_DEPTH = 30, 10  # far beyond those of any genome
_TABIX_HEADER = 28  # bytes between a tabix index's counts and its names


def usable_index(path: Path) -> Path | None:
    """The index of a file, unless there is none or it is older than the file."""
    for suffix in (".csi", ".tbi"):
        index = path.with_name(path.name + suffix)
        if index.exists() and index.stat().st_mtime >= path.stat().st_mtime:
            return index
    return None


def find_start(index: Path, contigs: Sequence[str], chrom: str, start: int) -> Offset | None:
    """An offset before all records of chrom from the 1-based start on; None if chrom has no records.

    contigs are the header's, in order, as the index of a BCF file names none. SpinImputeError if malformed.
    """
    with _well_formed(index):
        found = _Index.read(index, contigs)
        for name, bins in found.bins():
            if name == chrom:
                return _before(bins, (start - 1) >> found.shift, found.depth)
        return None


def count_records(index: Path, contigs: Sequence[str]) -> dict[str, int] | None:
    """Records by chromosome, for those that have any; None if the index does not count them.

    contigs and SpinImputeError as for `find_start`.
    """
    with _well_formed(index):
        counts: dict[str, int] = {}
        for name, bins in _Index.read(index, contigs).bins():
            if bins.chunks and bins.records is None:
                return None
            if bins.records:
                counts[name] = bins.records
        return counts


def first_bin(level: int) -> int:
    """The number of the first bin of a level; each bin has eight in the next."""
    return ((1 << 3 * level) - 1) // 7


def summary_bin(depth: int) -> int:
    """The number, one behind that of the last bin, of what holds counts instead of places."""
    return first_bin(depth + 1) + 1


@contextmanager
def _well_formed(index: Path) -> Iterator[None]:
    """Turn what reading an index raises into a SpinImputeError that says so."""
    try:
        yield
    except (struct.error, UnicodeDecodeError) as error:
        raise SpinImputeError(
            "the index is malformed", where=f"index {index}", remedy="index it again"
        ) from error


@dataclass(frozen=True)
class _Index:
    """The content of an index, from a position on that of the first chromosome's bins."""

    data: bytes
    position: int
    names: list[str]
    shift: int
    depth: int
    is_csi: bool

    @staticmethod
    def read(path: Path, contigs: Sequence[str]) -> _Index:
        data = b"".join(inflate(path, f"index {path}"))
        is_csi = data[:4] == CSI_MAGIC
        if not is_csi and data[:4] != TBI_MAGIC:
            raise struct.error("not an index")
        shift, depth = struct.unpack_from("<2i", data, 4) if is_csi else (TBI_SHIFT, TBI_DEPTH)
        if not (0 < shift <= _MOST_SHIFT and 0 <= depth <= _MOST_DEPTH):
            raise struct.error("bins of impossible sizes")
        position = 4 if not is_csi else 16 + _length(data, 12)
        names = _names(data[16:position] if is_csi else data[8:]) or list(contigs)
        (count,) = struct.unpack_from("<i", data, position)
        position += 4 if is_csi else 4 + _TABIX_HEADER + _length(data, 32)
        return _Index(data, position, names[: max(count, 0)], shift, depth, is_csi)

    def bins(self) -> Iterator[tuple[str, _Bins]]:
        """Yield each chromosome's name and bins."""
        position = self.position
        for name in self.names:
            bins = _Bins.read(self, position)
            position = bins.end
            yield name, bins


class _Bins(NamedTuple):
    """Offsets of the chunks of each bin of one chromosome, and how many records it has, None if the index
    does not say so; end is the position after them in the index.
    """

    chunks: dict[int, list[int]]
    records: int | None
    end: int

    @staticmethod
    def read(index: _Index, position: int) -> _Bins:
        data, is_csi = index.data, index.is_csi
        summary = summary_bin(index.depth)
        (count,) = struct.unpack_from("<i", data, position)
        position += 4
        chunks: dict[int, list[int]] = {}
        records = None
        for _ in range(count):
            number, *_ = struct.unpack_from("<I", data, position)
            position += 12 if is_csi else 4
            n_chunks = _length(data, position)
            offsets = struct.unpack_from(f"<{2 * n_chunks}Q", data, position + 4)
            position += 4 + 16 * n_chunks
            if number == summary and n_chunks == 2:
                records = int(offsets[2] + offsets[3])
            elif number != summary:
                chunks[number] = list(offsets[::2])
        if not is_csi:
            position += 4 + 8 * _length(data, position)
        return _Bins(chunks, records, position)


def _length(data: bytes, position: int) -> int:
    """A number of things that follow."""
    (length,) = struct.unpack_from("<i", data, position)
    if length < 0:
        raise struct.error("a negative length")
    return int(length)


def _before(bins: _Bins, window: int, depth: int) -> Offset | None:
    """The offset of the last chunk whose bin ends before a window, or else that of the first record.

    A chunk begins with a record of its bin, and records of earlier windows come before those of this one: so
    none of these is missed.
    """
    earlier, every = [], []
    for number, chunks in bins.chunks.items():
        level = ((7 * number + 1).bit_length() - 1) // 3
        if level > depth:
            continue  # no bin but a summary
        every += chunks
        place = number - first_bin(level)
        if place + 1 << 3 * (depth - level) <= window:
            earlier += chunks
    if not every:
        return None
    found = max(earlier) if earlier else min(every)
    return Offset(found >> 16, found & 0xFFFF)


def _names(tabix: bytes) -> list[str]:
    """The chromosome names in a tabix header, which begins with six settings; none in an empty one."""
    if len(tabix) < _TABIX_HEADER:
        return []
    (length,) = struct.unpack_from("<i", tabix, _TABIX_HEADER - 4)
    return tabix[_TABIX_HEADER : _TABIX_HEADER + length].decode().split("\0")[:-1]
