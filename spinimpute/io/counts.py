"""How many records a variant file has, without reading all of it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from spinimpute.errors import SpinImputeError
from spinimpute.io.index import count_records, find_start, usable_index
from spinimpute.io.integrity import GZIP_MAGIC, is_bgzf, is_binary
from spinimpute.io.region import Region

_LAST = 1 << 29  # beyond all positions of a tabix index
_PIECE = 1 << 14  # bytes of the file
_SAMPLE = 1 << 18  # bytes of the file read at a place
_PLACES = 16
_FEWEST = 16  # records from which their length is taken
_BGZF_MAGIC = b"\x1f\x8b\x08\x04"
_BGZF_HEADER = 18
_GZIP = zlib.MAX_WBITS | 16
_BCF_TEXT = 9  # bytes before a BCF header's text


def indexed_records(path: Path, contigs: Sequence[str]) -> dict[str, int] | None:
    """Records by chromosome as the index counts them; None without an index that does.

    contigs are the header's, in order. Nor does a malformed index: what needs it will say so.
    """
    index = usable_index(path)
    try:
        return (count_records(index, contigs) or None) if index else None
    except SpinImputeError:
        return None


def indexed_share(path: Path, contigs: Sequence[str], region: Region) -> float:
    """The share of a chromosome's records that lie in a region, by where the index has them in the file.

    contigs are the header's, in order; SpinImputeError if the index is malformed.
    """
    index = usable_index(path)
    assert index is not None
    # Offsets within a block count content, those of blocks count what is in the file.
    inflation = _inflation(path) or 1.0
    places = []
    for position in (1, region.start or 1, region.end + 1 if region.end else _LAST, _LAST):
        offset = find_start(index, contigs, region.chrom, position)
        if offset is None:
            return 0.0
        places.append(offset.block + offset.within / inflation)
    first, start, end, last = places
    return (end - start) / (last - first) if last > first else 1.0


def extrapolated_records(path: Path, where: str) -> int:
    """Records of the whole file if all are as long as its first; exact for a small file.

    SpinImputeError if what is read is corrupt.
    """
    size = path.stat().st_size
    counter: _Counter = _BinaryCounter() if is_binary(path) else _TextCounter()
    count = length = end = 0
    try:
        for piece in _pieces(path):
            count += counter.feed(piece.content)
            length += len(piece.content)
            end = piece.end
            if end >= _SAMPLE and count >= _FEWEST:
                break
        else:
            return count
        whole = size * (_inflation(path) or length / end)
    except (OSError, zlib.error, struct.error) as error:
        raise SpinImputeError(
            "the file is corrupt", where=where, found=str(error), remedy="copy or write it again"
        ) from error
    return round(count * (whole - counter.header) / (length - counter.header))


def _inflation(path: Path) -> float | None:
    """Bytes that a BGZF file holds for each of its own, from the sizes of blocks all over it; None for
    another file.
    """
    packed = unpacked = 0
    size = path.stat().st_size
    with path.open("rb") as file:
        if not is_bgzf(file.read(_BGZF_HEADER)):
            return None
        for place in range(0, size, max(size // _PLACES, 1)):
            file.seek(place)
            data = file.read(_SAMPLE)
            start = data.find(_BGZF_MAGIC)
            while start >= 0 and is_bgzf(data[start : start + _BGZF_HEADER]):
                end = start + int(struct.unpack_from("<H", data, start + 16)[0]) + 1
                if end > len(data):
                    break
                packed += end - start
                unpacked += int(struct.unpack_from("<I", data, end - 4)[0])
                start = end
    return unpacked / packed


@dataclass(frozen=True)
class _Piece:
    """Decompressed content, and where in the file it ends."""

    content: bytes
    end: int


def _pieces(path: Path) -> Iterator[_Piece]:
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        inflator = zlib.decompressobj(_GZIP)
        while raw := file.read(_PIECE):
            content = b""
            while packed and raw:
                if inflator.eof:
                    inflator = zlib.decompressobj(_GZIP)
                content += inflator.decompress(raw)
                raw = inflator.unused_data
            yield _Piece(content or raw, file.tell())


class _Counter(Protocol):
    """Counts the records of a file that is fed to it; header is the length of what precedes them."""

    header: int

    def feed(self, content: bytes) -> int:
        """Return how many records end in the content that comes next."""


class _TextCounter:
    """Lines after that of the column names."""

    def __init__(self) -> None:
        self.header = 0
        self._begun = b"\n"

    def feed(self, content: bytes) -> int:
        """Count the ends of lines."""
        if self.header:
            return content.count(b"\n")
        self._begun += content
        names = self._begun.find(b"\n#CHROM")
        end = self._begun.find(b"\n", names + 1) if names >= 0 else -1
        self.header = max(end, 0)
        return self._begun.count(b"\n", end + 1) if self.header else 0


class _BinaryCounter:
    """BCF records, each of which begins with the lengths of its two parts."""

    def __init__(self) -> None:
        self.header = 0
        self._rest = b""

    def feed(self, content: bytes) -> int:
        """Go from record to record."""
        self._rest += content
        if not self.header and not self._skip_header():
            return 0
        place = count = 0
        while place + 8 <= len(self._rest):
            end = place + 8 + sum(struct.unpack_from("<2I", self._rest, place))
            if end > len(self._rest):
                break
            place, count = end, count + 1
        self._rest = self._rest[place:]
        return count

    def _skip_header(self) -> bool:
        if len(self._rest) >= _BCF_TEXT:
            end = _BCF_TEXT + int(struct.unpack_from("<I", self._rest, _BCF_TEXT - 4)[0])
            if len(self._rest) >= end:
                self.header, self._rest = end, self._rest[end:]
        return self.header > 0
