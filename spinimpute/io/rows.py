"""Sample columns of a VCF row as fixed-width bytes, looked up instead of formatted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from spinimpute.dosages import DoseSums, genotype_probabilities, most_probable
from spinimpute.sites import Sites

_TICKS = 1000  # of a dose: three decimals
_NARROW = 10  # ALT alleles from which an allele code may need two digits
_CODES = {False: 10, True: 128}  # allele codes spelled in the narrow and the wide genotype table
_PADDING = re.compile(rb"(?<=[\t|])0+(?=\d)")


@dataclass(frozen=True)
class ImputedBlock:
    """Imputed records of one chromosome, in coordinate order.

    record (V,) int32 is the record index of each variant, ascending, a record's variants in ALT order;
    dosages (V, T) float32 the ALT dose per haplotype in [0, 1], 0 or 1 where observed; observed (R, T) int8
    the target's allele code in the panel's coding, -1 where not typed or missing; typed (R,) bool.
    """

    sites: Sites
    record: NDArray[np.int32]
    dosages: NDArray[np.float32]
    observed: NDArray[np.int8]
    typed: NDArray[np.bool_]

    @cached_property
    def sums(self) -> DoseSums:
        """Sufficient statistics of AF and DR2."""
        return DoseSums.of(self.dosages)


@dataclass(frozen=True)
class RowFormat:
    """Which optional FORMAT fields are written."""

    ap: bool = False
    gp: bool = False

    def keys(self) -> str:
        """The FORMAT column."""
        return "GT:DS" + (":AP1:AP2" if self.ap else "") + (":GP" if self.gp else "")


def encode(block: ImputedBlock, fields: RowFormat) -> bytes:
    """Return the VCF text of a block, one line a record."""
    counts = np.bincount(block.record, minlength=len(block.sites))
    starts = np.concatenate([[0], counts.cumsum()])
    rows = list(_prefixes(block, counts, fields))
    for count in np.unique(counts):
        chosen = np.flatnonzero(counts == count)
        dosages = block.dosages[starts[chosen, None] + np.arange(count)]
        cells = _cells(dosages, block.observed[chosen], fields)
        for row, text in zip(chosen.tolist(), cells, strict=True):
            rows[row] += text
    return b"".join(rows)


def _prefixes(block: ImputedBlock, counts: NDArray[np.int64], fields: RowFormat) -> list[bytes]:
    """The first nine columns of each record."""
    sites, sums = block.sites, block.sums
    af = [f"{value:.6f}" for value in sums.af.tolist()]
    dr2 = [f"{value:.4f}" for value in sums.dr2.tolist()]
    keys = fields.keys()
    rows, low = [], 0
    columns = zip(
        sites.pos.tolist(), sites.ids, sites.ref, sites.alts, block.typed.tolist(), counts, strict=True
    )
    for position, identifier, ref, alts, typed, count in columns:
        high = low + count
        info = f"AF={','.join(af[low:high])};DR2={','.join(dr2[low:high])}" if count else ""
        if not typed:
            info += ";IMP" if info else "IMP"
        rows.append(
            f"{sites.chrom}\t{position}\t{identifier}\t{ref}\t{','.join(alts) or '.'}"
            f"\t.\tPASS\t{info or '.'}\t{keys}".encode()
        )
        low = high
    return rows


def _cells(dosages: NDArray[np.float32], observed: NDArray[np.int8], fields: RowFormat) -> list[bytes]:
    """The sample columns with the line end, of records that share the number A of ALT alleles.

    dosages (R, A, T), observed (R, T).
    """
    codes = np.where(observed >= 0, observed, most_probable(dosages)).astype(np.int64)
    wide = dosages.shape[1] >= _NARROW
    first, second = dosages[:, :, 0::2], dosages[:, :, 1::2]
    numbers = [first + second]
    if fields.ap:
        numbers += [first, second]
    if fields.gp:
        numbers.append(genotype_probabilities(dosages))
    parts = [_genotypes(wide).take(codes[:, 0::2] * _CODES[wide] + codes[:, 1::2])]
    parts += [part for values in numbers for part in _spelled(values)]
    cells = np.empty(parts[0].shape, [(f"f{i}", part.dtype) for i, part in enumerate(parts)])
    for i, part in enumerate(parts):
        cells[f"f{i}"] = part
    rows = [row.tobytes() + b"\n" for row in cells]
    return [_PADDING.sub(b"", row) for row in rows] if wide else rows


def _spelled(values: NDArray[np.float32]) -> list[NDArray[np.void]]:
    """One field of numbers (R, A, S), such as ":0.012,1.000", as A arrays (R, S) of bytes."""
    if not values.shape[1]:
        return [np.full((values.shape[0], values.shape[2]), b":.", "S2").view("V2")]
    ticks = np.rint(values * _TICKS).astype(np.int64)
    return [_numbers(b"," if i else b":").take(ticks[:, i]) for i in range(values.shape[1])]


@cache
def _numbers(separator: bytes) -> NDArray[np.void]:
    """Every three-decimal number of [0, 2]."""
    text = b"".join(separator + f"{tick / _TICKS:.3f}".encode() for tick in range(2 * _TICKS + 1))
    return np.frombuffer(text, "V6")


@cache
def _genotypes(wide: bool) -> NDArray[np.void]:
    """Every phased genotype; wide ones padded, since cells need one width."""
    codes, digits = _CODES[wide], 3 if wide else 1
    text = "".join(f"\t{a:0{digits}}|{b:0{digits}}" for a in range(codes) for b in range(codes))
    return np.frombuffer(text.encode(), f"V{2 + 2 * digits}")
