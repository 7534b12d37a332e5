"""SPIN as published: attributes of a fixed table are cross-attended by latents, datapoints by inducing
points.

Axes: N datapoints, D columns, f latent attributes, h inducing points, E width; leading axes (...) are
batches.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from spinimpute.networks.attention import MAB, AttentionConfig, inducing_points
from spinimpute.networks.tables import TableConfig, TableEmbedding, TableHead, TableNetwork


@dataclass(frozen=True)
class Parts:
    """Which blocks a network has; all but for an ablation."""

    xaba: bool = True
    abla: bool = True
    xabd: bool = True


class SpinLayer(nn.Module):
    """XABA, ABLA and XABD."""

    def __init__(
        self, width: int, latents: int, attention: AttentionConfig, parts: Parts | None = None
    ) -> None:
        super().__init__()
        parts = parts or Parts()
        flat = latents * width
        self.xaba = MAB(width, width, width, attention) if parts.xaba else None
        self.abla = MAB(width, width, width, attention) if parts.abla else None
        self.xabd = MAB(flat, flat, flat, attention) if parts.xabd else None

    def forward(self, attributes: Tensor, latent: Tensor, inducing: Tensor) -> tuple[Tensor, Tensor]:
        """Update latent (..., N, f, E) from attributes (..., N, D, E), and inducing (..., h, f E) from it."""
        if self.xaba is not None:
            latent = self.xaba(latent, attributes)
        if self.abla is not None:
            latent = self.abla(latent, latent)
        if self.xabd is not None:
            inducing = self.xabd(inducing, latent.flatten(-2))
        return latent, inducing


class SpinEncoder(nn.Module):
    """A data set becomes h inducing points, in time and space linear in its datapoints and attributes."""

    def __init__(
        self,
        columns: int,
        width: int,
        latents: int,
        inducing: int,
        layers: int,
        attention: AttentionConfig,
        parts: Parts | None = None,
    ) -> None:
        super().__init__()
        self.reduce = nn.Linear(columns, latents)
        self.points = inducing_points(inducing, latents * width)
        self.layers = nn.ModuleList(SpinLayer(width, latents, attention, parts) for _ in range(layers))

    def forward(self, attributes: Tensor) -> Tensor:
        """Map attributes (..., N, D, E) to inducing points (..., h, f E)."""
        latent = self.reduce(attributes.transpose(-1, -2)).transpose(-1, -2)
        inducing = self.points.expand(*attributes.shape[:-3], -1, -1)
        for layer in self.layers:
            latent, inducing = layer(attributes, latent, inducing)
        return inducing


class TableSpin(TableNetwork):
    """SPIN for a table; its memory of the table is the inducing points.

    The released code predicts test rows from inducing points that no data has touched; `untouched` gives
    them.
    """

    def __init__(self, config: TableConfig, parts: Parts | None = None) -> None:
        super().__init__(config)
        flat = config.columns * config.width
        self.embedding = TableEmbedding(config)
        self.encoder = SpinEncoder(
            config.columns,
            config.width,
            config.latents,
            config.inducing,
            config.layers,
            config.attention,
            parts,
        )
        self.predictor = MAB(flat, config.latents * config.width, flat, config.attention)
        self.head = TableHead(config)

    def encode(self, table: Tensor) -> Tensor:
        """Inducing points (h, f E) of a table (N, D)."""
        inducing: Tensor = self.encoder(self.embedding(table))
        return inducing

    def decode(self, rows: Tensor, memory: Tensor) -> Tensor:
        """Logits (T, D, C) of rows (T, D); each row's depend on that row and the memory alone."""
        return self._predict(self.embedding(rows), memory)

    def forward(self, table: Tensor) -> Tensor:
        """Logits (N, D, C) of a table (N, D), which is embedded once."""
        attributes = self.embedding(table)
        return self._predict(attributes, self.encoder(attributes))

    def untouched(self) -> Tensor:
        """The learned inducing points (h, f E) before any data."""
        return self.encoder.points

    def _predict(self, attributes: Tensor, inducing: Tensor) -> Tensor:
        predicted: Tensor = self.predictor(attributes.flatten(-2), inducing)
        logits: Tensor = self.head(predicted.view_as(attributes))
        return logits
