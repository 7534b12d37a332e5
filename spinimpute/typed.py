"""The typed variants of a window, of panel and target, in the forms that retrieval and network take."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spinimpute.bits import count_bits, n_words, pack, turn


@dataclass(frozen=True)
class TypedWindow:
    """The typed variants of a window, flanks included.

    cm (M,) map position, ascending; haplotypes N; bits (M, ceil(N / 8)) uint8 panel alleles, the first
    haplotype in the lowest bit; target (M, T) int8 alleles 0/1, -1 missing.
    """

    cm: NDArray[np.float64]
    haplotypes: int
    bits: NDArray[np.uint8]
    target: NDArray[np.int8]

    @staticmethod
    def of(cm: NDArray[np.float64], panel: NDArray[np.uint8], target: NDArray[np.int8]) -> TypedWindow:
        """The window of panel alleles (M, N)."""
        return TypedWindow(cm, panel.shape[1], np.packbits(panel, axis=1, bitorder="little"), target)

    @property
    def panel(self) -> NDArray[np.uint8]:
        """(M, N) panel alleles, unpacked."""
        return np.unpackbits(self.bits, axis=1, count=self.haplotypes, bitorder="little")

    @cached_property
    def panel_words(self) -> NDArray[np.uint64]:
        """(N, W) packed panel haplotypes."""
        words = np.zeros((self.haplotypes, n_words(len(self.cm))), np.uint64)
        turn(self.bits, 0, words)
        return words

    @cached_property
    def frequency(self) -> NDArray[np.float64]:
        """(M,) frequency of allele 1 in the panel, kept away from 0 and 1 by half a haplotype."""
        return np.asarray((count_bits(self.bits) + 0.5) / (self.haplotypes + 1), np.float64)

    @cached_property
    def surprise(self) -> NDArray[np.float64]:
        """(M, 2) nats of surprise at either allele, -ln of its frequency: a shared rare allele says more."""
        return np.stack([-np.log1p(-self.frequency), -np.log(self.frequency)], axis=1)

    @cached_property
    def target_words(self) -> NDArray[np.uint64]:
        """(T, W) packed target haplotypes, missing alleles as 0."""
        return pack((self.target > 0).astype(np.uint8))

    @cached_property
    def observed_words(self) -> NDArray[np.uint64]:
        """(T, W) packed flags of the alleles that are not missing."""
        return pack((self.target >= 0).astype(np.uint8))
