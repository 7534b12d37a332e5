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


def match_signs(differs: Tensor, known: Tensor, count: int) -> Tensor:
    """Return (B, A, K, S) int8, for S = count, from the bits of differs (B, A, K) and known (B, A): 1 match,
    -1 mismatch, 0 unknown.
    """
    return (1 - 2 * _bits(differs, count)) * _bits(known, count).unsqueeze(-2)


def choose_sites(sites: Tensor, known: Tensor, carried: Tensor) -> Tensor:
    """Return (B, A, S, C): of sites (A, S, 2, C) or (B, A, S, 2, C) those of the alleles that targets carry
    (B, A), zeros where they are not known (B, A).
    """
    count = sites.shape[-3]
    chosen = torch.where(_bits(carried, count).unsqueeze(-1) > 0, sites[..., 1, :], sites[..., 0, :])
    return chosen * _bits(known, count).unsqueeze(-1)


def _bits(words: Tensor, count: int) -> Tensor:
    """The bits (..., count) int8 of words, the lowest first."""
    places = torch.arange(count, dtype=torch.int32, device=words.device)
    return ((words.unsqueeze(-1) >> places) & 1).to(torch.int8)
