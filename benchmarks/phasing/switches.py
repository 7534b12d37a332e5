"""Switch errors of a phased file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Key = tuple[str, int, str, str]


@dataclass(frozen=True)
class Switches:
    """Pairs of heterozygotes next to each other in one person, and how many of them are phased wrongly."""

    errors: int
    pairs: int

    @property
    def rate(self) -> float:
        """Errors per pair."""
        return self.errors / max(1, self.pairs)


def count_switches(truth: Path, phased: Path) -> Switches:
    """Compare a file with a truth at the biallelic records and genotypes that both have."""
    true, found = _genotypes(truth), _genotypes(phased)
    shared = [key for key in true if key in found]
    expected, given = (np.stack([side[key] for key in shared]) for side in (true, found))
    errors = pairs = 0
    for person in range(expected.shape[1]):
        a, b = expected[:, person], given[:, person]
        both = (a[:, 0] != a[:, 1]) & (np.sort(a, axis=1) == np.sort(b, axis=1)).all(axis=1)
        straight = a[both, 0] == b[both, 0]
        errors += int((straight[1:] != straight[:-1]).sum())
        pairs += max(0, len(straight) - 1)
    return Switches(errors, pairs)


def _genotypes(path: Path) -> dict[Key, NDArray[np.int16]]:
    """The alleles (S, 2) of each biallelic record."""
    import cyvcf2

    return {
        (record.CHROM, record.POS, record.REF, record.ALT[0]): record.genotype.array()[:, :2]
        for record in cyvcf2.VCF(str(path))
        if len(record.ALT) == 1
    }
