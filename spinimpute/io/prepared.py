"""Prepared panels: one ZIP archive of NumPy arrays, read by chunks of records.

The first member, stored plainly, names the format and its version. Each chunk is a deflated member of arrays
in .npy format, one after the other, whose CRC-32 is verified whenever it is read. The last members are the
index of the chunks and a JSON description. A cut archive has no directory and is refused at once.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.chunks import pack_chunk, read_array, unpack_chunk, write_array
from spinimpute.io.contents import Count, FileCount, Kind
from spinimpute.io.integrity import check_readable
from spinimpute.io.records import RecordBlock, kept_samples
from spinimpute.io.region import Region
from spinimpute.io.sparse import SparseBlock
from spinimpute.sites import resolve_contig

FORMAT = "spinimpute-panel"
VERSION = 1
_INDEX, _DETAILS = "index.npy", "panel.json"
_LOCAL_HEADER = 30  # bytes before the name of a ZIP archive's first member
_FAULTS = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, LookupError, NotImplementedError, OSError,
    OverflowError, RuntimeError, TypeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class PanelDetails:
    """What a prepared panel says of itself; contigs give the length of each contig, None if unknown.

    source and sha256 are the name and digest of the file that it was made from, region the part of it that
    was asked for; created is a time in ISO 8601, by the given version of this software.
    """

    samples: list[str]
    contigs: dict[str, int | None]
    source: str
    sha256: str
    region: str | None
    created: str
    software: str


@dataclass(frozen=True)
class PanelChunk:
    """One entry of the index: first and last position; how many records, variants, sparse variants."""

    chrom: str
    first: int
    last: int
    records: int
    variants: int
    sparse: int


def is_prepared(path: Path) -> bool:
    """Tell whether a file begins as a prepared panel does, of whatever version."""
    with path.open("rb") as file:
        return file.read(_LOCAL_HEADER + len(FORMAT))[_LOCAL_HEADER:] == FORMAT.encode()


class PreparedPanel:
    """A prepared panel without the samples to exclude.

    Its records were checked as those of a panel when it was made. SpinImputeError if it is damaged or of
    another version.
    """

    checked = True
    indexed = True
    kind = Kind.PREPARED

    def __init__(self, path: Path, role: str = "panel", exclude_samples: Collection[str] = ()) -> None:
        self.path = path
        self.where = f"{role} {path}"
        check_readable(path, self.where)
        if not is_prepared(path):
            raise SpinImputeError(
                "the file is not a prepared panel", where=self.where, remedy="make one with `panel build`"
            )
        with self._whole():
            self._archive = zipfile.ZipFile(path)
        try:
            self._check_version()
            with self._whole():
                self.details = PanelDetails(**json.loads(self._archive.read(_DETAILS)))
                self.chunks = _read_index(self._archive.read(_INDEX), list(self.details.contigs))
            self.samples = kept_samples(self.details.samples, exclude_samples, self.where)
        except BaseException:
            self.close()
            raise
        self.contigs = self.details.contigs
        kept = set(self.samples)
        self._kept = np.repeat([name in kept for name in self.details.samples], 2)

    def __enter__(self) -> PreparedPanel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def digest(self) -> str:
        """SHA-256 of the file that the panel was made from, as if that was read."""
        return self.details.sha256

    def count(self) -> FileCount:
        """Records by chromosome, from the index."""
        by_chrom: dict[str, int] = {}
        for chunk in self.chunks:
            by_chrom[chunk.chrom] = by_chrom.get(chunk.chrom, 0) + chunk.records
        return FileCount.exact(by_chrom)

    def region_count(self, region: Region) -> Count:
        """Records in a region; reads the chunks across its ends alone, SpinImputeError if one is damaged."""
        records = 0
        for number, chunk in enumerate(self.chunks):
            if _overlap(chunk, region):
                inside = chunk.first >= (region.start or 1) and not region.ends_before(chunk.last)
                rows = None if inside else region.rows(self._chunk(number).sites.pos)
                records += rows.stop - rows.start if rows else chunk.records
        return Count(records, exact=True)

    def blocks(self, max_records: int = 1024, region: Region | None = None) -> Iterator[RecordBlock]:
        """Yield blocks of at most about max_records, which span one chromosome and never part a position.

        SpinImputeError if a chunk is damaged.
        """
        for sparse in self.sparse_blocks(region):
            for begin, end in _pieces(sparse.sites.pos, max_records):
                yield sparse.records(begin, end).dense()

    def sparse_blocks(self, region: Region | None = None) -> Iterator[SparseBlock]:
        """Yield the chunks, in a region if there is one, in their sparse form; SpinImputeError if damaged."""
        for number, chunk in enumerate(self.chunks):
            if region is None:
                yield self._chunk(number)
            elif _overlap(chunk, region):
                block = self._chunk(number)
                rows = region.rows(block.sites.pos)
                if rows.start < rows.stop:
                    yield block.records(rows.start, rows.stop)

    def _chunk(self, number: int) -> SparseBlock:
        chunk = self.chunks[number]
        with self._whole(f" {chunk.chrom}:{chunk.first}-{chunk.last}"):
            data = self._archive.read(_chunk_name(number))
            block = unpack_chunk(data, chunk.chrom, 2 * len(self.details.samples))
        return block if len(self.samples) == len(self.details.samples) else block.keep(self._kept)

    def _check_version(self) -> None:
        with self._whole():
            found = int(self._archive.read(FORMAT))
        if found != VERSION:
            raise SpinImputeError(
                f"the prepared panel must be of format version {VERSION}",
                where=self.where,
                found=str(found),
                remedy="build it again with this version of spinimpute",
            )

    @contextmanager
    def _whole(self, part: str = "") -> Iterator[None]:
        """Turn what the libraries say of a damaged archive into one SpinImputeError."""
        try:
            yield
        except _FAULTS as error:
            raise SpinImputeError(
                "the prepared panel is damaged or cut",
                where=f"{self.where}{part}",
                found=str(error),
                remedy="copy it or build it again",
            ) from error


class PanelArchive:
    """Writes a prepared panel to a new file, block by block; complete once finished."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
        self._archive.writestr(FORMAT, f"{VERSION}\n", zipfile.ZIP_STORED)
        self._chunks: list[PanelChunk] = []

    def __enter__(self) -> PanelArchive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def add(self, block: RecordBlock) -> None:
        """Write a block of a panel as the next chunk."""
        sparse = SparseBlock.from_block(block)
        pos = block.sites.pos
        variants, rare = len(sparse.flip), int((sparse.marks.row < 0).sum())
        chunk = PanelChunk(block.sites.chrom, int(pos[0]), int(pos[-1]), len(pos), variants, rare)
        self._archive.writestr(_chunk_name(len(self._chunks)), pack_chunk(sparse))
        self._chunks.append(chunk)

    def finish(self, details: PanelDetails) -> None:
        """Write what makes the chunks a panel."""
        self._archive.writestr(_INDEX, _write_index(self._chunks, list(details.contigs)))
        self._archive.writestr(_DETAILS, json.dumps(asdict(details)))


def _chunk_name(number: int) -> str:
    return f"chunks/{number}"


def _write_index(chunks: list[PanelChunk], contigs: list[str]) -> bytes:
    """The index as an array (chunks, fields) int64, the contig by its place among contigs."""
    place = {name: i for i, name in enumerate(contigs)}
    rows = [[place[each.chrom], *list(asdict(each).values())[1:]] for each in chunks]
    return write_array(np.array(rows, np.int64).reshape(-1, len(fields(PanelChunk))))


def _read_index(data: bytes, contigs: list[str]) -> list[PanelChunk]:
    table: NDArray[np.int64] = read_array(data)
    if table.shape[1] != len(fields(PanelChunk)):
        raise ValueError("the index has other columns")
    return [PanelChunk(contigs[place], *rest) for place, *rest in table.tolist()]


def _overlap(chunk: PanelChunk, region: Region) -> bool:
    named = resolve_contig(region.chrom, [chunk.chrom]) is not None
    return named and chunk.last >= (region.start or 1) and not region.ends_before(chunk.first)


def _pieces(pos: NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """Bounds of runs of records, no longer than most unless one position has more of them."""
    begin = 0
    while begin < len(pos):
        end = min(begin + most, len(pos))
        if end < len(pos):
            inside = int(np.searchsorted(pos, pos[end]))
            end = inside if inside > begin else int(np.searchsorted(pos, pos[end], "right"))
        yield begin, end
        begin = end
