"""Whether a record of A and T, or C and G, is swapped or from the other strand: its frequency may tell."""

from __future__ import annotations

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
    """Compares the ALT frequencies of biallelic records: panel alleles (R, N), target alleles (R', T), -1
    missing.
    """

    panel: NDArray[np.int8]
    target: NDArray[np.int8]

    def __call__(self, panel_row: int, target_row: int) -> Fate | None:
        """Return SWAPPED, STRAND_FLIPPED, or None if the frequencies do not tell."""
        panel = _excess(self.panel[panel_row])
        target = _excess(self.target[target_row])
        if panel == 0 or target == 0:
            return None
        return Fate.STRAND_FLIPPED if panel * target > 0 else Fate.SWAPPED


def _excess(alleles: NDArray[np.int8]) -> float:
    """The frequency of ALT above a half, 0 if that says nothing."""
    seen = alleles[alleles >= 0]
    if not len(seen):
        return 0.0
    excess = float(seen.mean()) - 0.5
    return excess if abs(excess) >= max(_MARGIN, _DEVIATIONS * 0.5 / len(seen) ** 0.5) else 0.0
