"""Bit-packed haplotypes and the word operations that the compiled kernels share.

A packed haplotype is a row of little-endian 64-bit words: variant v is bit v % 64 of word v // 64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

WORD = 64


@intrinsic  # type: ignore[untyped-decorator]
def leading_zeros(typingctx: Any, word: Any) -> Any:
    """Count the leading zero bits of a uint64 (64 for zero)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def trailing_zeros(typingctx: Any, word: Any) -> Any:
    """Count the trailing zero bits of a uint64 (64 for zero)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def popcount(typingctx: Any, word: Any) -> Any:
    """Count the set bits of a uint64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), codegen


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _pack(carries: NDArray[np.uint8], words: NDArray[np.uint64]) -> None:
    for v in range(carries.shape[0]):
        word, bit = v // 64, np.uint64(v % 64)
        for n in range(carries.shape[1]):
            words[word, n] |= np.uint64(carries[v, n]) << bit


def n_words(n_variants: int) -> int:
    """Return how many 64-bit words hold n_variants bits."""
    return -(-n_variants // WORD)


def count_bits(bits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count the set bits of each row (V, bytes)."""
    counts = np.empty(len(bits), np.int64)
    _count_bits(bits, counts)  # a third of the time of NumPy's sum of few bytes
    return counts


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count_bits(bits: NDArray[np.uint8], counts: NDArray[np.int64]) -> None:
    for v in range(bits.shape[0]):
        count = 0
        for byte in range(bits.shape[1]):
            count += popcount(np.uint64(bits[v, byte]))
        counts[v] = count


def pack(carries: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Pack a (V, N) matrix of 0 and 1 into (N, ceil(V / 64)) words, one haplotype a row."""
    words = np.zeros((n_words(carries.shape[0]), carries.shape[1]), np.uint64)
    _pack(np.ascontiguousarray(carries), words)
    return np.ascontiguousarray(words.T)


def unpack(words: NDArray[np.uint64], n_variants: int) -> NDArray[np.uint8]:
    """Undo `pack`: (N, W) words to a (V, N) matrix of 0 and 1."""
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
    return np.ascontiguousarray(bits[:, :n_variants].T)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def turn(packed: NDArray[np.uint8], first: int, words: NDArray[np.uint64]) -> None:
    """Set the bits of words (N, W) from number first on as those of packed (C, bytes), turned around."""
    for byte in range(packed.shape[1]):
        for c in range(packed.shape[0]):
            bits = packed[c, byte]
            if bits == 0:
                continue
            word, bit = (first + c) >> 6, np.uint64((first + c) & 63)
            for j in range(8):
                if bits >> np.uint8(j) & np.uint8(1):
                    words[8 * byte + j, word] |= np.uint64(1) << bit


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def masked(word: np.uint64, index: int, start: int, stop: int) -> np.uint64:
    """Clear the bits of word number index that lie outside slots [start, stop)."""
    if index == start >> 6:
        word &= np.uint64(0xFFFFFFFFFFFFFFFF) << np.uint64(start & 63)
    if index == (stop - 1) >> 6:
        word &= np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(63 - ((stop - 1) & 63))
    return word
