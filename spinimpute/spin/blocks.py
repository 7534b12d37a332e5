"""Attention blocks of SPIN (Rastogi et al., ICLR 2023, section 3), for attributes that have no columns.

Axes: B target haplotypes, A anchors, K context haplotypes, S typed variants near an anchor, F latent
attributes, I inducing points, E width. Every block treats the K haplotypes alike, so their order cannot
matter.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from spinimpute.spin.config import UNKNOWN
from spinimpute.spin.shapes import ABLA_EXPANSION, KEY_HIDDEN


class XABA(nn.Module):
    """Cross-attention between attributes: F latents attend to the typed variants of each context haplotype.

    The keys describe a variant (distance, rarity of the target's allele, side), the values say whether the
    haplotype matches there, so one set of weights serves the whole context and nothing is tied to a column.
    """

    def __init__(self, site_features: int, latents: int, hidden: int = KEY_HIDDEN) -> None:
        super().__init__()
        self.key = nn.Sequential(nn.Linear(site_features, hidden), nn.SiLU(), nn.Linear(hidden, latents))

    def forward(self, match: Tensor, sites: Tensor) -> Tensor:
        """Map match (B, A, K, S) in {-1, 0, 1} and sites (B, A, S, C), whose last feature flags known
        variants, to latents (B, A, K, F).
        """
        known = sites[..., -1:]
        weights = (
            functional.softmax(self.key(sites) + torch.log(known + UNKNOWN), dim=-2) * known
        )  # (B, A, S, F)
        latents: Tensor = match.to(weights.dtype) @ weights
        return latents


class ResidualMLP(nn.Module):
    """A residual block of layer norm and two linear maps over the last axis; the attention blocks of
    `networks` end in it, too.
    """

    def __init__(
        self, width: int, expansion: int, activation: Callable[[Tensor], Tensor], dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, expansion * width)
        self.narrow = nn.Linear(expansion * width, width)
        self.dropout = nn.Dropout(dropout)
        self.activation = activation

    def forward(self, latent: Tensor) -> Tensor:
        """Map (..., E) to (..., E)."""
        hidden = self.dropout(self.activation(self.widen(self.norm(latent))))
        mixed: Tensor = self.dropout(self.narrow(hidden))
        return latent + mixed


class ABLA(ResidualMLP):
    """Attention between latent attributes: a residual block that mixes a haplotype's E latent numbers."""

    def __init__(self, width: int) -> None:
        super().__init__(width, expansion=ABLA_EXPANSION, activation=functional.silu)


class XABD(nn.Module):
    """Cross-attention between datapoints: I inducing points attend to the K haplotypes and are broadcast
    back.
    """

    def __init__(self, width: int, inducing: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, inducing)
        self.back = nn.Linear(inducing * width, width)

    def forward(self, latent: Tensor) -> Tensor:
        """Map (B, A, K, E) to (B, A, K, E) in time linear in K."""
        scores = self.score(latent).transpose(-1, -2).contiguous()  # (B, A, I, K)
        points = functional.softmax(scores, dim=-1) @ latent  # (B, A, I, E)
        told: Tensor = self.back(points.flatten(-2))
        return latent + told.unsqueeze(-2)


class AnchorChain(nn.Module):
    """Messages along the chromosome: a haplotype hears what itself was told at the neighbouring anchors.

    It stands in for the chain of a Li-Stephens model; a haplotype absent from the neighbouring context sends
    a learned message of absence.
    """

    def __init__(self, width: int, message: int) -> None:
        super().__init__()
        self.tell = nn.Linear(width, message)
        self.absent = nn.Parameter(torch.zeros(2, message))
        self.hear = nn.Linear(2 * message, width)

    def forward(self, latent: Tensor, neighbours: Tensor) -> Tensor:
        """Map (B, A, K, E) to (B, A, K, E), with neighbours (B, A, K, 2) from `find_neighbours`."""
        told = torch.cat([self.tell(latent).flatten(0, 2), self.absent])
        received = told.index_select(0, neighbours.flatten()).view(*latent.shape[:3], -1)
        heard: Tensor = self.hear(received)
        return latent + heard


def find_neighbours(previous: Tensor, following: Tensor) -> Tensor:
    """Return (B, A, K, 2), the row of each haplotype at the anchor before and after among all B A K rows.

    previous and following (B, A, K) give its place in the neighbouring context, -1 where it has none: those
    get the rows B A K and B A K + 1.
    """
    n_targets, n_anchors, n_context = previous.shape
    n = previous.numel()
    first = torch.arange(0, n, n_context, device=previous.device).view(n_targets, n_anchors, 1)
    before = torch.where(previous >= 0, first - n_context + previous, n)
    after = torch.where(following >= 0, first + n_context + following, n + 1)
    return torch.stack([before, after], dim=-1)
