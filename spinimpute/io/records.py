"""Blocks of records, collected from a parser and checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.sites import Sites

MISSING = -1
_ABSENT = -2  # how cyvcf2 pads a genotype that has fewer alleles than another of its record
_MOST_ALLELES = 127  # the highest code that int8 holds
_HAPLOID = "haploid genotypes are not supported yet"


@dataclass(frozen=True)
class RecordBlock:
    """Consecutive records of one chromosome: alleles (R, T) int8 with -1 missing, phased (R, S)."""

    sites: Sites
    alleles: NDArray[np.int8]
    phased: NDArray[np.bool_]


class BlockBuilder:
    """Collects records of one chromosome; where names the file in messages."""

    def __init__(self, where: str, samples: list[str], capacity: int) -> None:
        self.chrom = ""
        self._where = where
        self._samples = samples
        self._raw = np.empty((capacity, len(samples), 3), np.int16)
        self._clear()

    def __len__(self) -> int:
        return len(self._pos)

    def add(self, record: Any, position: int) -> None:
        """Append a cyvcf2 record; SpinImputeError if it has no diploid genotypes."""
        row = len(self)
        if row == len(self._raw):
            self._raw = np.concatenate([self._raw, np.empty_like(self._raw)])
        try:
            genotypes = record.genotype.array()
        except Exception as error:
            raise SpinImputeError(
                "every record needs genotypes",
                where=f"{self._where} {self.chrom}:{position}",
                found="no GT in FORMAT",
            ) from error
        if genotypes.shape[1] != 3:
            genotypes = self._as_diploid(genotypes, position)
        self._raw[row] = genotypes
        self._pos.append(position)
        self._ref.append(record.REF)
        self._alts.append(tuple(record.ALT))
        self._ids.append(record.ID or ".")

    def flush(self) -> Iterator[RecordBlock]:
        """Yield what was collected, if anything, as one checked block."""
        if not len(self):
            return
        raw = self._raw[: len(self)]
        sites = Sites(self.chrom, np.array(self._pos, np.int64), self._ref, self._alts, self._ids)
        self._check(raw, sites)
        codes = raw[:, :, :2].astype(np.int8).reshape(len(sites), -1)
        self._clear()
        yield RecordBlock(sites, codes, raw[:, :, 2] != 0)

    def _clear(self) -> None:
        self._pos: list[int] = []
        self._ref: list[str] = []
        self._alts: list[tuple[str, ...]] = []
        self._ids: list[str] = []

    def _as_diploid(self, genotypes: NDArray[np.int16], position: int) -> NDArray[np.int16]:
        """Genotypes (S, 3) of a record that is not diploid, which is fine if all of it is missing."""
        place = f"{self._where} {self.chrom}:{position} sample"
        if genotypes.shape[1] == 2:
            called = np.flatnonzero(genotypes[:, 0] != MISSING)
            if len(called):
                raise SpinImputeError(_HAPLOID, where=f"{place} {self._samples[called[0]]}", found="1 allele")
            return np.full((len(genotypes), 3), MISSING, np.int16)
        excess = np.flatnonzero((genotypes[:, 2:-1] != _ABSENT).any(axis=1))
        sample, ploidy = self._samples[excess[0]], genotypes.shape[1] - 1
        raise SpinImputeError(
            "genotypes must be diploid", where=f"{place} {sample}", found=f"{ploidy} alleles"
        )

    def _check(self, raw: NDArray[np.int16], sites: Sites) -> None:
        """Mend lone missing alleles, then refuse haploid genotypes and codes beyond the record's alleles."""
        if raw.min() == _ABSENT:
            lone = raw[:, :, 1] == _ABSENT
            raw[:, :, 1][lone & (raw[:, :, 0] == MISSING)] = MISSING
            self._refuse(raw[:, :, 1] == _ABSENT, sites, _HAPLOID, "1 allele")
        known = np.fromiter(map(len, sites.alts), np.int16, len(sites))
        highest = raw[:, :, :2].max(axis=(1, 2))
        if (highest > np.minimum(known, _MOST_ALLELES)).any():
            self._refuse(
                raw[:, :, :2].max(axis=2) > known[:, None],
                sites,
                "an allele code must not exceed the number of ALT alleles",
                f"{int(highest[highest > known].max(initial=0))}",
            )
            self._refuse(
                raw[:, :, :2].max(axis=2) > _MOST_ALLELES,
                sites,
                f"at most {_MOST_ALLELES} ALT alleles are supported",
            )

    def _refuse(self, fault: NDArray[np.bool_], sites: Sites, rule: str, found: str = "") -> None:
        refuse(fault, self._where, sites, self._samples, rule, found)


def refuse(
    fault: NDArray[np.bool_],
    where: str,
    sites: Sites,
    samples: list[str],
    rule: str,
    found: str = "",
    remedy: str = "",
) -> None:
    """Raise SpinImputeError for the first faulty genotype (R, S), if any, naming record and sample."""
    if fault.any():
        record, sample = np.unravel_index(int(fault.argmax()), fault.shape)
        place = f"{where} {sites.chrom}:{sites.pos[record]} sample {samples[sample]}"
        raise SpinImputeError(rule, where=place, found=found, remedy=remedy)
