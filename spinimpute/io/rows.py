"""Imputed records as lines of VCF text, spelled by a compiled loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.dosages import DoseSums, PairSums, genotype_probabilities, most_probable
from spinimpute.sites import Sites

_TICKS = 1000  # of a dose: three decimals
_MOST_DIGITS = 3  # of an allele code
_TAB, _NEWLINE, _DOT, _ZERO, _BAR = (ord(char) for char in "\t\n.0|")
# (2001, 5) every three-decimal number of [0, 2]: looked up instead of formatted.
_DIGITS = np.array([list(f"{tick / _TICKS:.3f}".encode()) for tick in range(2 * _TICKS + 1)], np.uint8)


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
    counts = np.bincount(block.record, minlength=len(block.sites))
    starts = np.concatenate([[0], counts.cumsum()])
    rows = list(_prefixes(block, counts, fields))
    for count in np.unique(counts):
        chosen = np.flatnonzero(counts == count)
        dosages = block.dosages[starts[chosen, None] + np.arange(count)]
        cells = _cells(dosages, block.observed[chosen], block.present[1::2], fields)
        for row, text in zip(chosen.tolist(), cells, strict=True):
            rows[row] += text
    pos, refs, kept = block.sites.pos, block.sites.ref, block.target_only
    if kept:
        # In coordinate order, the panel's first.
        rows += _target_only_rows(block.sites.chrom, kept, fields)
        refs = refs + kept.sites.ref
        pos = np.concatenate([pos, kept.sites.pos])
        order = np.argsort(pos, kind="stable")
        pos = pos[order]
        rows, refs = ([column[row] for row in order.tolist()] for column in (rows, refs))
    spans, lengths = (np.fromiter(map(len, column), np.int64, len(pos)) for column in (refs, rows))
    return EncodedRows(b"".join(rows), pos, spans, lengths)


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


def _prefixes(block: ImputedBlock, counts: NDArray[np.int64], fields: RowFormat) -> list[bytes]:
    """The first nine columns of each record."""
    sites, sums = block.sites, block.sums
    af = [f"{value:.6f}" for value in sums.af.tolist()]
    dr2 = [f"{value:.4f}" for value in sums.dr2.tolist()]
    er2 = {v: f"{block.er2[v]:.4f}" for v in np.flatnonzero(~np.isnan(block.er2)).tolist()}
    keys = fields.keys()
    rows, low = [], 0
    columns = zip(
        sites.pos.tolist(),
        sites.ids,
        sites.ref,
        sites.alts,
        block.typed.tolist(),
        counts.tolist(),
        strict=True,
    )
    for position, identifier, ref, alts, typed, count in columns:
        high = low + count
        if count == 1:
            info = f"AF={af[low]};DR2={dr2[low]}"
        else:
            info = f"AF={','.join(af[low:high])};DR2={','.join(dr2[low:high])}" if count else ""
        if typed and any(v in er2 for v in range(low, high)):
            info += f";ER2={','.join(er2.get(v, '.') for v in range(low, high))}"
        if not typed:
            info += ";IMP" if info else "IMP"
        rows.append(
            f"{sites.chrom}\t{position}\t{identifier}\t{ref}\t{','.join(alts) or '.'}"
            f"\t.\tPASS\t{info or '.'}\t{keys}".encode()
        )
        low = high
    return rows


def _cells(
    dosages: NDArray[np.float32],
    observed: NDArray[np.int8],
    diploid: NDArray[np.bool_],
    fields: RowFormat,
) -> Iterator[bytes]:
    """Yield the sample columns with the line end, of records that share the number A of ALT alleles.

    dosages (R, A, T), observed (R, T), diploid (S,). Haploid samples have no AP2 and no GP.
    """
    codes = np.where(observed >= 0, observed, most_probable(dosages))
    first, second = dosages[:, :, 0::2], dosages[:, :, 1::2]
    numbers = [first + second * diploid]
    if fields.ap:
        numbers += [first, second]
    if fields.gp:
        numbers.append(genotype_probabilities(dosages))
    # A field of a record without ALT alleles has no numbers, and is a dot.
    none = np.full((len(first), 1, first.shape[2]), np.nan, np.float32)
    numbers = [part if part.shape[1] else none for part in numbers]
    short = numbers[0].shape[1] * (2 if fields.ap else 1)
    separators = b"".join(b":" + b"," * (part.shape[1] - 1) for part in numbers)
    values = np.concatenate(numbers, axis=1)
    width = 2 * (1 + _MOST_DIGITS) + values.shape[1] * 6
    text = np.empty(codes.shape[0] * (values.shape[2] * width + 1), np.uint8)
    ends = np.empty(codes.shape[0], np.int64)
    _spell(codes, values, diploid, short, np.frombuffer(separators, np.uint8), _DIGITS, text, ends)
    start = 0
    for end in ends.tolist():
        yield text[start:end].tobytes()
        start = end


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _spell(
    codes: NDArray[np.int8],
    values: NDArray[np.float32],
    diploid: NDArray[np.bool_],
    short: int,
    separators: NDArray[np.uint8],
    digits: NDArray[np.uint8],
    text: NDArray[np.uint8],
    ends: NDArray[np.int64],
) -> None:
    """Write the samples of each record: genotype of codes (R, T), then values (R, L, S), each behind its
    separator (L,); of a sample that is not diploid (S,) one code and the first `short` values.
    """
    at = 0
    for r in range(codes.shape[0]):
        for s in range(values.shape[2]):
            for h in range(1 + diploid[s]):
                text[at] = _BAR if h else _TAB
                at += 1
                code = codes[r, 2 * s + h]
                if code > 99:
                    text[at] = _ZERO + code // 100
                    at += 1
                if code > 9:
                    text[at] = _ZERO + code // 10 % 10
                    at += 1
                text[at] = _ZERO + code % 10
                at += 1
            for i in range(values.shape[1] if diploid[s] else short):
                text[at] = separators[i]
                at += 1
                if np.isnan(values[r, i, s]):
                    text[at] = _DOT
                    at += 1
                    continue
                tick = int(np.rint(values[r, i, s] * np.float32(_TICKS)))
                for d in range(digits.shape[1]):
                    text[at + d] = digits[tick, d]
                at += digits.shape[1]
        text[at] = _NEWLINE
        at += 1
        ends[r] = at
