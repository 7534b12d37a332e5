"""The bytes of a file, decompressed if need be, in order and in large pieces."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from zlib_ng import zlib_ng

from spinimpute.errors import SpinImputeError
from spinimpute.io.integrity import GZIP_MAGIC, is_bgzf

_PIECE = 1 << 20  # compressed bytes read at a time
_STREAM_PIECE = 1 << 16  # of plain gzip, whose ratio may be extreme
_RUN = 64  # BGZF blocks decompressed together, 4 MiB at most
_GZIP = zlib_ng.MAX_WBITS | 16
_LARGEST = 1 << 16  # bytes that a BGZF block may hold
# zlib-ng declares its error class as an instance.
_FAULTS = (OSError, EOFError, struct.error, cast(type[Exception], zlib_ng.error))
_CUT = "the last block is cut"
_BLOCK_HEADER = 18  # bytes of a BGZF block up to the end of its size


class Offset(NamedTuple):
    """A place in a BGZF file: where a block begins in the file, and how far into its content to go."""

    block: int
    within: int


_BEGINNING = Offset(0, 0)


def inflate(path: Path, where: str, threads: int = 2, offset: Offset = _BEGINNING) -> Iterator[bytes]:
    """Yield the content of a plain, gzip or BGZF file; SpinImputeError if it is cut or corrupt.

    BGZF may be entered at an offset, and is decompressed ahead of the reader on that many threads.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_BLOCK_HEADER)
            file.seek(0)
            if is_bgzf(head):
                file.seek(offset.block)
                pieces = _inflate_blocks(file, threads)
                first = next(pieces, b"")
                if offset != _BEGINNING and offset.within >= len(first):
                    raise EOFError("the index leads beyond the end")
                yield first[offset.within :]
                yield from pieces
            elif head.startswith(GZIP_MAGIC):
                yield from _inflate_stream(file)
            else:
                yield from iter(lambda: file.read(4 * _PIECE), b"")
    except _FAULTS as error:
        raise SpinImputeError(
            "the file is corrupt", where=where, found=str(error), remedy="copy or write it again"
        ) from error


def inflate_whole(data: bytes) -> bytes:
    """The content of whole BGZF blocks; OSError if they are cut or corrupt."""
    try:
        blocks, rest = _split(data)
        if rest:
            raise EOFError(_CUT)
        return _inflate_run(blocks)
    except _FAULTS as error:
        raise OSError(f"corrupt blocks: {error}") from error


def _inflate_blocks(file: BinaryIO, threads: int) -> Iterator[bytes]:
    """Decompress runs of whole BGZF blocks, a few runs ahead."""
    pool = ThreadPoolExecutor(threads)
    ahead: deque[Future[bytes]] = deque()
    try:
        for run in _runs(file):
            ahead.append(pool.submit(_inflate_run, run))
            if len(ahead) > 2 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        # Without waiting: the garbage collector may close this generator amid the start of another thread,
        # under the lock that the end of a thread needs.
        pool.shutdown(wait=False, cancel_futures=True)


def _runs(file: BinaryIO) -> Iterator[list[bytes]]:
    rest = b""
    while piece := file.read(_PIECE):
        blocks, rest = _split(rest + piece)
        yield from (blocks[first : first + _RUN] for first in range(0, len(blocks), _RUN))
    if rest:
        raise EOFError(_CUT)


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole blocks at the beginning of data, and the rest."""
    start, blocks = 0, []
    while start + _BLOCK_HEADER <= len(data):
        if not is_bgzf(data[start : start + _BLOCK_HEADER]):
            raise OSError("no BGZF block where one must begin")
        end = start + int(struct.unpack_from("<H", data, start + 16)[0]) + 1
        if end > len(data):
            break
        blocks.append(data[start:end])
        start = end
    return blocks, data[start:]


def _inflate_run(blocks: list[bytes]) -> bytes:
    return b"".join(zlib_ng.decompress(block, _GZIP, _LARGEST) for block in blocks)


def _inflate_stream(file: BinaryIO) -> Iterator[bytes]:
    """Decompress plain gzip, of one member or several."""
    inflator = zlib_ng.decompressobj(_GZIP)
    while piece := inflator.unused_data or file.read(_STREAM_PIECE):
        if inflator.eof:
            inflator = zlib_ng.decompressobj(_GZIP)
        yield inflator.decompress(piece)
    if not inflator.eof:
        raise EOFError("the last member is cut")
