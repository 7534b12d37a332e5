"""Records of VCF text, decoded by a compiled loop."""

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
    POSITION,
    Decoded,
    byte,
)
from spinimpute.io.records import MOST_POSITION

_TAB, _NEWLINE, _RETURN = 9, 10, 13
_COMMA, _DOT, _ZERO, _COLON, _G, _T = (ord(char) for char in ",.0:GT")
_PHASED, _UNPHASED = ord("|"), ord("/")
_FIXED = 9  # columns before the first sample
_POS, _ALT = 1, 4  # indices of columns
_MOST_NUMBER = MOST_POSITION + 1  # stands for higher ones
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
    pos: NDArray[np.int64],
    names: NDArray[np.uint8],
) -> Decoded:
    """Decode rows of text, which ends with a line end, from position on into the arrays from row on.

    column (file samples,) is the place of each sample in alleles (R, T) and phased (R, S), -1 for none; pos
    is (R,). names, as long as text, receives the columns CHROM, ID, REF and ALT, each with its tab.
    """
    lines, named = 0, int(np.int64(0))  # a mere 0 has its own type: what takes it would be compiled twice
    while position < len(text) and row < len(alleles):
        start = position
        if text[position] != _NEWLINE:
            found, position, end, n_alts, pos[row] = _fixed_columns(text, position, names, named)
            if found < _FIXED:
                return Decoded(row, lines, start, named, COLUMNS, 0, 0)
            if not _is_gt(text, position):
                return Decoded(row, lines, start, named, NO_GENOTYPES, 0, 0)
            position, fault, sample, code = _samples(
                text, position, n_alts, column, alleles[row], phased[row]
            )
            if fault:
                return Decoded(row, lines, start, named, fault, sample, code)
            if pos[row] < 0:
                return Decoded(row, lines, start, named, POSITION, 0, 0)
            named = end
            row += 1
        lines += 1
        position += 1
    return Decoded(row, lines, position, named, OK, 0, 0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fixed_columns(
    text: NDArray[np.uint8], position: int, names: NDArray[np.uint8], named: int
) -> tuple[int, int, int, int, int]:
    """Copy the names; return how many columns there are before the samples, the start of the first sample,
    the end in names, the number of ALT alleles, and POS, negative if it is no position.
    """
    n_alts, pos = 1, _NEITHER
    for column in range(_FIXED):
        begin = position
        while text[position] != _TAB:
            if text[position] == _NEWLINE:
                return column, position, named, n_alts, pos
            position += 1
        position += 1
        if column == _POS:
            pos, end = _number(text, begin)
            pos = pos if end == position - 1 and pos <= MOST_POSITION else _NEITHER
        elif column <= _ALT:
            while begin < position:
                names[named] = text[begin]
                n_alts += int(column == _ALT and text[begin] == _COMMA)
                begin += 1
                named += 1
    if names[named - 2] == _DOT and names[named - 3] == _TAB:
        n_alts = 0
    return _FIXED, position, named, n_alts, pos


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
    code, end = (_MISSING, position + 1) if text[position] == _DOT else _number(text, position)
    return code, end


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _number(text: NDArray[np.uint8], position: int) -> tuple[int, int]:
    """The number that digits from position on spell, -3 if there are none, with the position after them."""
    number, begin = 0, position
    while _ZERO <= text[position] <= _ZERO + 9:
        number = min(10 * number + byte(text, position) - _ZERO, _MOST_NUMBER)
        position += 1
    return (number if position > begin else _NEITHER), position
