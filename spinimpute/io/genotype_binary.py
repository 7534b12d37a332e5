"""BCF records, decoded by a compiled loop."""

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
_SHARED = 24  # bytes of the fixed part of a record, after which its strings begin
_INT8, _INT16, _INT32, _FLOAT, _CHAR = 1, 2, 3, 5, 7
_LONG = 15  # a number in a descriptor that says that the number follows
_TAB, _COMMA, _DOT = (ord(char) for char in "\t,.")
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
    chroms: NDArray[np.int32],
    pos: NDArray[np.int64],
    names: NDArray[np.uint8],
) -> Decoded:
    """Decode whole records of data from position on into the arrays from row on.

    key is GT's number in the header; column (file samples,) is the place of each sample in alleles (R, T) and
    phased (R, S), -1 for none. chroms (R,) receives the number of the chromosome, pos (R,) is as in VCF, and
    names, as long as data, receives ID, REF and ALT as in VCF, each with a tab.
    """
    first_row = row
    named = int(np.int64(0))  # a mere 0 has its own type: what takes it would be compiled twice
    while row < len(alleles) and position + _LENGTHS <= len(data):
        shared = _integer(data, position, _INT32)
        begin = position + _LENGTHS
        end = begin + shared + _integer(data, position + 4, _INT32)
        if shared < _SHARED or end < begin + shared:
            return Decoded(row, row - first_row, position, named, MALFORMED, 0, 0)
        if end > len(data):
            break
        chroms[row], pos[row] = _integer(data, begin, _INT32), _integer(data, begin + 4, _INT32) + 1
        names_end, n_alts = _copy_names(data, begin, begin + shared, names, named)
        n_samples = byte(data, begin + 20) + 256 * byte(data, begin + 21) + 65536 * byte(data, begin + 22)
        if names_end < 0 or pos[row] < 0 or (n_samples != len(column) and n_samples > 0):
            return Decoded(row, row - first_row, position, named, MALFORMED, 0, 0)
        place, kind, ploidy = _find(data, begin + shared, end, byte(data, begin + 23), n_samples, key)
        if place < 0:
            return Decoded(row, row - first_row, position, named, NO_GENOTYPES, 0, 0)
        fault, sample, code = _samples(data, place, kind, ploidy, n_alts, column, alleles[row], phased[row])
        if fault:
            return Decoded(row, row - first_row, position, named, fault, sample, code)
        row += 1
        named = names_end
        position = end
    return Decoded(row, row - first_row, position, named, OK, 0, 0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _copy_names(
    data: NDArray[np.uint8], begin: int, end: int, names: NDArray[np.uint8], named: int
) -> tuple[int, int]:
    """Copy a shared part's strings; return the end in names, -1 if they are faulty, and how many are ALTs."""
    n_alleles = byte(data, begin + 18) + 256 * byte(data, begin + 19)
    place = begin + _SHARED
    for string in range(1 + n_alleles):
        _, length, place = _descriptor(data, place, end)
        stop = place + length
        if length < 0 or stop > end or n_alleles == 0:
            return -1, 0
        if length == 0 and string == 0:
            names[named] = _DOT
            named += 1
        while place < stop and data[place] != _TAB:
            names[named] = data[place]
            named += 1
            place += 1
        if place < stop:
            return -1, 0
        names[named] = _COMMA if 1 < string < n_alleles else _TAB
        named += 1
    if n_alleles == 1:
        names[named], names[named + 1] = _DOT, _TAB
        named += 2
    lone_dot = names[named - 2] == _DOT and names[named - 3] == _TAB
    return named, 0 if lone_dot else n_alleles - 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _descriptor(data: NDArray[np.uint8], place: int, end: int) -> tuple[int, int, int]:
    """Kind and number of the values that the descriptor at place announces, and where they begin; the number
    is negative if that cannot be.
    """
    if place >= end:
        return 0, -1, place
    kind, count = byte(data, place) & 15, byte(data, place) >> 4
    place += 1
    if count == _LONG:
        long_kind = byte(data, place) & 15 if place + _LONG < end else 0
        if not _INT8 <= long_kind <= _INT32:
            return 0, -1, place
        count = _integer(data, place + 1, long_kind)
        place += 1 + _width(long_kind)
    return kind, count, place


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
        kind, count, position = _descriptor(data, position, end)
        size = count * _width(kind) * n_samples
        if found == key and kind in (_INT8, _INT16, _INT32) and count > 0 and 0 < size <= end - position:
            return position, kind, count
        if count < 0:
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
