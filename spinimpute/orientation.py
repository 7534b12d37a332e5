"""Whether a record of A and T, or C and G, is swapped or from the other strand: its frequency may tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinimpute.alleles import Fate

# Frequencies nearer to a half than this tell nothing: populations differ by more.
_MARGIN = 0.1
# Nor does one nearer to a half than so many standard deviations of a sample from a frequency of a half.
_DEVIATIONS = 4.0


@dataclass(frozen=True)
class FrequencyJudge:
    """Compares the ALT frequencies of biallelic records: panel gives that of a record among panel_haplotypes,
    target (R, T) the target's alleles, -1 missing.
    """

    panel: Callable[[int], float]
    panel_haplotypes: int
    target: NDArray[np.int8]

    def __call__(self, panel_row: int, target_row: int) -> Fate | None:
        """Return SWAPPED, STRAND_FLIPPED, or None if the frequencies do not tell."""
        alleles = self.target[target_row]
        seen = alleles[alleles >= 0]
        if not len(seen):
            return None
        panel = _side(self.panel(panel_row), self.panel_haplotypes)
        target = _side(float(seen.mean()), len(seen))
        if not panel or not target:
            return None
        return Fate.STRAND_FLIPPED if panel == target else Fate.SWAPPED


def _side(frequency: float, haplotypes: int) -> int:
    """1 if ALT is the commoner allele, -1 if the rarer one, 0 if its frequency leaves that open."""
    excess = frequency - 0.5
    if abs(excess) < max(_MARGIN, _DEVIATIONS * 0.5 / haplotypes**0.5):
        return 0
    return 1 if excess > 0 else -1
