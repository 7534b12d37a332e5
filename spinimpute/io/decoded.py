"""What the compiled decoders of genotypes report."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError

MOST_ALLELES = 127  # the highest allele code that int8 holds

# Why decoding stopped at a row.
OK, COLUMNS, NO_GENOTYPES, MALFORMED, POLYPLOID, OUT_OF_RANGE, POSITION = range(7)


class Decoded(NamedTuple):
    """Where decoding stopped and why: rows filled in all, lines passed, the start of the next or faulty row.

    names counts the bytes of names that were filled; sample (of the file) and code are a faulty genotype's.
    """

    rows: int
    lines: int
    position: int
    names: int
    fault: int
    sample: int
    code: int


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def byte(data: NDArray[np.uint8], position: int) -> int:
    """One byte as a signed integer: with unsigned ones, compiled sums would turn into floats."""
    return int(np.int64(data[position]))


def _rule(done: Decoded) -> str:
    """The rule that a faulty genotype breaks, and what was found."""
    return {
        POLYPLOID: "genotypes must be haploid or diploid",
        OUT_OF_RANGE: f"an allele code must not exceed the number of ALT alleles, or {MOST_ALLELES}",
    }.get(done.fault, "a genotype must be one or two allele codes, as in 0|1")


def genotype_error(done: Decoded, where: str) -> SpinImputeError:
    """The error that tells of a faulty genotype at a place."""
    remedy = "correct the record or drop it, e.g. with bcftools view -t ^CHROM:POS"
    return SpinImputeError(_rule(done), where=where, found=_found(done), remedy=remedy)


def _found(done: Decoded) -> str:
    """What was found in place of a genotype that holds to the rule."""
    return {POLYPLOID: "3 alleles or more", OUT_OF_RANGE: str(done.code)}.get(done.fault, "")
