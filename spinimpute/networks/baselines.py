"""The paper's neural baselines: NPT (Kossen et al. 2021), Set-TF and a multi-layer perceptron."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from spinimpute.networks.attention import MAB, AttentionConfig, InducedMAB
from spinimpute.networks.tables import TableConfig, TableEmbedding, TableHead, TableNetwork


class SelfMAB(nn.Module):
    """A set attends to itself, in time quadratic in its size."""

    def __init__(self, width: int, config: AttentionConfig) -> None:
        super().__init__()
        self.attend = MAB(width, width, width, config)

    def forward(self, values: Tensor) -> Tensor:
        """Map (..., N, width) to (..., N, width)."""
        attended: Tensor = self.attend(values, values)
        return attended


class DataTransformer(TableNetwork):
    """Attention between datapoints and between attributes take turns; the table itself is the memory."""

    def __init__(
        self, config: TableConfig, between_datapoints: list[nn.Module], between_attributes: list[nn.Module]
    ) -> None:
        super().__init__(config)
        self.embedding = TableEmbedding(config)
        self.between_datapoints = nn.ModuleList(between_datapoints)
        self.between_attributes = nn.ModuleList(between_attributes)
        self.head = TableHead(config)

    def encode(self, table: Tensor) -> Tensor:
        """The table (N, D) unchanged: nothing shorter would do."""
        return table

    def decode(self, rows: Tensor, memory: Tensor) -> Tensor:
        """Logits (T, D, C) of rows (T, D), which attend to the table and to each other."""
        return self.forward(torch.cat([memory, rows]))[len(memory) :]

    def attend(self, attributes: Tensor) -> Tensor:
        """Map (N, D, E) to (N, D, E)."""
        for datapoints, columns in zip(self.between_datapoints, self.between_attributes, strict=True):
            attributes = datapoints(attributes.flatten(-2)).view_as(attributes)
            attributes = columns(attributes)
        return attributes

    def forward(self, table: Tensor) -> Tensor:
        """Logits (N, D, C) of a table (N, D)."""
        logits: Tensor = self.head(self.attend(self.embedding(table)))
        return logits


def npt(config: TableConfig) -> DataTransformer:
    """The non-parametric transformer: full attention, quadratic in datapoints and in attributes."""
    flat, layers = config.columns * config.width, range(config.layers)
    return DataTransformer(
        config,
        [SelfMAB(flat, config.attention) for _ in layers],
        [SelfMAB(config.width, config.attention) for _ in layers],
    )


def set_transformer(config: TableConfig) -> DataTransformer:
    """NPT with each attention through inducing points; what the paper calls Set-TF."""
    flat, layers = config.columns * config.width, range(config.layers)
    return DataTransformer(
        config,
        [InducedMAB(flat, config.inducing, config.attention) for _ in layers],
        [InducedMAB(config.width, config.latents, config.attention) for _ in layers],
    )


class TableMLP(TableNetwork):
    """A perceptron from one-hot features to targets; it has no memory of the table but its weights.

    The paper gives 65M parameters and no shape, so the hidden widths are the caller's.
    """

    def __init__(self, config: TableConfig, hidden: tuple[int, ...], dropout: float = 0.0) -> None:
        super().__init__(config)
        widths = (config.features * (config.classes + 1), *hidden)
        blocks = [
            nn.Sequential(nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout))
            for before, after in itertools.pairwise(widths)
        ]
        self.body = nn.Sequential(*blocks)
        self.last = nn.Linear(widths[-1], config.targets * config.classes)

    def encode(self, table: Tensor) -> Tensor:
        """Nothing (0, D)."""
        return table[:0]

    def decode(self, rows: Tensor, memory: Tensor) -> Tensor:
        """Logits (T, D, C) of rows (T, D), zero for the features, which it does not predict."""
        codes = functional.one_hot(rows[:, : self.config.features], self.config.classes + 1)
        logits: Tensor = self.last(self.body(codes.flatten(1).to(self.last.weight.dtype)))
        targets = logits.view(len(rows), self.config.targets, self.config.classes)
        return functional.pad(targets, (0, 0, self.config.features, 0))
