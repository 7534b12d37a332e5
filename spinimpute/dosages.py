"""Allele doses to genotypes, allele frequency and DR2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Doses and their squares enter the sums as multiples of 2^-32. The sums are then exact in float64 up to 2^20
# haplotypes, so AF and DR2 depend neither on the order nor on the batches of adding.
_TICKS = 2.0**32


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sum(dosages: NDArray[np.float32], s1: NDArray[np.float64], s2: NDArray[np.float64]) -> None:
    """Sum the rows of doses (V, T) and of their squares, rounded to ticks."""
    for v in range(dosages.shape[0]):
        first, second = 0.0, 0.0
        for t in range(dosages.shape[1]):
            dose = np.float64(dosages[v, t])
            first += np.rint(dose * _TICKS)
            second += np.rint(dose * dose * _TICKS)
        s1[v], s2[v] = first / _TICKS, second / _TICKS


@dataclass(frozen=True)
class DoseSums:
    """Sufficient statistics of AF and DR2: n haplotypes, s1 (V,) sum of doses, s2 (V,) of their squares."""

    n: int
    s1: NDArray[np.float64]
    s2: NDArray[np.float64]

    @staticmethod
    def of(dosages: NDArray[np.float32]) -> DoseSums:
        """Sum ALT doses (V, T)."""
        s1, s2 = np.empty(len(dosages)), np.empty(len(dosages))
        _sum(dosages, s1, s2)
        return DoseSums(dosages.shape[1], s1, s2)

    def __add__(self, other: DoseSums) -> DoseSums:
        return DoseSums(self.n + other.n, self.s1 + other.s1, self.s2 + other.s2)

    @property
    def af(self) -> NDArray[np.float64]:
        """Estimated ALT frequency (V,)."""
        return self.s1 / max(self.n, 1)

    @property
    def dr2(self) -> NDArray[np.float64]:
        """Estimated squared correlation of estimated and true dose (V,), 0 where monomorphic."""
        true = self.n * self.s1 - self.s1**2
        estimated = self.n * self.s2 - self.s1**2
        ratio = np.divide(estimated, true, out=np.zeros_like(true), where=true > 0)
        return np.clip(ratio, 0.0, 1.0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sum_pairs(
    dosages: NDArray[np.float32], alt: NDArray[np.float32], seen: NDArray[np.bool_], sums: NDArray[np.float64]
) -> None:
    """Fill sums (V, 5): how many pairs are seen; the sums of doses, of their squares, of ALT alleles, of
    doses at those; rounded to ticks.
    """
    for v in range(dosages.shape[0]):
        n, s1, s2, alts, both = 0, 0.0, 0.0, 0.0, 0.0
        for t in range(dosages.shape[1]):
            if seen[v, t]:
                dose = np.float64(dosages[v, t])
                n += 1
                s1 += np.rint(dose * _TICKS)
                s2 += np.rint(dose * dose * _TICKS)
                alts += alt[v, t]
                both += np.rint(dose * _TICKS) * alt[v, t]
        sums[v, 0], sums[v, 3] = n, alts
        sums[v, 1], sums[v, 2], sums[v, 4] = s1 / _TICKS, s2 / _TICKS, both / _TICKS


@dataclass(frozen=True)
class PairSums:
    """Sufficient statistics of the correlation of doses with observed alleles, 0 or 1, at V variants.

    sums (V, 5): pairs; the sums of doses, of their squares, of alleles, and of the products of both.
    """

    sums: NDArray[np.float64]

    @staticmethod
    def of(dosages: NDArray[np.float32], alt: NDArray[np.float32], seen: NDArray[np.bool_]) -> PairSums:
        """Sum the pairs that are seen (V, T)."""
        sums = np.empty((len(dosages), 5))
        _sum_pairs(dosages, alt, seen, sums)
        return PairSums(sums)

    def __add__(self, other: PairSums) -> PairSums:
        return PairSums(self.sums + other.sums)

    @property
    def r2(self) -> NDArray[np.float64]:
        """Squared correlation (V,), 0 where either does not vary."""
        n, s1, s2, alts, both = self.sums.T
        spread = (n * s2 - s1**2) * (n * alts - alts**2)
        ratio = np.divide((n * both - s1 * alts) ** 2, spread, out=np.zeros_like(spread), where=spread > 1e-9)
        return np.asarray(np.clip(ratio, 0.0, 1.0), np.float64)


def allele_frequency(dosages: NDArray[np.float32]) -> NDArray[np.float64]:
    """Estimated ALT frequency (V,) from doses (V, T)."""
    return DoseSums.of(dosages).af


def dr2(dosages: NDArray[np.float32]) -> NDArray[np.float64]:
    """DR2 (V,) from doses (V, T)."""
    return DoseSums.of(dosages).dr2


def most_probable(dosages: NDArray[np.float32]) -> NDArray[np.int8]:
    """Most probable allele code (R, T) from doses (R, A, T) of A ALT alleles; the lower code wins a tie."""
    if dosages.shape[1] == 1:
        return (dosages[:, 0] > 0.5).astype(np.int8)
    reference = 1.0 - dosages.sum(axis=1, keepdims=True)
    return np.asarray(np.concatenate([reference, dosages], axis=1).argmax(axis=1), np.int8)


def genotype_probabilities(dosages: NDArray[np.float32]) -> NDArray[np.float32]:
    """GP (R, G, S) in VCF order (00 01 11 02 12 22 ...) from doses (R, A, T) of independent haplotypes."""
    reference = np.maximum(1.0 - dosages.sum(axis=1, keepdims=True), 0.0)
    alleles = np.concatenate([reference, dosages], axis=1)
    first, second = alleles[:, :, 0::2], alleles[:, :, 1::2]
    pairs = [(low, high) for high in range(alleles.shape[1]) for low in range(high + 1)]
    columns = [
        first[:, low] * second[:, high] + (first[:, high] * second[:, low] if low != high else 0.0)
        for low, high in pairs
    ]
    return np.stack(columns, axis=1).astype(np.float32)
