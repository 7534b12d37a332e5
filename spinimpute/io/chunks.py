"""A chunk of a prepared panel as bytes: arrays in .npy format, one after the other."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.sparse import SparseBlock
from spinimpute.marks import VariantMarks, packed_rows
from spinimpute.sites import Sites


def pack_chunk(block: SparseBlock) -> bytes:
    """Bytes of a block, in a form that compresses well: differences, their bytes sorted by significance."""
    marks = block.marks
    rare = marks.row < 0
    count = np.diff(marks.starts)
    # Differences of ascending carriers; each variant's first counts from 0.
    gaps = np.diff(marks.carriers, prepend=0)
    first = marks.starts[:-1][count > 0]
    gaps[first] = marks.carriers[first]
    file = BytesIO()
    for array in (
        _text(block.sites),
        _planes(np.diff(block.sites.pos, prepend=0)),
        block.flip,
        rare,
        _planes(count[rare]),
        _planes(gaps),
        marks.packed,
    ):
        npy.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def unpack_chunk(data: bytes, chrom: str, haplotypes: int) -> SparseBlock:
    """Undo `pack_chunk`; ValueError or EOFError if data are none of its bytes."""
    file = BytesIO(data)
    arrays = [npy.read_array(file, allow_pickle=False) for _ in range(7)]
    text, steps, flip, rare, count, gaps, packed = arrays
    pos = _values(steps).cumsum()
    counts = np.zeros(len(rare), np.int64)
    counts[rare] = _values(count)
    starts = np.concatenate([[0], counts.cumsum()])
    total = np.concatenate([[0], _values(gaps).cumsum()])
    carriers = (total[1:] - np.repeat(total[starts[:-1]], counts)).astype(np.int32)
    sites = _sites(text.tobytes().decode(), chrom, pos)
    return SparseBlock(sites, flip, VariantMarks(haplotypes, starts, carriers, packed_rows(rare), packed))


def write_array(array: NDArray[Any]) -> bytes:
    """An array in .npy format."""
    file = BytesIO()
    npy.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def read_array(data: bytes) -> NDArray[Any]:
    """Undo `write_array`; ValueError if data are no array."""
    array: NDArray[Any] = npy.read_array(BytesIO(data), allow_pickle=False)
    return array


def _planes(values: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Numbers (n,) from 0 up as bytes (k, n) in the fewest that hold them all, the lowest first."""
    kind = np.min_scalar_type(int(values.max(initial=0))).newbyteorder("<")
    return np.ascontiguousarray(values.astype(kind).view(np.uint8).reshape(len(values), kind.itemsize).T)


def _values(planes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Undo `_planes`."""
    values = np.ascontiguousarray(planes.T).view(f"<u{len(planes)}")
    return values.reshape(planes.shape[1]).astype(np.int64)


def _text(sites: Sites) -> NDArray[np.uint8]:
    """REF, ALTs and identifier of all records, a column after the other, a line each."""
    columns = [*sites.ref, *(",".join(alts) for alts in sites.alts), *sites.ids]
    text = "\n".join(columns)
    if text.count("\n") != len(columns) - 1:
        raise SpinImputeError("alleles and identifiers must not hold line breaks", where=sites.chrom)
    return np.frombuffer(text.encode(), np.uint8)


def _sites(text: str, chrom: str, pos: NDArray[np.int64]) -> Sites:
    lines = text.split("\n")
    n = len(pos)
    alts = [tuple(alt.split(",")) if alt else () for alt in lines[n : 2 * n]]
    return Sites(chrom, pos, lines[:n], alts, lines[2 * n :])
