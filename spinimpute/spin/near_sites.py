"""The typed variants near anchors as torch's network takes them, from the bits in which tokens hold them.

Axes: B target haplotypes, A anchors, K context haplotypes, S typed variants near an anchor, C what is told of
each.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_signed(words: NDArray[np.uint32]) -> NDArray[np.int32]:
    """The same bits as torch can take them apart."""
    return words.view(np.int32)


def unpack(sites: Tensor, differs: Tensor, known: Tensor, carried: Tensor) -> tuple[Tensor, Tensor]:
    """Return match (B, A, K, S) int8, 1 match, -1 mismatch, 0 unknown, and the sites (B, A, S, C) of the
    alleles that targets carry, zeros where they are not known.

    sites (A, S, 2, C) or (B, A, S, 2, C) are those of either allele; differs (B, A, K), known and carried
    (B, A) hold a bit for each.
    """
    count = sites.shape[-3]
    seen, alt = _bits(known, count), _bits(carried, count)
    match = (1 - 2 * _bits(differs, count)) * seen.unsqueeze(-2)
    chosen = torch.where(alt.unsqueeze(-1) > 0, sites[..., 1, :], sites[..., 0, :])
    return match, chosen * seen.unsqueeze(-1)


def _bits(words: Tensor, count: int) -> Tensor:
    """The bits (..., count) int8 of words, the lowest first."""
    places = torch.arange(count, dtype=torch.int32, device=words.device)
    return ((words.unsqueeze(-1) >> places) & 1).to(torch.int8)
