"""Dosages, genotype calls and quality estimates of imputed files, variant by variant."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.index import usable_index
from spinimpute.io.inputs import VariantReader, open_variants
from spinimpute.io.records import RecordBlock, RecordOrder, block_records, kept_samples
from spinimpute.io.region import Region
from spinimpute.io.sparse import variant_alleles
from spinimpute.io.vcf import VariantFile
from spinimpute.sites import Sites, resolve_contig

ESTIMATES = ("DR2", "R2")  # INFO fields: Beagle's and ours, Minimac's
# Flags of the same tools. Minimac has IMPUTED on typed records too, which TYPED tells apart.
_IMPUTED, _TYPED = ("IMP", "IMPUTED"), ("TYPED", "TYPED_ONLY")


@dataclass(frozen=True)
class DosageBlock:
    """V variants (ALT alleles) of consecutive records of one chromosome, S samples.

    dosages (V, S) float32 ALT dose in [0, 2], nan missing; calls (V, S) int8 ALT alleles of the call, -1
    missing; estimated (V,) the file's own estimate of r2 and frequency (V,) its AF, nan if it has none; typed
    (V,) by its flags.
    """

    sites: Sites
    dosages: NDArray[np.float32]
    calls: NDArray[np.int8]
    estimated: NDArray[np.float64]
    frequency: NDArray[np.float64]
    typed: NDArray[np.bool_]


class DosageReader(Protocol):
    """An open file of genotypes: has_dosages tells of DS, marks_typed of flags for what was typed.

    estimate is the INFO field that estimates r2, "" if there is none.
    """

    where: str
    samples: list[str]
    contigs: dict[str, int | None]
    has_dosages: bool
    marks_typed: bool
    estimate: str

    def blocks(self, chrom: str | None = None) -> Iterator[DosageBlock]:
        """Yield blocks of one chromosome, or of all; SpinImputeError at records that cannot be used."""

    def close(self) -> None:
        """Let go of the file."""


def open_dosages(path: Path, role: str = "imputed") -> DosageReader:
    """Open an imputed file; without DS, and in other formats than VCF and BCF, calls serve as dosages."""
    reader = open_variants(path, role)
    return DosageFile(reader) if isinstance(reader, VariantFile) else CallFile(reader)


def allele_counts(block: RecordBlock) -> NDArray[np.int8]:
    """(V, S) ALT alleles of each variant in each genotype, -1 if the genotype is not complete."""
    record, allele = variant_alleles(block.sites)
    # Sums over an axis of two are slow.
    first, second = block.alleles[record, 0::2], block.alleles[record, 1::2]
    counts: NDArray[np.int8] = (first == allele[:, None]).view(np.int8) + (second == allele[:, None])
    counts[(first < 0) | (second < 0)] = -1
    return counts


class CallFile:
    """Genotype calls of any file that the readers take, as dosages."""

    has_dosages = marks_typed = False
    estimate = ""

    def __init__(self, reader: VariantReader) -> None:
        self._reader = reader
        self.where, self.samples, self.contigs = reader.where, reader.samples, reader.contigs

    def blocks(self, chrom: str | None = None) -> Iterator[DosageBlock]:
        """Yield blocks of one chromosome, or of all; SpinImputeError as the reader."""
        region = Region(chrom) if chrom is not None else None
        for block in self._reader.blocks(block_records(len(self.samples)), region):
            calls = allele_counts(block)
            nothing = np.full(len(calls), np.nan)
            typed = np.zeros(len(calls), np.bool_)
            yield DosageBlock(block.sites, _as_dosages(calls), calls, nothing, nothing, typed)

    def close(self) -> None:
        """Let go of the file."""
        self._reader.__exit__(None, None, None)


class DosageFile:
    """A VCF or BCF file with DS, or else GT; SpinImputeError if it is not whole or has neither."""

    def __init__(self, file: VariantFile) -> None:
        self.close = file.close
        self._path, self.where = file.path, file.where
        self.samples, self.contigs = kept_samples(file.samples, (), file.where), file.contigs
        kinds = _declared(self._open())
        self.has_dosages = ("FORMAT", "DS") in kinds
        self.estimate = next((name for name in ESTIMATES if ("INFO", name) in kinds), "")
        self.marks_typed = any(("INFO", name) in kinds for name in _IMPUTED)

    def blocks(self, chrom: str | None = None) -> Iterator[DosageBlock]:
        """Yield blocks of one chromosome, or of all, in the file's order; SpinImputeError if out of order."""
        order = RecordOrder(self.where)
        batch: list[Any] = []
        size = block_records(len(self.samples))
        for record in self._records(chrom):
            if batch and (
                record.CHROM != batch[0].CHROM or (len(batch) >= size and record.POS != batch[-1].POS)
            ):
                yield self._block(batch, order)
                batch = []
            batch.append(record)
        if batch:
            yield self._block(batch, order)

    def _open(self) -> Any:
        import cyvcf2

        return cyvcf2.VCF(str(self._path))

    def _records(self, chrom: str | None) -> Iterator[Any]:
        file = self._open()
        if chrom is None:
            yield from file
            return
        name = resolve_contig(chrom, self.contigs) or chrom
        if usable_index(self._path) and name in self.contigs:
            yield from file(name)
            return
        began = False
        for record in file:
            if resolve_contig(chrom, [record.CHROM]):
                began = True
                yield record
            elif began:
                return

    def _block(self, records: list[Any], order: RecordOrder) -> DosageBlock:
        sites = Sites(
            records[0].CHROM,
            np.array([record.POS for record in records], np.int64),
            [record.REF for record in records],
            [tuple(record.ALT) for record in records],
            [record.ID or "." for record in records],
        )
        order.check(sites)
        typed = [self.marks_typed and _is_typed(record) for record in records]
        alleles = self._alleles(records)
        calls = allele_counts(RecordBlock(sites, alleles, np.ones((len(records), 0), np.bool_)))
        return DosageBlock(
            sites,
            self._dosages(records, calls.shape) if self.has_dosages else _as_dosages(calls),
            calls,
            np.array([value for record in records for value in _numbers(record, self.estimate)], np.float64),
            np.array([value for record in records for value in _numbers(record, "AF")], np.float64),
            np.repeat(np.array(typed, np.bool_), [len(each) for each in sites.alts]),
        )

    def _alleles(self, records: list[Any]) -> NDArray[np.int8]:
        """(R, T) allele codes, negative where missing, not diploid, or the record has no GT."""
        alleles = np.full((len(records), len(self.samples), 2), -1, np.int8)
        for row, record in enumerate(records):
            if "GT" in record.FORMAT:
                codes = record.genotype.array()[:, :-1]
                if codes.shape[1] == 2:
                    alleles[row] = codes
            elif not self.has_dosages:
                where = f"{self.where} {record.CHROM}:{record.POS}"
                raise SpinImputeError("every record needs DS or GT", where=where)
        return alleles.reshape(len(records), -1)

    def _dosages(self, records: list[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
        """(V, S) DS; nan for a record that has none for anyone."""
        dosages = np.full(shape, np.nan, np.float32)
        row = 0
        for record in records:
            found, count = record.format("DS"), len(record.ALT)
            where = f"{self.where} {record.CHROM}:{record.POS}"
            if found is None:
                raise SpinImputeError("no DS field", where=where)
            if found.shape[1] == count:
                dosages[row : row + count] = found.T
            elif not np.isnan(found).all():
                rule = "DS needs a number for each ALT allele"
                raise SpinImputeError(rule, where=where, found=str(found.shape[1]))
            row += count
        return dosages


def _as_dosages(calls: NDArray[np.int8]) -> NDArray[np.float32]:
    return np.where(calls < 0, np.float32(np.nan), calls.astype(np.float32))


def _is_typed(record: Any) -> bool:
    flags = record.INFO.get
    return any(map(flags, _TYPED)) or not any(map(flags, _IMPUTED))


def _declared(file: Any) -> set[tuple[str, str]]:
    """(kind, ID) of the header's INFO and FORMAT entries."""
    return {
        (entry["HeaderType"], entry["ID"])
        for entry in file.header_iter()
        if entry["HeaderType"] in {"INFO", "FORMAT"}
    }


def _numbers(record: Any, name: str) -> list[float]:
    """An INFO field with a number for each ALT allele; nan where there is none."""
    count = len(record.ALT)
    found = record.INFO.get(name) if name else None
    values = found[:count] if isinstance(found, tuple) else (found,) * count
    known = [math.nan if value is None else float(value) for value in values]
    return known + [math.nan] * (count - len(known))
