"""Multi-head attention blocks (MAB; Lee et al. 2019) in the form that NPT and SPIN use.

Leading axes (...) are batches. Attention runs over the axis before the last.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from spinimpute.spin.blocks import ResidualMLP


@dataclass(frozen=True)
class AttentionConfig:
    """What all attention blocks of a network share."""

    heads: int = 4
    attention_dropout: float = 0.1
    hidden_dropout: float = 0.4


class MAB(nn.Module):
    """Queries attend to keys; then a feed-forward block, four times as wide. Both have residuals.

    As published: layer norm on the queries only, a linear residual, logits over the square root of the keys'
    width (and not of a head's).
    """

    def __init__(self, query_width: int, key_width: int, width: int, config: AttentionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_dropout = config.attention_dropout
        self.scale = key_width**-0.5
        self.norm = nn.LayerNorm(query_width)
        self.query = nn.Linear(query_width, width)
        self.key = nn.Linear(key_width, width)
        self.value = nn.Linear(key_width, width)
        self.mix = nn.Linear(width, width)
        self.residual = nn.Linear(query_width, width)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.feed = ResidualMLP(width, 4, functional.gelu, config.hidden_dropout)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor | None = None) -> Tensor:
        """Map queries (..., Q, query_width) and keys (..., K, key_width) to (..., Q, width).

        The values have the shape of the keys, and are the keys unless given.
        """
        attended = self._attend(
            self._split(self.query(self.norm(queries))),
            self._split(self.key(keys)),
            self._split(self.value(keys if values is None else values)),
        )
        mixed: Tensor = self.dropout(self.mix(attended.transpose(-3, -2).flatten(-2)))
        fed: Tensor = self.feed(self.residual(queries) + mixed)
        return fed

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attention of every head, (..., heads, Q, width / heads)."""
        if queries.dim() == 3:  # torch's fused kernels want a batch axis
            return self._attend(queries[None], keys[None], values[None])[0]
        dropout = self.attention_dropout if self.training else 0.0
        return functional.scaled_dot_product_attention(
            queries, keys, values, dropout_p=dropout, scale=self.scale
        )

    def _split(self, values: Tensor) -> Tensor:
        """(..., N, width) to (..., heads, N, width / heads)."""
        return values.reshape(*values.shape[:-1], self.heads, -1).transpose(-3, -2)


class InducedMAB(nn.Module):
    """A set attends to itself through few inducing points, in time linear in its size."""

    def __init__(self, width: int, inducing: int, config: AttentionConfig) -> None:
        super().__init__()
        self.points = inducing_points(inducing, width)
        self.gather = MAB(width, width, width, config)
        self.spread = MAB(width, width, width, config)

    def forward(self, values: Tensor) -> Tensor:
        """Map (..., N, width) to (..., N, width)."""
        points = self.points.expand(*values.shape[:-2], -1, -1)
        spread: Tensor = self.spread(values, self.gather(points, values))
        return spread


def inducing_points(number: int, width: int) -> nn.Parameter:
    """New inducing points (number, width)."""
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(number, width)))
