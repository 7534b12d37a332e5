"""Numbers and samples of VCF records as text, many at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

MOST_CODE = 3  # characters of an allele code
MOST_DOSE = 5  # characters of a dose
# What a sample's numbers are: doses of both haplotypes together, of the first, of the second; probabilities.
BOTH, FIRST, SECOND, GP = range(4)
_TICKS = 1000  # of a dose: three decimals
_TAB, _NEWLINE, _COMMA, _DOT, _ZERO, _BAR = (ord(char) for char in "\t\n,.0|")
# (2001, 5) every three-decimal number of [0, 2]: looked up instead of formatted.
DIGITS = np.array([list(f"{tick / _TICKS:.3f}".encode()) for tick in range(2 * _TICKS + 1)], np.uint8)


def to_ticks(values: NDArray[np.float64], decimals: int) -> NDArray[np.int32]:
    """Numbers (V,) of [0, 1] in units of their last decimal, rounded as in formatting; -1 for nan."""
    scaled = values * 10.0**decimals
    ticks = np.rint(scaled)
    # The product is rounded too: where it is a half, only formatting tells on which side the number was.
    for v in np.flatnonzero(np.abs(scaled - ticks) == 0.5).tolist():
        ticks[v] = int(f"{values[v]:.{decimals}f}".replace(".", ""))
    return np.where(np.isnan(values), -1, ticks).astype(np.int32)


def spell_numbers(
    begin: bytes, values: NDArray[np.float64], decimals: int, is_first: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Text (V, W) of the numbers (V,) of an INFO field, of [0, 1], a dot for nan; a zero is no character.

    Before a number stands what begins the field if it is a record's first (V,), else a comma.
    """
    ticks, point = to_ticks(values, decimals), len(begin) + 1
    text = np.zeros((len(ticks), point + decimals + 1), np.uint8)
    text[:, 0] = _COMMA
    text[is_first, : len(begin)] = np.frombuffer(begin, np.uint8)
    text[:, point] = _DOT
    for place in range(decimals):
        text[:, point + decimals - place] = _ZERO + ticks // 10**place % 10
    text[:, point - 1] = _ZERO + ticks // 10**decimals
    text[ticks < 0, point + 1 :] = 0
    text[ticks < 0, point - 1] = 0
    return text


def join_texts(
    texts: Sequence[NDArray[np.uint8]], records: Sequence[NDArray[np.integer]]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Texts (V, W), whose zeros are no characters, of records (V,) one behind another, and where each record
    ends (R,); the last ones have a text for each.
    """
    order = np.argsort(np.concatenate(records), kind="stable")
    text = np.zeros((len(order), max(part.shape[1] for part in texts)), np.uint8)
    low = 0
    for part in texts:
        text[low : low + len(part), : part.shape[1]] = part
        low += len(part)
    text = text[order]
    is_char = text != 0
    ends = is_char.ravel().cumsum()[text.shape[1] - 1 :: text.shape[1]]
    return text[is_char], ends[order >= len(order) - len(texts[-1])]


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _spell_code(text: NDArray[np.uint8], at: int, code: int) -> int:
    """Write an allele code; return where it ends."""
    if code > 9:
        if code > 99:
            text[at] = _ZERO + code // 100
            at += 1
        text[at] = _ZERO + code // 10 % 10
        at += 1
    text[at] = _ZERO + code % 10
    return at + 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def spell_rows(
    columns: NDArray[np.uint8],
    column_ends: NDArray[np.int64],
    info: NDArray[np.uint8],
    info_ends: NDArray[np.int64],
    codes: NDArray[np.int8],
    first: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    rows: NDArray[np.int64],
    separators: NDArray[np.uint8],
    dosages: NDArray[np.float32],
    gp: NDArray[np.float32],
    diploid: NDArray[np.bool_],
    digits: NDArray[np.uint8],
    text: NDArray[np.uint8],
    ends: NDArray[np.int64],
) -> None:
    """Write records, and where each ends (R,): columns up to an end (R,), INFO and FORMAT likewise, samples.

    A sample has a genotype of codes (R, T), then the numbers (Q,) of the record, from first[r] on, behind
    their separators: those in a row of dosages (V, T) or gp (G, S), a dot if it is -1. A sample that is not
    diploid (S,) has one code, and none of the numbers that need a second haplotype.
    """
    at, column, field = 0, 0, 0
    for r in range(codes.shape[0]):
        # Plain loops: a function for copying would take half as long to compile as all of this.
        while column < column_ends[r]:
            text[at] = columns[column]
            at, column = at + 1, column + 1
        while field < info_ends[r]:
            text[at] = info[field]
            at, field = at + 1, field + 1
        low, high = first[r], first[r + 1]
        for s in range(diploid.shape[0]):
            is_diploid = diploid[s]
            text[at] = _TAB
            at = _spell_code(text, at + 1, np.uint32(codes[r, 2 * s]))
            if is_diploid:
                text[at] = _BAR
                at = _spell_code(text, at + 1, np.uint32(codes[r, 2 * s + 1]))
            for q in range(low, high):
                kind, row = kinds[q], rows[q]
                if kind >= SECOND and not is_diploid:
                    continue
                text[at] = separators[q]
                if row < 0:
                    text[at + 1] = _DOT
                    at += 2
                    continue
                if kind == GP:
                    dose = gp[row, s]
                elif kind == SECOND:
                    dose = dosages[row, 2 * s + 1]
                else:
                    dose = dosages[row, 2 * s]
                    if kind == BOTH and is_diploid:
                        dose += dosages[row, 2 * s + 1]
                tick = int(np.rint(dose * np.float32(_TICKS)))
                for d in range(MOST_DOSE):
                    text[at + 1 + d] = digits[tick, d]
                at += 1 + MOST_DOSE
        text[at] = _NEWLINE
        at += 1
        ends[r] = at
