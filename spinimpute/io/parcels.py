"""Finished work on disk until all of it can be written: a zip archive with a structure in each entry.

Every entry is a line of JSON, then the bytes of the arrays, in a way that compresses well: of whole numbers
that mostly ascend the differences, and of all numbers the first bytes first, then the second ones and so on.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.structures import from_plain, to_plain

T = TypeVar("T")

_LEVEL = 1  # of compression
# Indices and positions; measures and codes have other widths.
_ASCENDING = (np.dtype(np.int32), np.dtype(np.int64))
# What zipfile and the decoding of entries raise, depending on the byte that is wrong.
_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    StopIteration,
    RuntimeError,  # NotImplementedError is one
    struct.error,
)


class ParcelWriter:
    """Writes structures into a new archive."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def add(self, name: str, value: Any) -> None:
        """Append a structure under a name; OSError if the disk refuses."""
        arrays: list[NDArray[Any]] = []
        head = json.dumps(to_plain(value, arrays), separators=(",", ":")).encode() + b"\n"
        with self._zip.open(name, "w", force_zip64=True) as entry:
            entry.write(head)
            for array in arrays:
                entry.write(_spread(array))


class ParcelFile:
    """Reads an archive; SpinImputeError if it is damaged, with the remedy given."""

    def __init__(self, path: Path, remedy: str) -> None:
        self._path = path
        self._remedy = remedy
        try:
            self._zip = zipfile.ZipFile(path)
        except _FAULTS as error:
            raise self._damaged(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def read(self, name: str, kind: type[T]) -> T:
        """The structure under a name, of the given kind."""
        try:
            head, _, body = self._zip.read(name).partition(b"\n")
            plain = json.loads(head)
            return from_plain(kind, plain, _arrays(plain, body))  # type: ignore[no-any-return]
        except _FAULTS as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> SpinImputeError:
        found = error.strerror or "" if isinstance(error, OSError) else ""
        return SpinImputeError(
            "finished work must be as it was written",
            where=str(self._path),
            found=found or "a damaged file",
            remedy=self._remedy,
        )


def _spread(array: NDArray[Any]) -> bytes:
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.dtype in _ASCENDING:
        flat = np.diff(flat, prepend=flat.dtype.type(0))
    return flat.view(np.uint8).reshape(len(flat), -1).T.tobytes() if len(flat) else b""


def _gather(data: bytes, dtype: np.dtype[Any], count: int) -> bytes:
    width = np.frombuffer(data, np.uint8).reshape(dtype.itemsize, count)
    flat = np.ascontiguousarray(width.T).reshape(-1).view(dtype)
    return (flat.cumsum(dtype=dtype) if dtype in _ASCENDING else flat).tobytes()


def _arrays(plain: Any, body: bytes) -> Iterator[bytes]:
    """Yield the bytes of the arrays that a JSON value mentions, in its order."""
    start = 0
    for dtype, shape in _mentioned(plain):
        count = int(np.prod(shape, dtype=np.int64))
        end = start + count * dtype.itemsize
        yield _gather(body[start:end], dtype, count)
        start = end


def _mentioned(plain: Any) -> Iterator[tuple[np.dtype[Any], list[int]]]:
    if isinstance(plain, dict):
        if set(plain) == {"dtype", "shape"}:
            yield np.dtype(plain["dtype"]), plain["shape"]
        else:
            for each in plain.values():
                yield from _mentioned(each)
    elif isinstance(plain, list) and plain and not isinstance(plain[0], str):
        for each in plain:
            yield from _mentioned(each)
