"""A chunk of a prepared panel as bytes: arrays in .npy format, one after the other."""

from __future__ import annotations

from io import BytesIO
from math import prod
from tokenize import TokenError
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
    if block.haploid is not None:
        npy.write_array(file, block.haploid, allow_pickle=False)
    return file.getvalue()


def unpack_chunk(data: bytes, chrom: str, samples: int) -> SparseBlock:
    """Undo `pack_chunk`; ValueError or EOFError if data are none of its bytes.

    Compiled code trusts what comes out of here, so that all of it is checked.
    """
    file = BytesIO(data)
    arrays = [_read_array(file) for _ in range(7)]
    text, steps, flip, rare, count, gaps, packed = arrays
    haploid = _read_array(file) if file.tell() < len(data) else None
    _check(haploid is None or (haploid.dtype == np.bool_ and haploid.shape == (samples,)))
    haplotypes = 2 * samples - (0 if haploid is None else int(haploid.sum()))
    _check(flip.dtype == rare.dtype == np.bool_ and flip.shape == rare.shape and flip.ndim == 1)
    _check(text.dtype == packed.dtype == np.uint8 and text.ndim == 1)
    _check(packed.shape == ((~rare).sum(), -(-haplotypes // 8)))
    _check(not (packed[:, -1] >> ((haplotypes - 1) % 8) >> 1).any())  # bits beyond the last haplotype
    pos = _values(steps).cumsum()
    _check(len(pos) > 0 and int(pos[0]) >= 0 and bool((np.diff(pos) >= 0).all()))
    counts = np.zeros(len(rare), np.int64)
    counts[rare] = _values(count)
    starts = np.concatenate([[0], counts.cumsum()])
    total = np.concatenate([[0], _values(gaps).cumsum()])
    _check(len(total) == starts[-1] + 1)
    carriers = (total[1:] - np.repeat(total[starts[:-1]], counts)).astype(np.int32)
    ascends = np.diff(carriers) > 0
    ascends[starts[(starts > 0) & (starts < len(carriers))] - 1] = True
    _check(bool(((carriers >= 0) & (carriers < haplotypes)).all() and ascends.all()))
    sites = _sites(text.tobytes().decode(), chrom, pos)
    _check(sites.n_variants == len(flip))
    marks = VariantMarks(haplotypes, starts, carriers, packed_rows(rare), packed)
    return SparseBlock(sites, flip, marks, haploid)


def write_array(array: NDArray[Any]) -> bytes:
    """An array in .npy format."""
    file = BytesIO()
    npy.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def read_array(data: bytes) -> NDArray[Any]:
    """Undo `write_array`; ValueError if data are no array."""
    return _read_array(BytesIO(data))


def _read_array(file: BytesIO) -> NDArray[Any]:
    """The next array of a file; ValueError if it is none, or longer than the file."""
    try:
        version = npy.read_magic(file)
        shape, is_fortran, dtype = npy.read_array_header_1_0(file)
    except (SyntaxError, TokenError) as error:
        raise ValueError("a garbled array") from error
    size = dtype.itemsize * prod(shape)
    data = bytearray(file.read(size) if 0 <= size <= len(file.getbuffer()) else b"")
    if version != (1, 0) or dtype.hasobject or not dtype.itemsize or len(data) != size:
        raise ValueError("a garbled array")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")


def _planes(values: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Numbers (n,) from 0 up as bytes (k, n) in the fewest that hold them all, the lowest first."""
    kind = np.min_scalar_type(int(values.max(initial=0))).newbyteorder("<")
    return np.ascontiguousarray(values.astype(kind).view(np.uint8).reshape(len(values), kind.itemsize).T)


def _check(held: bool | np.bool_) -> None:
    if not held:
        raise ValueError("a chunk does not hold what it must")


def _values(planes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Undo `_planes`."""
    _check(planes.dtype == np.uint8 and planes.ndim == 2 and len(planes) in (1, 2, 4, 8))
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
    _check(len(lines) == 3 * n)
    alts = [tuple(alt.split(",")) if alt else () for alt in lines[n : 2 * n]]
    return Sites(chrom, pos, lines[:n], alts, lines[2 * n :])
