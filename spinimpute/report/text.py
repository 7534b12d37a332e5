"""Numbers as pages and terminal tables spell them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

NONE = "-"


def decimal(value: float, digits: int = 4) -> str:
    """A number; a dash where it is undefined."""
    return NONE if np.isnan(value) else f"{value:.{digits}f}"


def percent(value: float) -> str:
    """A share; a dash where it is undefined. All but whole shares have two decimals."""
    if np.isnan(value):
        return NONE
    return f"{100 * value:.0f} %" if round(100 * value, 9).is_integer() else f"{100 * value:.2f} %"


def bin_labels(edges: Sequence[float]) -> list[str]:
    """The names of MAF bins, in per cent."""
    return [f"{100 * low:g}-{100 * high:g} %" for low, high in pairwise(edges)]
