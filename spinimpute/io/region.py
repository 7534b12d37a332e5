"""Regions of a genome, as users write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError

_REMEDY = "write CHROM, CHROM:START-END, CHROM:-END or CHROM:START-"
_PATTERN = re.compile(r"([^:].*?)(?::(\d*)-(\d*))?", re.DOTALL)


@dataclass(frozen=True)
class Region:
    """A stretch of one chromosome; start and end are 1-based and inclusive, None where open.

    SpinImputeError if it is empty.
    """

    chrom: str
    start: int | None = None
    end: int | None = None

    def __post_init__(self) -> None:
        low = 1 if self.start is None else self.start
        if not self.chrom or low < 1 or (self.end is not None and self.end < low):
            raise SpinImputeError("a region must hold a position", found=str(self), remedy=_REMEDY)

    def __str__(self) -> str:
        if self.whole:
            return self.chrom
        low, high = ("" if bound is None else bound for bound in (self.start, self.end))
        return f"{self.chrom}:{low}-{high}"

    @staticmethod
    def parse(text: str) -> Region:
        """Read CHROM, CHROM:START-END, CHROM:-END or CHROM:START-; SpinImputeError for anything else."""
        match = _PATTERN.fullmatch(text)
        malformed = match is None or match[2] == match[3] == ""
        # Only a colon inside a contig name (HLA-A*01:01:01G) may begin no range.
        if match is None or malformed or (match[2] is None and re.search(r":[\d-]*$", text)):
            raise SpinImputeError("the region is malformed", found=repr(text), remedy=_REMEDY)
        return Region(match[1], int(match[2]) if match[2] else None, int(match[3]) if match[3] else None)

    @property
    def whole(self) -> bool:
        """Whether it is all of its chromosome."""
        return self.start is None and self.end is None

    def rows(self, pos: NDArray[np.int64]) -> slice:
        """Which of its chromosome's ascending positions (R,) lie inside."""
        begin = int(np.searchsorted(pos, self.start or 0))
        end = int(np.searchsorted(pos, self.end, "right")) if self.end is not None else len(pos)
        return slice(begin, max(begin, end))

    def ends_before(self, position: int) -> bool:
        """Tell whether a 1-based position lies past the end."""
        return self.end is not None and position > self.end
