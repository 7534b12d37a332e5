"""Tables of tokens: their shape, how they enter a network and how they leave it.

Axes: N datapoints (haplotypes), D columns (features first, then targets), C classes, E width.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from spinimpute.networks.attention import AttentionConfig


@dataclass(frozen=True)
class TableConfig:
    """A table and the size of a network for it; the defaults are those of the paper's "-16" networks.

    The paper counts 33 classes, [MASK] among them; a column has 32 true classes, and [MASK] is number 32.
    """

    features: int = 30
    targets: int = 20
    classes: int = 32
    width: int = 16
    layers: int = 2  # the paper counts two blocks in each: its depth 4
    inducing: int = 10  # h, inducing points between datapoints
    latents: int = 10  # f, latent attributes
    attention: AttentionConfig = field(default_factory=AttentionConfig)

    @property
    def columns(self) -> int:
        """D."""
        return self.features + self.targets

    @property
    def mask(self) -> int:
        """The token for a value that is hidden or missing."""
        return self.classes


class TableEmbedding(nn.Module):
    """A linear embedding for each column, and an embedding of the column itself."""

    offsets: Tensor

    def __init__(self, config: TableConfig) -> None:
        super().__init__()
        tokens = config.classes + 1
        # A linear map of a one-hot code is a look-up; it is initialised as the linear map would be.
        bound = tokens**-0.5
        self.values = nn.Parameter(torch.empty(config.columns * tokens, config.width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(config.columns, config.width).uniform_(-bound, bound))
        self.column = nn.Parameter(torch.randn(config.columns, config.width))
        self.register_buffer("offsets", tokens * torch.arange(config.columns), persistent=False)
        self.dropout = nn.Dropout(config.attention.hidden_dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (N, D) in 0..C, C for [MASK], to (N, D, E)."""
        embedded: Tensor = self.dropout(self.values[tokens + self.offsets] + self.bias + self.column)
        return embedded


class TableHead(nn.Module):
    """A linear map to the classes for each column."""

    def __init__(self, config: TableConfig) -> None:
        super().__init__()
        bound = config.width**-0.5
        self.weight = nn.Parameter(
            torch.empty(config.columns, config.width, config.classes).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.empty(config.columns, config.classes).uniform_(-bound, bound))
        self.dropout = nn.Dropout(config.attention.hidden_dropout)

    def forward(self, latent: Tensor) -> Tensor:
        """Map (N, D, E) to logits (N, D, C)."""
        return torch.einsum("nde,dec->ndc", self.dropout(latent), self.weight) + self.bias


class TableNetwork(nn.Module):
    """y = f(x | D_train) for tables: `encode` the table once, then `decode` any rows against it."""

    def __init__(self, config: TableConfig) -> None:
        super().__init__()
        self.config = config

    def encode(self, table: Tensor) -> Tensor:
        """What is kept of the table (N, D), whose labels are known, to predict other rows."""
        raise NotImplementedError

    def decode(self, rows: Tensor, memory: Tensor) -> Tensor:
        """Logits (T, D, C) of rows (T, D), given `encode`'s memory of the table."""
        raise NotImplementedError

    def forward(self, table: Tensor) -> Tensor:
        """Logits (N, D, C) of every cell of a table (N, D), given the whole table."""
        return self.decode(table, self.encode(table))

    def predict(self, features: Tensor, memory: Tensor) -> Tensor:
        """Logits (T, targets, C) for rows of which only the features (T, D - targets) are known."""
        hidden = features.new_full((len(features), self.config.targets), self.config.mask)
        return self.decode(torch.cat([features, hidden], dim=1), memory)[:, self.config.features :]
