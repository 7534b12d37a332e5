"""Where in a BGZF file a region begins, from its tbi or csi index."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from spinimpute.errors import SpinImputeError
from spinimpute.io.inflate import Offset, inflate

_TBI_SHIFT, _TBI_DEPTH = 14, 5
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
    try:
        return _find(b"".join(inflate(index, f"index {index}")), contigs, chrom, start - 1)
    except (struct.error, UnicodeDecodeError) as error:
        raise SpinImputeError(
            "the index is malformed", where=f"index {index}", remedy="index it again"
        ) from error


def _find(data: bytes, contigs: Sequence[str], chrom: str, start: int) -> Offset | None:
    is_csi = data[:4] == b"CSI\x01"
    if not is_csi and data[:4] != b"TBI\x01":
        raise struct.error("not an index")
    shift, depth = struct.unpack_from("<2i", data, 4) if is_csi else (_TBI_SHIFT, _TBI_DEPTH)
    position = 4 if not is_csi else 16 + int(struct.unpack_from("<i", data, 12)[0])
    names = _names(data[16:position] if is_csi else data[8:]) or list(contigs)
    (count,) = struct.unpack_from("<i", data, position)
    position += 4 if is_csi else 4 + _TABIX_HEADER + int(struct.unpack_from("<i", data, 32)[0])
    if chrom not in names[:count]:
        return None
    for _ in range(names.index(chrom)):
        position = _Bins.read(data, position, is_csi).end
    bins = _Bins.read(data, position, is_csi)
    return _before(bins, start >> shift, depth)


class _Bins(NamedTuple):
    """Offsets of the chunks of each bin of one chromosome; end is the position after them in the index."""

    chunks: dict[int, list[int]]
    end: int

    @staticmethod
    def read(data: bytes, position: int, is_csi: bool) -> _Bins:
        (count,) = struct.unpack_from("<i", data, position)
        position += 4
        chunks: dict[int, list[int]] = {}
        for _ in range(count):
            number, *_, n_chunks = struct.unpack_from("<IQi" if is_csi else "<Ii", data, position)
            position += 16 if is_csi else 8
            chunks[number] = list(struct.unpack_from(f"<{2 * n_chunks}Q", data, position)[::2])
            position += 16 * n_chunks
        if not is_csi:
            position += 4 + 8 * int(struct.unpack_from("<i", data, position)[0])
        return _Bins(chunks, position)


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
        place = number - ((1 << 3 * level) - 1) // 7
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
