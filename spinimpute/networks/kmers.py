"""Alleles of neighbouring sites as one token: k sites make a column of 2^k classes.

Axes: N haplotypes, V sites, D columns, C classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

K = 5


def tokenise(alleles: Tensor) -> Tensor:
    """Tokens (N, D) of alleles (N, V) in 0, 1; the first site of each k is the highest bit.

    V must be a multiple of K.
    """
    places = 2 ** torch.arange(K - 1, -1, -1, device=alleles.device)
    return (alleles.long().reshape(len(alleles), -1, K) * places).sum(-1)


def allele_probabilities(logits: Tensor) -> Tensor:
    """Probability (N, V) of allele 1 from logits (N, D, C) of the tokens."""
    shifts = torch.arange(K - 1, -1, -1, device=logits.device)
    bits = torch.arange(2**K, device=logits.device).unsqueeze(1) >> shifts & 1  # (C, K)
    return (logits.softmax(-1) @ bits.to(logits.dtype)).flatten(1)
