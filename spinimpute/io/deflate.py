"""Blocked gzip (BGZF) compressed on several threads: the same bytes for any number of them."""

from __future__ import annotations

import os
import struct
from array import array
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from spinimpute.io.inflate import inflate_whole
from spinimpute.io.integrity import BGZF_EOF

_LEVEL = 4  # a fifth more bytes than the usual 6 of zlib, in less than a third of the time
_BLOCK = 65280  # bytes in a block; incompressible, they still fit the 64 KiB that a block may take
_RUN = 16 * _BLOCK  # bytes compressed together
_HEADER = struct.Struct("<4BI2BH2B2H")
_TRAILER = struct.Struct("<2I")


class BgzfWriter:
    """Compresses what is written to a file and, unless read_back is off, reads it from there again, a little
    behind; raises OSError if the disk is full or what is read is damaged.

    lines counts the line ends that were read back; all of them when the context has ended.
    """

    def __init__(self, path: Path, threads: int = 2, read_back: bool = True) -> None:
        self._file = path.open("wb")
        self._back = path.open("rb") if read_back else None
        self._pool = ThreadPoolExecutor(threads)
        self._ahead: deque[Future[list[bytes]]] = deque()
        self._behind: deque[Future[int]] = deque()
        self._limit = 2 * threads
        self._rest = bytearray()
        self._starts = array("q", [0])  # of the blocks in the file
        self.lines = 0

    def __enter__(self) -> BgzfWriter:
        return self

    def write(self, data: bytes) -> None:
        """Append data."""
        left = memoryview(data)
        while left:
            part = left[: _RUN - len(self._rest)]
            self._rest += part
            left = left[len(part) :]
            if len(self._rest) == _RUN:
                self._submit()

    def virtual(self, places: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The virtual offsets of places in what was written, once the context has ended: where their blocks
        begin in the file, in the upper 48 bits, and how far into their content they are.
        """
        block, within = np.divmod(places, _BLOCK)
        return (np.frombuffer(self._starts, np.int64)[block] << 16 | within).astype(np.uint64)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._file, self._pool:
                if kind is None:
                    self._submit()
                    while self._ahead:
                        self._store(self._ahead.popleft().result())
                    self._store([BGZF_EOF])
                    self.lines += sum(check.result() for check in self._behind)
        finally:
            if self._back:
                self._back.close()

    def _submit(self) -> None:
        self._ahead.append(self._pool.submit(_compress, memoryview(self._rest)))
        self._rest = bytearray()
        while len(self._ahead) > self._limit:
            self._store(self._ahead.popleft().result())

    def _store(self, blocks: list[bytes]) -> None:
        start, data = self._starts[-1], b"".join(blocks)
        self._file.write(data)
        self._starts.extend(start + end for end in accumulate(map(len, blocks)))
        if self._back:
            self._file.flush()
            self._behind.append(self._pool.submit(_count_lines, self._back.fileno(), start, len(data)))
        while self._behind and self._behind[0].done():
            self.lines += self._behind.popleft().result()


def _compress(run: memoryview) -> list[bytes]:
    return [_block(run[start : start + _BLOCK]) for start in range(0, len(run), _BLOCK)]


def _block(data: memoryview) -> bytes:
    deflator = zlib_ng.compressobj(_LEVEL, zlib_ng.DEFLATED, -zlib_ng.MAX_WBITS)
    body = deflator.compress(data) + deflator.flush()
    size = _HEADER.size + len(body) + _TRAILER.size
    # Magic, method, flags, time, extra flags, system; then the one extra field: BC, 2 bytes, block size - 1.
    head = _HEADER.pack(31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, size - 1)
    return head + body + _TRAILER.pack(zlib_ng.crc32(data), len(data))


def _count_lines(descriptor: int, start: int, size: int) -> int:
    """Line ends in the blocks at a place of a file; OSError if they are cut or corrupt."""
    data = os.pread(descriptor, size, start)
    if len(data) < size:
        raise OSError(f"{size} bytes were written and {len(data)} can be read back")
    return inflate_whole(data).count(b"\n")
