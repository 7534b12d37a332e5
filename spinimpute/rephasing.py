"""One section of typed records is phased, pass by pass.

Each pass picks mosaics of panel haplotypes anew, next to what a person's haplotypes are so far, and places
every open genotype again: at first by chance, in proportion to a power of its odds, at last where it is
likeliest (kernels and sources: `mosaics`). Every person is phased alone, unless there is a cohort: then what
all haplotypes were after the pass before is copied from as the panel's are (as by Delaneau et al. 2019 and
Browning et al. 2021). Threads never change the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinimpute.mosaics import compose, fill, look_back, rephase
from spinimpute.pbwt import prefix_order, suffix_order

MOSAICS = 384
# Typed records from one anchor to the next, and neighbours taken there on either side in each order.
STRIDE, EACH_SIDE = 16, 12
# The powers to which odds are raised, pass by pass; at infinity the likeliest way is taken. People who are
# copied from each other settle later.
POWERS, COHORT_POWERS = 8 * (2.0,) + 2 * (np.inf,), 12 * (2.0,) + 2 * (np.inf,)
JUMPS_PER_CM = 5.0
ERROR = 3e-3  # probability that an allele differs from the copied one
ODDS = np.float32(ERROR / (1 - ERROR))


@dataclass(frozen=True)
class _Orders:
    """The orders (D, A, N) of those that may be copied at the anchors from either side, and the places of
    those who copy (D, A, T).
    """

    order: NDArray[np.int32]
    place: NDArray[np.int32]


@dataclass(frozen=True)
class _Copied:
    """Haplotypes that may be copied: alleles (N, M) uint8, and whether they are not 0 as bits
    (M, ceil(N / 8)), as the orders know two alleles only.

    The cohort's, if they are among them, begin at first and are as many as its columns.
    """

    haplotypes: NDArray[np.uint8]
    bits: NDArray[np.uint8]
    first: int | None = None

    @staticmethod
    def of(haplotypes: NDArray[np.uint8], first: int | None = None) -> _Copied:
        """With the bits of haplotypes (N, M)."""
        return _Copied(haplotypes, np.packbits((haplotypes > 0).T, axis=1, bitorder="little"), first)

    def own(self, person: int) -> int:
        """The first of both haplotypes of one of the cohort; a number that none has if they are not here."""
        return -2 if self.first is None else self.first + 2 * person

    def completed(self, alleles: NDArray[np.int8]) -> NDArray[np.uint8]:
        """Others' alleles (M, T) by haplotype (T, M), the commoner one here where one is missing."""
        commoner = 2 * np.count_nonzero(self.haplotypes, axis=0) > len(self.haplotypes)
        return np.ascontiguousarray(np.where(alleles < 0, commoner[:, None], alleles).T, np.uint8)

    def with_cohort(self, cohort: NDArray[np.uint8]) -> _Copied:
        """These of the panel, and the cohort's (T, M)."""
        return _Copied.of(np.concatenate([self.haplotypes, cohort]), len(self.haplotypes))


class TypedSection:
    """M typed records of a panel at cm (M,), with alleles (M, N) uint8; in a cohort people are copied from
    each other too.
    """

    def __init__(
        self, cm: NDArray[np.float64], panel: NDArray[np.uint8], threads: int, cohort: bool = False
    ) -> None:
        distance = np.concatenate([[0.0], np.maximum(np.diff(cm), 1e-6)])
        self._jump = -np.expm1(-JUMPS_PER_CM * distance).astype(np.float32)
        self._gaps = np.unique([*range(0, len(cm), STRIDE), len(cm)]).astype(np.int64)
        self._panel = _Copied.of(np.ascontiguousarray(panel.T))
        self._cohort = cohort
        self._threads = threads

    def phase(
        self,
        alleles: NDArray[np.int8],
        is_open: NDArray[np.bool_],
        people: NDArray[np.int64],
        seeds: Sequence[Sequence[int]],
    ) -> None:
        """Put the open genotypes (M, S) of some people among alleles (M, T) in order; each has a seed."""
        if not len(people):
            return
        current, columns = _haplotypes(alleles, people)
        persons = [_Person(current[p], is_open[:, s], seeds[p]) for p, s in enumerate(people.tolist())]
        cohort = self._panel.completed(alleles) if self._cohort else None
        with ThreadPoolExecutor(self._threads) as pool:
            copied = self._panel
            for power in POWERS if cohort is None else COHORT_POWERS:
                orders = self._order(copied, current)

                def work(
                    p: int, power: float = power, copied: _Copied = copied, orders: _Orders = orders
                ) -> None:
                    mosaics = self._mosaics(copied, orders, p, copied.own(int(people[p])))
                    persons[p].place(mosaics, self._jump, power)

                list(pool.map(work, range(len(persons))))
                # In the first pass nothing is known of those that are open, so the panel is alone.
                if cohort is not None:
                    cohort[columns] = np.concatenate([person.complete for person in persons])
                    copied = self._panel.with_cohort(cohort)
        alleles[:, columns] = current.reshape(len(columns), -1).T

    def fill(self, alleles: NDArray[np.int8], kept: slice) -> NDArray[np.float32]:
        """Return the probabilities (Q, C) of the panel's allele codes for the missing ones among some rows of
        alleles (M, T).
        """
        missing = alleles < 0
        missing[: kept.start] = missing[kept.stop :] = False
        people = np.flatnonzero(missing.reshape(len(alleles), -1, 2).any(axis=(0, 2)))
        n_codes = int(self._panel.haplotypes.max(initial=0)) + 1
        doses = np.zeros((*alleles.shape, n_codes), np.float32)
        if not len(people):
            return doses[missing]
        current, _ = _haplotypes(alleles, people)
        orders = self._order(self._panel, current)

        def work(p: int) -> None:
            pair = slice(2 * people[p], 2 * people[p] + 2)
            sites = np.flatnonzero(missing[:, pair].any(axis=1))
            mosaics = self._mosaics(self._panel, orders, p, self._panel.own(p))
            after = np.empty((len(sites), 2, mosaics.shape[1]), np.float32)
            look_back(mosaics, current[p], sites, self._jump, ODDS, after)
            found = np.empty((len(sites), 2, n_codes), np.float32)
            fill(mosaics, current[p], sites, self._jump, ODDS, after, found)
            doses[sites, pair] = found

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(work, range(len(people))))
        return doses[missing]

    def _order(self, copied: _Copied, current: NDArray[np.int8]) -> _Orders:
        """Place the people's haplotypes (P, 2, M) among those that may be copied."""
        target = np.ascontiguousarray(np.minimum(current.reshape(-1, current.shape[2]).T, 1))
        with ThreadPoolExecutor(2) as pool:
            sides = pool.map(
                lambda order: order(copied.bits, len(copied.haplotypes), target, self._gaps),
                (prefix_order, suffix_order),
            )
            left, right = sides
        return _Orders(np.stack([left.order, right.order]), np.stack([left.place, right.place]))

    def _mosaics(self, copied: _Copied, orders: _Orders, person: int, own: int) -> NDArray[np.uint8]:
        """The mosaics (M, K) for one of the people whose haplotypes were placed; own is for `compose`."""
        mosaics = np.empty((copied.haplotypes.shape[1], MOSAICS), np.uint8)
        place = orders.place[:, :, 2 * person : 2 * person + 2]
        n = compose(copied.haplotypes, self._gaps, orders.order, place, EACH_SIDE, own, mosaics)
        return mosaics if n == MOSAICS else np.ascontiguousarray(mosaics[:, :n])


class _Person:
    """One person's haplotypes (2, M), which change in place, and the genotypes that are open.

    What is given as phased fixes which haplotype is the first: past one such heterozygote and before another
    nothing is turned but single genotypes. complete (2, M) are the haplotypes after a pass with their missing
    alleles filled.
    """

    def __init__(self, haplotypes: NDArray[np.int8], is_open: NDArray[np.bool_], seed: Sequence[int]) -> None:
        self.complete = np.zeros(haplotypes.shape, np.uint8)
        self._haplotypes = haplotypes
        self._sites = np.flatnonzero(is_open | (haplotypes < 0).any(axis=0))
        self._is_open = is_open[self._sites]
        self._pairs = np.sort(haplotypes[:, self._sites], axis=0).T.copy()
        # Known to be on one side, an allele beside a missing one is not placed.
        self._pairs[~self._is_open] = -1
        self._random = np.random.default_rng(seed)
        known = np.flatnonzero(~is_open & (haplotypes[0] != haplotypes[1]))
        self._known = int(known[0]) if len(known) else None
        self._first = int(haplotypes[0, known[0]]) if len(known) else 0
        self._may_switch = np.ones(len(self._sites), np.bool_)
        if len(known):
            self._may_switch = (self._sites < known[0]) | (self._sites > known[-1])
        # Nothing is known of open genotypes in the first pass.
        haplotypes[:, self._sites[self._is_open]] = -1

    def place(self, mosaics: NDArray[np.uint8], jump: NDArray[np.float32], power: float) -> None:
        """Place every open genotype anew, the odds raised to a power."""
        sites, n = self._sites, len(self._sites)
        after = np.empty((n, 2, mosaics.shape[1]), np.float32)
        look_back(mosaics, self._haplotypes, sites, jump, ODDS, after)
        draws = np.full(n, -1.0)
        if np.isfinite(power):
            draws[self._is_open] = self._random.random(int(self._is_open.sum()))
        rephase(
            mosaics, self._haplotypes, sites, self._pairs, self._may_switch, jump, ODDS, after, draws, power,
            self.complete,
        )  # fmt: skip
        if self._known is not None and self._haplotypes[0, self._known] != self._first:
            self._haplotypes[:] = self._haplotypes[::-1].copy()
            self.complete = self.complete[::-1].copy()


def _haplotypes(
    alleles: NDArray[np.int8], people: NDArray[np.int64]
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """The haplotypes (P, 2, M) of some people among alleles (M, T), and their columns (2 P,)."""
    columns = (2 * people[:, None] + np.arange(2)).ravel()
    rows = np.ascontiguousarray(alleles[:, columns].T)
    return rows.reshape(len(people), 2, -1), columns
