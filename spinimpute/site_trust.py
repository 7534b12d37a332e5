"""How far a model's odds are to be trusted at single alleles of a panel, as `spinimpute calibrate` learns.

Where a site is typed badly, or its mutation recurred, even haplotypes that match well differ by its allele,
and no network can see that. The odds of an allele become factor * odds + shift, both in logarithms.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinimpute.panel import Variants
from spinimpute.sites import Sites

COLUMNS = ("chrom", "pos", "ref", "alt", "factor", "shift")
# Probabilities nearer to 0 or 1 are left alone, and of none is the logarithm of the odds taken.
SURE = 0.003


class AlleleTrust(NamedTuple):
    """Factor and shift of the log odds of one ALT allele."""

    chrom: str
    pos: int
    ref: str
    alt: str
    factor: float
    shift: float


@dataclass(frozen=True)
class WindowTrust:
    """Factor and shift (V,) of the marked alleles of a window, and which of them differ from 1 and 0."""

    factor: NDArray[np.float32]
    shift: NDArray[np.float32]
    touched: NDArray[np.bool_]

    def correct(self, variant: NDArray[np.int32], probability: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities (Q,) of carrying the marked alleles of variants (Q,), corrected."""
        unsure = (probability > SURE) & (probability < 1 - SURE)
        asked = np.flatnonzero(self.touched[variant] & unsure)
        if not len(asked):
            return probability
        p, v = probability[asked], variant[asked]
        corrected = probability.copy()
        corrected[asked] = 1 / (1 + np.exp(-(self.factor[v] * np.log(p / (1 - p)) + self.shift[v])))
        return corrected


@dataclass(frozen=True)
class SiteTrust:
    """The alleles whose odds are corrected; none by default. digest is that of the table."""

    alleles: dict[tuple[str, int, str, str], tuple[float, float]] = field(default_factory=dict)
    digest: str = ""

    def at(self, sites: Sites, variants: Variants) -> WindowTrust | None:
        """What there is to correct at the variants of a window's sites; None if there is nothing."""
        if not self.alleles:
            return None
        factor, shift = np.ones(len(variants.record), np.float32), np.zeros(len(variants.record), np.float32)
        for v, (record, allele) in enumerate(zip(variants.record, variants.allele, strict=True)):
            alts = sites.alts[record]
            key = (sites.chrom, int(sites.pos[record]), sites.ref[record], alts[allele - 1])
            if len(alts) == 1 and (found := self.alleles.get(key)):
                factor[v], shift[v] = found
        # The odds of not carrying ALT are the inverse of those of carrying it.
        shift[variants.flip] *= -1
        touched = (factor != 1) | (shift != 0)
        return WindowTrust(factor, shift, touched) if touched.any() else None


def write_trust(alleles: Iterable[AlleleTrust]) -> bytes:
    """The table as gzip'd TSV, the same bytes for the same alleles."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for allele in alleles:
        writer.writerow([*allele[:4], f"{allele.factor:.3f}", f"{allele.shift:.3f}"])
    return gzip.compress(text.getvalue().encode(), mtime=0)


def read_trust(content: bytes) -> SiteTrust:
    """Read a table; ValueError or OSError if it is none."""
    rows = csv.reader(io.StringIO(gzip.decompress(content).decode()), delimiter="\t")
    if tuple(next(rows, ())) != COLUMNS:
        raise ValueError("the table of sites must have the columns " + ", ".join(COLUMNS))
    return SiteTrust(dict(_entries(rows)), hashlib.sha256(content).hexdigest())


def _entries(rows: Iterable[list[str]]) -> Iterator[tuple[tuple[str, int, str, str], tuple[float, float]]]:
    for chrom, pos, ref, alt, factor, shift in rows:
        yield (chrom, int(pos), ref, alt), (float(factor), float(shift))
