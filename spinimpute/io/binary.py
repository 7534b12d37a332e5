"""BCF as records, through htslib."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import cyvcf2
import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.records import (
    DIPLOID_RULE,
    GENOTYPE_RULE,
    HAPLOID_RULE,
    MISSING,
    RANGE_RULE,
    Batch,
    Site,
)

_ABSENT = -2  # how cyvcf2 pads a genotype that has fewer alleles than another of its record
_MOST_ALLELES = 127  # the highest code that int8 holds

# htslib's own warnings would come before our one line.
cyvcf2.cyvcf2.set_htslib_log_level(0)


def binary_header(path: Path, where: str) -> str:
    """The text of a BCF header; SpinImputeError if it cannot be parsed."""
    file = _open(path, where)
    try:
        return str(file.raw_header)
    finally:
        file.close()


class BinarySource:
    """Records of a BCF file for some of its samples, from its start or, through its index, from a stretch."""

    def __init__(
        self, path: Path, where: str, kept: Collection[str], threads: int = 2, stretch: str | None = None
    ) -> None:
        self._where = where
        self._file = _open(path, where, threads)
        self._samples = [name for name in self._file.samples if name in kept]
        if len(self._samples) < len(self._file.samples):
            self._file.set_samples(self._samples)
        self._records = iter(self._file(stretch) if stretch is not None else self._file)
        self._place = where
        self._raw = np.empty((0, len(self._samples), 3), np.int16)

    def fill(self, batch: Batch) -> bool:
        """Append records until the batch is full; False once the file is exhausted."""
        first, room = len(batch.sites), batch.room
        if room > len(self._raw):
            self._raw = np.empty((room, len(self._samples), 3), np.int16)
        count = 0
        while count < room and (record := self._next()) is not None:
            chrom, position = record.CHROM, record.POS
            self._place = f"{self._where} {chrom}:{position}"
            self._raw[count] = self._genotypes(record)
            batch.sites.append(Site(chrom, position, record.ID or ".", record.REF, tuple(record.ALT)))
            count += 1
        if count:
            raw = self._raw[:count]
            self._check(raw, batch.sites[first:])
            batch.alleles[first : first + count].reshape(count, -1, 2)[:] = raw[:, :, :2]
            batch.phased[first : first + count] = raw[:, :, 2]
        return count == room

    def _next(self) -> Any:
        try:
            return next(self._records, None)
        except Exception as error:
            place = self._place if self._place == self._where else f"{self._place}, next record"
            raise SpinImputeError(
                "the file is corrupt", where=place, remedy="copy or write it again; check with bcftools view"
            ) from error

    def _genotypes(self, record: Any) -> NDArray[np.int16]:
        """Genotypes (S, 3): two allele codes and whether they are phased."""
        try:
            genotypes: NDArray[np.int16] = record.genotype.array()
        except Exception as error:
            raise SpinImputeError(GENOTYPE_RULE, where=self._place, found="no GT in FORMAT") from error
        if genotypes.shape[1] == 3:
            return genotypes
        if genotypes.shape[1] == 2:
            self._refuse(genotypes[:, 0] != MISSING, HAPLOID_RULE, "1 allele")
            return np.array([[MISSING, MISSING, 0]], np.int16)
        excess = (genotypes[:, 2:-1] != _ABSENT).any(axis=1)
        self._refuse(excess, DIPLOID_RULE, f"{genotypes.shape[1] - 1} alleles")
        raise AssertionError("a record of higher ploidy has a sample of that ploidy")

    def _check(self, raw: NDArray[np.int16], sites: Sequence[Site]) -> None:
        """Mend lone missing alleles; refuse haploid genotypes and codes beyond the record's alleles."""
        lowest, highest = raw.min(), raw.max()
        if lowest == _ABSENT:
            lone = raw[:, :, 1] == _ABSENT
            raw[:, :, 1][lone & (raw[:, :, 0] == MISSING)] = MISSING
        most = np.array([min(len(site.alts), _MOST_ALLELES) for site in sites])
        # One look at all of a block is much faster than one at each record.
        if lowest > _ABSENT and highest <= most.min():
            return
        codes = raw[:, :, :2]
        bad = np.flatnonzero((codes.max(axis=(1, 2)) > most) | (codes.min(axis=(1, 2)) == _ABSENT))
        for row in bad[:1].tolist():
            self._place = f"{self._where} {sites[row].chrom}:{sites[row].pos}"
            self._refuse(codes[row, :, 1] == _ABSENT, HAPLOID_RULE, "1 allele")
            self._refuse(codes[row].max(axis=1) > most[row], RANGE_RULE, str(codes[row].max()))

    def _refuse(self, fault: NDArray[np.bool_], rule: str, found: str) -> None:
        """Raise SpinImputeError for the first faulty sample (S,) of the record at hand, if any."""
        if fault.any():
            sample = self._samples[int(fault.argmax())]
            raise SpinImputeError(rule, where=f"{self._place} sample {sample}", found=found)


def _open(path: Path, where: str, threads: int = 1) -> Any:
    try:
        return cyvcf2.VCF(str(path), threads=threads)
    except Exception as error:
        raise SpinImputeError(
            "the header cannot be parsed", where=where, remedy="check the file with bcftools view -h"
        ) from error
