"""Genotypes of BCF records, decoded by a compiled loop."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.io.decoded import (
    MALFORMED,
    MOST_ALLELES,
    NO_GENOTYPES,
    OK,
    OUT_OF_RANGE,
    POLYPLOID,
    Decoded,
    byte,
)

_LENGTHS = 8  # bytes of the two lengths that begin a record
_SHARED = 24  # bytes of the fixed part of a record
_INT8, _INT16, _INT32, _FLOAT, _CHAR = 1, 2, 3, 5, 7
_LONG = 15  # a length in a descriptor that says that the length follows
_MISSING, _ENDED = -1, -2  # the latter stays as the absent allele of a haploid genotype
_LEAST_FIELD = 3  # bytes: descriptor and value of the key, descriptor of the values
_MOST_PLAIN = 60  # below the codes that the end of a vector would give in _plain


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def decode_binary(
    data: NDArray[np.uint8],
    position: int,
    row: int,
    key: int,
    column: NDArray[np.int64],
    alleles: NDArray[np.int8],
    phased: NDArray[np.bool_],
    starts: NDArray[np.int64],
) -> Decoded:
    """Decode whole records of data from position on into the arrays from row on.

    key is GT's number in the header; column (file samples,) is the place of each sample in alleles (R, T) and
    phased (R, S), -1 for none; starts (R,) receives where each record's shared part begins.
    """
    first_row = row
    while row < len(alleles) and position + _LENGTHS <= len(data):
        shared = _integer(data, position, _INT32)
        end = position + _LENGTHS + shared + _integer(data, position + 4, _INT32)
        if shared < _SHARED or end < position:
            return Decoded(row, row - first_row, position, MALFORMED, 0, 0)
        if end > len(data):
            break
        begin = position + _LENGTHS
        n_alts = byte(data, begin + 18) + 256 * byte(data, begin + 19) - 1
        n_samples = byte(data, begin + 20) + 256 * byte(data, begin + 21) + 65536 * byte(data, begin + 22)
        if n_samples != len(column) and n_samples > 0:
            return Decoded(row, row - first_row, position, MALFORMED, 0, 0)
        place, kind, ploidy = _find(data, begin + shared, end, byte(data, begin + 23), n_samples, key)
        if place < 0:
            return Decoded(row, row - first_row, position, NO_GENOTYPES, 0, 0)
        fault, sample, code = _samples(data, place, kind, ploidy, n_alts, column, alleles[row], phased[row])
        if fault:
            return Decoded(row, row - first_row, position, fault, sample, code)
        starts[row] = begin
        row += 1
        position = end
    return Decoded(row, row - first_row, position, OK, 0, 0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _integer(data: NDArray[np.uint8], position: int, kind: int) -> int:
    """A signed little-endian integer."""
    value, bits = 0, 0
    for offset in range(_width(kind)):
        value |= byte(data, position + offset) << bits
        bits += 8
    return value - (1 << bits) if bits and value >> (bits - 1) else value


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _width(kind: int) -> int:
    """Bytes of a value."""
    if kind in (_INT8, _CHAR):
        return 1
    if kind == _INT16:
        return 2
    return 4 if kind in (_INT32, _FLOAT) else 0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find(
    data: NDArray[np.uint8], position: int, end: int, n_fields: int, n_samples: int, key: int
) -> tuple[int, int, int]:
    """Where a record's genotypes begin, -1 if it has none that fit; kind and number of a sample's values."""
    for _ in range(n_fields):
        if position + _LEAST_FIELD > end:
            break
        kind = byte(data, position) & 15
        found = _integer(data, position + 1, kind)
        position += 1 + _width(kind)
        kind, count = byte(data, position) & 15, byte(data, position) >> 4
        position += 1
        if count == _LONG:
            long_kind = byte(data, position) & 15
            count = _integer(data, position + 1, long_kind)
            position += 1 + _width(long_kind)
        size = count * _width(kind) * n_samples
        if found == key and kind in (_INT8, _INT16, _INT32) and count > 0 and 0 < size <= end - position:
            return position, kind, count
        if size < 0:
            break
        position += size
    return -1, 0, 0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _samples(
    data: NDArray[np.uint8],
    position: int,
    kind: int,
    ploidy: int,
    n_alts: int,
    column: NDArray[np.int64],
    alleles: NDArray[np.int8],
    phased: NDArray[np.bool_],
) -> tuple[int, int, int]:
    """Decode one record's samples; return the fault, its sample and allele code."""
    plain = kind == _INT8 and ploidy == 2 and 2 * len(column) == len(alleles)
    if plain and _plain(data[position : position + len(alleles)], min(n_alts, _MOST_PLAIN), alleles, phased):
        return OK, 0, 0
    width = _width(kind)
    for sample in range(len(column)):
        begin = position + sample * ploidy * width
        first, _ = _allele(data, begin, kind)
        second, bar = (_ENDED, False) if ploidy == 1 else _allele(data, begin + width, kind)
        if ploidy > 2 and _allele(data, begin + 2 * width, kind)[0] != _ENDED:
            return POLYPLOID, sample, 0
        if second == _ENDED:
            second, bar = (_ENDED, True) if first >= 0 else (_MISSING, False)
        if max(first, second) > min(n_alts, MOST_ALLELES):
            return OUT_OF_RANGE, sample, max(first, second)
        if column[sample] >= 0:
            alleles[2 * column[sample]] = max(first, _MISSING)
            alleles[2 * column[sample] + 1] = second
            phased[column[sample]] = bar
    return OK, 0, 0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _plain(
    values: NDArray[np.uint8], most: int, alleles: NDArray[np.int8], phased: NDArray[np.bool_]
) -> bool:
    """Decode a diploid record of single bytes; False if it holds anything but known or missing alleles."""
    odd = False
    top = np.uint8(most + 1)
    for haplotype in range(len(alleles)):
        code = values[haplotype] >> np.uint8(1)
        odd |= code > top
        alleles[haplotype] = np.int8(code) - np.int8(1)
    for sample in range(len(phased)):
        phased[sample] = values[2 * sample + 1] & np.uint8(1)
    return not odd


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _allele(data: NDArray[np.uint8], position: int, kind: int) -> tuple[int, bool]:
    """Decode an allele code, -1 missing, -2 at the end of a short vector, and whether it is phased."""
    value = _integer(data, position, kind)
    if value < 0:
        ended = value == -127 if kind == _INT8 else value == (-32767 if kind == _INT16 else -2147483647)
        return _ENDED if ended else _MISSING, False
    return (value >> 1) - 1, bool(value & 1)
