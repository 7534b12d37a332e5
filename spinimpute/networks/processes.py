"""Neural processes: distributions of a function at target points, given its values at context points.

The inducing point ones (IPNP, CIPNP; Rastogi et al. 2023) put a SPIN encoder where the attentive ones (ANP,
Kim et al. 2019; CANP, Lee et al. 2020) have self-attention of the context, so that the targets attend to a
number of inducing points and not to the whole context. NP and CNP (Garnelo et al. 2018) pool the context.

Axes: B functions, N context points, T targets, S samples of the latent, E width, I inputs, O outputs.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn import functional

from spinimpute.networks.attention import MAB, AttentionConfig
from spinimpute.networks.spin import Parts, SpinEncoder

# The likelihood is measured with this floor in all the published comparisons; it bounds what a network can
# gain when the noise is less.
SPREAD_FLOOR = 0.1

# As in the released IPNP: points have no attributes to attend to, so of a SPIN layer only XABD is left.
POINTS_ONLY = Parts(xaba=False, abla=False)

Encoder = Literal["pooling", "attention", "spin"]


@dataclass(frozen=True)
class ProcessConfig:
    """Sizes; the defaults are those of the paper for one-dimensional regression."""

    inputs: int = 1
    outputs: int = 1
    width: int = 128
    heads: int = 8
    inducing: int = 32  # as published: half of the smallest context
    spin_layers: int = 1
    value_depth: int = 4  # linear maps
    query_depth: int = 2
    summary_depth: int = 2
    decoder_depth: int = 3

    @property
    def attention(self) -> AttentionConfig:
        """Attention without dropout."""
        return AttentionConfig(heads=self.heads, attention_dropout=0.0, hidden_dropout=0.0)


@dataclass(frozen=True)
class Kind:
    """What tells one process from another."""

    encoder: Encoder
    latent: bool


KINDS = {
    "CNP": Kind("pooling", latent=False),
    "CANP": Kind("attention", latent=False),
    "CIPNP": Kind("spin", latent=False),
    "NP": Kind("pooling", latent=True),
    "ANP": Kind("attention", latent=True),
    "IPNP": Kind("spin", latent=True),
}


class ContextEncoder(nn.Module):
    """What is known of the context points: each by itself, after self-attention, or as inducing points."""

    def __init__(self, encoder: Encoder, config: ProcessConfig) -> None:
        super().__init__()
        width, attention = config.width, config.attention
        # As published, attention and SPIN stand in for two of the perceptron's maps.
        depth = config.value_depth if encoder == "pooling" else config.value_depth - 2
        self.embed = perceptron(config.inputs + config.outputs, width, width, depth)
        self.attend = MAB(width, width, width, attention) if encoder == "attention" else None
        self.spin = None
        if encoder == "spin":
            self.spin = SpinEncoder(1, width, 1, config.inducing, config.spin_layers, attention, POINTS_ONLY)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Map x (B, N, I) and y (B, N, O) to (B, N, E), or with SPIN to (B, inducing points, E)."""
        values: Tensor = self.embed(torch.cat([x, y], -1))
        if self.attend is not None:
            values = self.attend(values, values)
        if self.spin is not None:
            values = self.spin(values.unsqueeze(-2))
        return values


class Summary(nn.Module):
    """One vector for a whole context."""

    def __init__(self, encoder: Encoder, config: ProcessConfig, width: int) -> None:
        super().__init__()
        self.context = ContextEncoder(encoder, config)
        self.after = perceptron(config.width, config.width, width, config.summary_depth)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Map x (B, N, I) and y (B, N, O) to (B, width)."""
        summary: Tensor = self.after(self.context(x, y).mean(-2))
        return summary


@dataclass(frozen=True)
class Memory:
    """What is kept of contexts to answer for any target: keys and values (B, M, E).

    M is the number of context points, of inducing points, or 1.
    """

    keys: Tensor
    values: Tensor


class TargetPath(nn.Module):
    """What a target attends to: the context points of like input, or all inducing points."""

    def __init__(self, encoder: Encoder, config: ProcessConfig) -> None:
        super().__init__()
        width = config.width
        self.context = ContextEncoder(encoder, config)
        self.query = perceptron(config.inputs, width, width, config.query_depth)
        self.attend = MAB(width, width, width, config.attention)
        self.keys_are_inputs = encoder == "attention"

    def encode(self, x: Tensor, y: Tensor) -> Memory:
        """The memory of a context x (B, N, I), y (B, N, O)."""
        values = self.context(x, y)
        return Memory(self.query(x) if self.keys_are_inputs else values, values)

    def forward(self, memory: Memory, target_x: Tensor) -> Tensor:
        """Map target_x (B, T, I) to (B, T, E)."""
        attended: Tensor = self.attend(self.query(target_x), memory.keys, memory.values)
        return attended


class PooledPath(nn.Module):
    """The same summary of the context for every target."""

    def __init__(self, config: ProcessConfig) -> None:
        super().__init__()
        self.summary = Summary("pooling", config, config.width)

    def encode(self, x: Tensor, y: Tensor) -> Memory:
        """The memory of a context x (B, N, I), y (B, N, O)."""
        summary = self.summary(x, y).unsqueeze(-2)
        return Memory(summary, summary)

    def forward(self, memory: Memory, target_x: Tensor) -> Tensor:
        """Map target_x (B, T, I) to (B, T, E)."""
        return memory.values.expand(-1, target_x.shape[-2], -1)


class NeuralProcess(nn.Module):
    """A deterministic path for each target and a summary of the context, which may be random; a decoder."""

    def __init__(self, kind: Kind, config: ProcessConfig) -> None:
        super().__init__()
        self.kind, self.config = kind, config
        pooled = kind.encoder == "pooling"
        self.path = PooledPath(config) if pooled else TargetPath(kind.encoder, config)
        self.summary = Summary(kind.encoder, config, config.width * (2 if kind.latent else 1))
        self.decoder = perceptron(
            config.inputs + 2 * config.width, config.width, 2 * config.outputs, config.decoder_depth
        )

    def latent(self, x: Tensor, y: Tensor) -> Normal:
        """The distribution (B, E) of the latent given points (B, N, I) and (B, N, O); `kind.latent` only."""
        mean, spread = self.summary(x, y).chunk(2, -1)
        return Normal(mean, 0.1 + 0.9 * torch.sigmoid(spread))

    def summaries(self, x: Tensor, y: Tensor, samples: int) -> Tensor:
        """(S, B, E): samples of the latent given the points, or the one deterministic summary, S = 1."""
        if self.kind.latent:
            drawn: Tensor = self.latent(x, y).rsample(torch.Size([samples]))
            return drawn
        summary: Tensor = self.summary(x, y)
        return summary.unsqueeze(0)

    def predict(self, memory: Memory, summaries: Tensor, target_x: Tensor) -> Normal:
        """The distributions (S, B, T, O) at target_x (B, T, I), given what `path.encode` and `summaries`
        (S, B, E) made of the context; with inducing points the time does not depend on its size.
        """
        samples, targets = len(summaries), target_x.shape[-2]
        known = torch.cat([self.path(memory, target_x), target_x], -1).expand(samples, -1, -1, -1)
        means, spreads = self.decoder(
            torch.cat([summaries.unsqueeze(-2).expand(-1, -1, targets, -1), known], -1)
        ).chunk(2, -1)
        return Normal(means, SPREAD_FLOOR + (1 - SPREAD_FLOOR) * functional.softplus(spreads))

    def forward(self, x: Tensor, y: Tensor, target_x: Tensor, samples: int = 1) -> Normal:
        """The distributions (S, B, T, O) at targets (B, T, I), given the context x (B, N, I), y (B, N, O)."""
        return self.predict(self.path.encode(x, y), self.summaries(x, y, samples), target_x)


def build_process(name: str, config: ProcessConfig) -> NeuralProcess:
    """A new neural process; name is one of KINDS."""
    return NeuralProcess(KINDS[name], config)


def perceptron(inputs: int, width: int, outputs: int, depth: int) -> nn.Sequential:
    """`depth` linear maps with rectifiers between them."""
    widths = [inputs, *[width] * (depth - 1), outputs]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
