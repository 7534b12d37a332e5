"""Imputed records as lines of VCF text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinimpute.dosages import DoseSums, PairSums, genotype_probabilities, most_probable
from spinimpute.io.spelling import (
    BOTH,
    DIGITS,
    FIRST,
    GP,
    MOST_CODE,
    MOST_DOSE,
    SECOND,
    join_texts,
    spell_numbers,
    spell_rows,
)
from spinimpute.sites import Sites

# INFO fields with their decimals, and what begins them: an AF stands before all others.
_INFO = {"AF=": 6, ";DR2=": 4, ";ER2=": 4}
_MOST_DIGITS = 3  # of an allele code
_NUMBER = 10  # characters of a number with its separator, at most


@dataclass(frozen=True)
class TargetOnlyBlock:
    """Target records of one chromosome that the panel lacks, in coordinate order: alleles (R, T) int8, -1
    missing. unphased (R, S) marks genotypes whose order says nothing, haploid (R, S) those that have their
    first allele only; None if there are none.
    """

    sites: Sites
    alleles: NDArray[np.int8]
    unphased: NDArray[np.bool_] | None = None
    haploid: NDArray[np.bool_] | None = None

    def take(self, rows: slice) -> TargetOnlyBlock:
        """Return consecutive records."""
        marks = (None if mark is None else mark[rows] for mark in (self.unphased, self.haploid))
        return TargetOnlyBlock(self.sites.take(rows), self.alleles[rows], *marks)


@dataclass(frozen=True)
class LeftOutBlock:
    """Typed variants (M,) of a block: the ALT doses (M, T) that they would get if they were not typed, and
    the doses (M, T), 0 or 1, that they were typed with, where they were seen (M, T).
    """

    variant: NDArray[np.int64]
    dosages: NDArray[np.float32]
    alt: NDArray[np.float32]
    seen: NDArray[np.bool_]


@dataclass(frozen=True)
class ImputedBlock:
    """Imputed records of one chromosome, in coordinate order, and target-only ones to be written amid them.

    record (V,) int32 is the record index of each variant, ascending, a record's variants in ALT order;
    dosages (V, T) float32 the ALT dose per haplotype in [0, 1], 0 or 1 where observed; observed (R, T) int8
    the target's allele code in the panel's coding, -1 where not typed or missing; typed (R,) bool.
    haploid (S,) marks the samples that have their first haplotype only, None if there are none.
    """

    sites: Sites
    record: NDArray[np.int32]
    dosages: NDArray[np.float32]
    observed: NDArray[np.int8]
    typed: NDArray[np.bool_]
    target_only: TargetOnlyBlock | None = None
    haploid: NDArray[np.bool_] | None = None
    left_out: LeftOutBlock | None = None

    @cached_property
    def er2(self) -> NDArray[np.float64]:
        """(V,) empirical r2; nan where it is not known."""
        er2 = np.full(len(self.record), np.nan)
        if self.left_out is not None:
            found = self.left_out
            sums = PairSums.of(found.dosages, found.alt, found.seen & self.present)
            er2[found.variant] = sums.r2
        return er2

    @cached_property
    def sums(self) -> DoseSums:
        """Sufficient statistics of AF and DR2."""
        return DoseSums.of(self.dosages if self.haploid is None else self.dosages[:, self.present])

    @property
    def present(self) -> NDArray[np.bool_]:
        """(T,) whether there is such a haplotype."""
        present = np.ones(self.dosages.shape[1], np.bool_)
        if self.haploid is not None:
            present[1::2] = ~self.haploid
        return present


@dataclass(frozen=True)
class RowFormat:
    """Which optional FORMAT fields are written."""

    ap: bool = False
    gp: bool = False

    def keys(self) -> str:
        """The FORMAT column."""
        return "GT:DS" + (":AP1:AP2" if self.ap else "") + (":GP" if self.gp else "")


class EncodedRows(NamedTuple):
    """The VCF text of records (R,), one line each: their positions, the lengths of their REFs and those of
    their lines, line ends included.
    """

    text: bytes
    pos: NDArray[np.int64]
    spans: NDArray[np.int64]
    lengths: NDArray[np.int64]


def encode(block: ImputedBlock, fields: RowFormat) -> EncodedRows:
    """Return the VCF text of a block."""
    sites, diploid = block.sites, block.present[1::2]
    columns, column_ends = _columns(sites)
    info, info_ends = _info(block, fields.keys())
    codes, gp, gp_record = _estimates(block, fields.gp)
    record, *numbers = _numbers(block, fields, gp_record)
    first = np.searchsorted(record, np.arange(len(sites) + 1))
    per_sample = len(sites) * 2 * (1 + MOST_CODE) + len(record) * (1 + MOST_DOSE)
    size = len(columns) + len(info) + len(diploid) * per_sample + len(sites)
    text, ends = np.empty(size, np.uint8), np.empty(len(sites), np.int64)
    samples = codes, first, *numbers, np.ascontiguousarray(block.dosages), gp, diploid, DIGITS
    spell_rows(columns, column_ends, info, info_ends, *samples, text, ends)
    spans = np.fromiter(map(len, sites.ref), np.int64, len(sites))
    rows = EncodedRows(text[: ends[-1]].tobytes(), sites.pos, spans, np.diff(ends, prepend=0))
    return _amid(rows, sites.chrom, block.target_only, fields) if block.target_only else rows


def _columns(sites: Sites) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The columns before INFO, with the tab before it, and where each record's end (R,)."""
    columns = zip(sites.pos.tolist(), sites.ids, sites.ref, sites.alts, strict=True)
    lines = [
        f"{sites.chrom}\t{position}\t{identifier}\t{ref}\t{','.join(alts) or '.'}\t.\tPASS\n"
        for position, identifier, ref, alts in columns
    ]
    text = np.frombuffer(bytearray("".join(lines).encode()), np.uint8)
    is_end = text == ord("\n")
    text[is_end] = ord("\t")
    return text, np.flatnonzero(is_end) + 1


def _info(block: ImputedBlock, keys: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """INFO and FORMAT, and where each record's end (R,)."""
    record, n, sums = block.record, len(block.sites), block.sums
    is_first = np.diff(record, prepend=-1) > 0
    er2 = np.where(block.typed[record], block.er2, np.nan)
    texts: list[NDArray[np.uint8]] = []
    records: list[NDArray[np.integer]] = []
    # An AF stands before all others.
    for begin, decimals, values in ((b"AF=", 6, sums.af), (b";DR2=", 4, sums.dr2), (b";ER2=", 4, er2)):
        is_known = np.bincount(record, ~np.isnan(values), n) > 0
        rows = np.flatnonzero(is_known[record])
        texts.append(spell_numbers(begin, values[rows], decimals, is_first[rows]))
        records.append(record[rows])
    # What ends INFO without numbers and flag, with the flag alone, with numbers alone, with both.
    ends = np.array([f"{end}\t{keys}".encode() for end in (".", "IMP", "", ";IMP")])
    has_numbers = np.bincount(record, minlength=n) > 0
    texts.append(ends[2 * has_numbers + ~block.typed].view(np.uint8).reshape(n, -1))
    records.append(np.arange(n))
    return join_texts(texts, records)


def _estimates(
    block: ImputedBlock, with_gp: bool
) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.int64]]:
    """Allele codes (R, T), those observed where there are any; genotype probabilities (G, S) and the
    record of each (G,), none unless asked for.
    """
    counts = np.bincount(block.record, minlength=len(block.sites))
    codes, samples = np.empty(block.observed.shape, np.int8), block.observed.shape[1] // 2
    gp, gp_record = [np.empty((0, samples), np.float32)], [np.empty(0, np.int64)]
    for count in np.unique(counts).tolist():
        rows = np.flatnonzero(counts == count)
        dosages = block.dosages[np.searchsorted(block.record, rows)[:, None] + np.arange(count)]
        codes[rows] = most_probable(dosages)
        if with_gp:
            probabilities = genotype_probabilities(dosages)
            gp.append(probabilities.reshape(-1, samples))
            gp_record.append(np.repeat(rows, probabilities.shape[1]))
    np.copyto(codes, block.observed, where=block.observed >= 0)
    return codes, np.concatenate(gp), np.concatenate(gp_record)


def _numbers(
    block: ImputedBlock, fields: RowFormat, gp_record: NDArray[np.int64]
) -> tuple[NDArray[np.integer], NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8]]:
    """The numbers of a sample, Q in all: record, kind, row among the doses or probabilities, separator."""
    chosen = [BOTH, *([FIRST, SECOND] if fields.ap else []), *([GP] if fields.gp else [])]
    records, rows, n = [], [], len(block.sites)
    for kind in chosen:
        record = gp_record if kind == GP else block.record
        without = np.flatnonzero(np.bincount(record, minlength=n) == 0)  # for these stands a dot
        records.append(np.concatenate([record, without]))
        rows.append(np.concatenate([np.arange(len(record)), np.full(len(without), -1)]))
    kinds = np.repeat(np.array(chosen, np.uint8), list(map(len, records)))
    order = np.argsort(np.concatenate(records), kind="stable")
    record, kinds, row = np.concatenate(records)[order], kinds[order], np.concatenate(rows)[order]
    goes_on = (np.diff(record, prepend=-1) == 0) & (np.diff(kinds, prepend=GP + 1) == 0)
    return record, kinds, row, np.where(goes_on, ord(","), ord(":")).astype(np.uint8)


def _amid(rows: EncodedRows, chrom: str, kept: TargetOnlyBlock, fields: RowFormat) -> EncodedRows:
    """The rows and those of target-only records in coordinate order, the latter last at a position."""
    at = np.searchsorted(rows.pos, kept.sites.pos, "right")
    lines = list(_target_only_rows(chrom, kept, fields))
    spans, lengths = (np.fromiter(map(len, column), np.int64) for column in (kept.sites.ref, lines))
    parts, low = [], 0
    for cut, line in zip(np.append(0, rows.lengths.cumsum())[at].tolist(), lines, strict=True):
        parts += [rows.text[low:cut], line]
        low = cut
    return EncodedRows(
        b"".join([*parts, rows.text[low:]]),
        np.insert(rows.pos, at, kept.sites.pos),
        np.insert(rows.spans, at, spans),
        np.insert(rows.lengths, at, lengths),
    )


def _target_only_rows(chrom: str, kept: TargetOnlyBlock, fields: RowFormat) -> Iterator[bytes]:
    """Yield rows with the genotypes as given: nothing is estimated, so every other field is missing."""
    sites, keys = kept.sites, fields.keys()
    blank = ":." * keys.count(":")
    none = np.zeros((len(sites), kept.alleles.shape[1] // 2), np.bool_)
    unphased = none if kept.unphased is None else kept.unphased
    marks = np.where(none if kept.haploid is None else kept.haploid, "", np.where(unphased, "/", "|"))
    columns = zip(sites.pos.tolist(), sites.ids, sites.ref, sites.alts, kept.alleles, marks, strict=True)
    for position, identifier, ref, alts, alleles, mark in columns:
        codes = ["." if code < 0 else str(code) for code in alleles.tolist()]
        cells = [
            f"{a}{between}{b if between else ''}{blank}"
            for a, between, b in zip(codes[0::2], mark.tolist(), codes[1::2], strict=True)
        ]
        start = f"{chrom}\t{position}\t{identifier}\t{ref}\t{','.join(alts) or '.'}"
        yield ("\t".join([start, ".\tPASS\tTYPED_ONLY", keys, *cells]) + "\n").encode()
