"""Genotypes of VCF text, decoded by a compiled loop."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.io.decoded import (
    COLUMNS,
    MALFORMED,
    MOST_ALLELES,
    NO_GENOTYPES,
    OK,
    OUT_OF_RANGE,
    POLYPLOID,
    Decoded,
    byte,
)

_TAB, _NEWLINE, _RETURN = 9, 10, 13
_COMMA, _DOT, _ZERO, _COLON, _G, _T = (ord(char) for char in ",.0:GT")
_PHASED, _UNPHASED = ord("|"), ord("/")
_FIXED = 9  # columns before the first sample
_ALT = 4  # index of the ALT column
_MISSING, _ABSENT = -1, -2
_NEITHER = -3


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def decode(
    text: NDArray[np.uint8],
    position: int,
    row: int,
    column: NDArray[np.int64],
    alleles: NDArray[np.int8],
    phased: NDArray[np.bool_],
    spans: NDArray[np.int64],
) -> Decoded:
    """Decode rows of text, which ends with a line end, from position on into the arrays from row on.

    column (file samples,) is the place of each sample in alleles (R, T) and phased (R, S), -1 for none;
    spans (R, 2) receives the start of each line and the end of its ALT column.
    """
    lines = 0
    while position < len(text) and row < len(alleles):
        start = position
        if text[position] != _NEWLINE:
            found, position, alt_end, n_alts = _fixed_columns(text, position)
            if found < _FIXED:
                return Decoded(row, lines, start, COLUMNS, 0, 0)
            if not _is_gt(text, position):
                return Decoded(row, lines, start, NO_GENOTYPES, 0, 0)
            position, fault, sample, code = _samples(
                text, position, n_alts, column, alleles[row], phased[row]
            )
            if fault:
                return Decoded(row, lines, start, fault, sample, code)
            spans[row, 0], spans[row, 1] = start, alt_end
            row += 1
        lines += 1
        position += 1
    return Decoded(row, lines, position, OK, 0, 0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fixed_columns(text: NDArray[np.uint8], position: int) -> tuple[int, int, int, int]:
    """Number of columns before the samples, start of the first sample, end of ALT, number of ALT alleles."""
    found, alt_end, n_alts = 0, position, 1
    while found < _FIXED and text[position] != _NEWLINE:
        if text[position] == _TAB:
            if found == _ALT:
                alt_end = position
                if text[position - 1] == _DOT and text[position - 2] == _TAB:
                    n_alts = 0
            found += 1
        elif text[position] == _COMMA and found == _ALT:
            n_alts += 1
        position += 1
    return found, position, alt_end, n_alts


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _is_gt(text: NDArray[np.uint8], position: int) -> bool:
    """Tell whether the FORMAT column that ends before position begins with GT, as it must to have GT."""
    begin = position - 1
    while text[begin - 1] != _TAB:
        begin -= 1
    return bool(
        text[begin] == _G
        and text[begin + 1] == _T
        and (begin + 2 == position - 1 or text[begin + 2] == _COLON)
    )


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _samples(
    text: NDArray[np.uint8],
    position: int,
    n_alts: int,
    column: NDArray[np.int64],
    alleles: NDArray[np.int8],
    phased: NDArray[np.bool_],
) -> tuple[int, int, int, int]:
    """Decode one row's samples; return where its line ends, the fault, its sample and allele code."""
    last = len(column) - 1
    if 2 * len(column) == len(alleles) and _plain_samples(text, position, n_alts, alleles):
        phased[:] = True
        return position + 4 * last + 3, OK, 0, 0
    most = min(n_alts, MOST_ALLELES)
    for sample in range(last + 1):
        first, second, bar, position, fault = _genotype(text, position)
        if fault:
            return position, fault, sample, 0
        if max(first, second) > most:
            return position, OUT_OF_RANGE, sample, max(first, second)
        if (text[position] == _NEWLINE) != (sample == last):
            return position, COLUMNS, sample, 0
        position += 1
        if column[sample] >= 0:
            alleles[2 * column[sample]] = first
            alleles[2 * column[sample] + 1] = second
            phased[column[sample]] = bar
    return position - 1, OK, 0, 0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _plain_samples(text: NDArray[np.uint8], position: int, n_alts: int, alleles: NDArray[np.int8]) -> bool:
    """Decode a row if its samples are all two digits about a bar, as in nearly every panel row."""
    size = 2 * len(alleles)
    if position + size > len(text) or text[position + size - 1] != _NEWLINE:
        return False
    row = text[position : position + size]
    most = np.uint8(min(n_alts, 9))
    odd = np.uint8(0)
    for sample in range(len(alleles) // 2):
        first = np.uint8(row[4 * sample] - np.uint8(_ZERO))
        second = np.uint8(row[4 * sample + 2] - np.uint8(_ZERO))
        odd |= np.uint8(first > most) | np.uint8(second > most) | (row[4 * sample + 1] ^ np.uint8(_PHASED))
        alleles[2 * sample] = np.int8(first)
        alleles[2 * sample + 1] = np.int8(second)
    tabs = np.uint8(0)
    for sample in range(len(alleles) // 2 - 1):
        tabs |= row[4 * sample + 3] ^ np.uint8(_TAB)
    return bool(odd == 0 and tabs == 0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _genotype(text: NDArray[np.uint8], position: int) -> tuple[int, int, bool, int, int]:
    """Decode any genotype: two allele codes, -1 missing, -2 absent; whether phased, its end, the fault."""
    first, position = _allele(text, position)
    second, bar = _MISSING, False
    if text[position] == _PHASED or text[position] == _UNPHASED:
        bar = text[position] == _PHASED
        second, position = _allele(text, position + 1)
        if text[position] == _PHASED or text[position] == _UNPHASED:
            return 0, 0, False, position, POLYPLOID
    elif first >= 0:
        second, bar = _ABSENT, True
    if text[position] == _COLON:
        while text[position] != _TAB and text[position] != _NEWLINE:
            position += 1
    elif text[position] == _RETURN:
        position += 1
    if first < _MISSING or second < _ABSENT or not (text[position] == _TAB or text[position] == _NEWLINE):
        return 0, 0, False, position, MALFORMED
    return first, second, bar, position, OK


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _allele(text: NDArray[np.uint8], position: int) -> tuple[int, int]:
    """Decode an allele code, -1 if missing, -3 if no allele; return it with the position after it."""
    if text[position] == _DOT:
        return _MISSING, position + 1
    code, begin = 0, position
    while _ZERO <= text[position] <= _ZERO + 9:
        code = min(10 * code + byte(text, position) - _ZERO, 1 << 20)
        position += 1
    return (code if position > begin else _NEITHER), position
