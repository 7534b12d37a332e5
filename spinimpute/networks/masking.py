"""What a network sees of a table while it is trained, and which cells it is asked for.

Axes: N datapoints, D columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spinimpute.networks.tables import TableConfig


@dataclass(frozen=True)
class MaskingConfig:
    """Shares of what is hidden, as published."""

    features: float = 0.15
    targets: float = 0.15
    chunks: bool = True  # hide all targets of some rows; else of all rows some targets
    noise: float = 0.1  # share of the hidden features that show a random class instead of [MASK]


@dataclass(frozen=True)
class MaskedTable:
    """A table (N, D) as a network may see it, and the cells (N, D) of either kind that it must tell."""

    tokens: Tensor
    features: Tensor
    targets: Tensor


def mask_table(
    table: Tensor, config: TableConfig, masking: MaskingConfig, generator: torch.Generator
) -> MaskedTable:
    """Hide cells of a table (N, D); a cell that was missing anyway is never asked for."""
    n_rows, split = len(table), config.features
    known = table != config.mask
    features = torch.zeros_like(known)
    features[:, :split] = _chosen((n_rows, split), masking.features, generator, table.device)
    targets = torch.zeros_like(known)
    rows_or_cells = (n_rows, 1 if masking.chunks else config.targets)
    targets[:, split:] = _chosen(rows_or_cells, masking.targets, generator, table.device)
    noisy = features & _chosen(tuple(table.shape), masking.noise, generator, table.device)
    noise = torch.randint(config.classes, tuple(table.shape), generator=generator).to(table.device)
    tokens = table.masked_fill(features | targets, config.mask)
    return MaskedTable(torch.where(noisy, noise, tokens), features & known, targets & known)


def _chosen(shape: tuple[int, ...], share: float, generator: torch.Generator, device: torch.device) -> Tensor:
    # Drawn on the CPU, so that a seed means the same on every device.
    return (torch.rand(shape, generator=generator) < share).to(device)
