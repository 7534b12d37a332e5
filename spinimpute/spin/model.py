"""The universal SPIN: one small network for every window, panel, array and species (design section 3).

Axes: B target haplotypes, A anchors, K context haplotypes, S typed variants near an anchor, H heads, E width,
Q queries (an untyped variant of one target haplotype).
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from spinimpute.spin.blocks import ABLA, XABA, XABD, AnchorChain, find_neighbours
from spinimpute.spin.checkpoint import LoadedModel, save_weights
from spinimpute.spin.config import LEAST_WEIGHT, MARGIN, SpinConfig, log_offsets, log_signs


class Attributes(nn.Module):
    """Measures of context haplotypes as the network sees them: logarithms, and how far from the context's
    best.
    """

    offset: Tensor
    sign: Tensor

    def __init__(self, config: SpinConfig) -> None:
        super().__init__()
        self.register_buffer("offset", torch.from_numpy(log_offsets(config)), persistent=False)
        self.register_buffer("sign", torch.from_numpy(log_signs(config)), persistent=False)

    def forward(self, measures: Tensor, embed: Tensor) -> Tensor:
        """Embed logs and logs minus the context's best: measures (B, A, K, D) >= 0 and weights embed (E, 2 D)
        to (B, A, K, E).

        The difference is linear, so the best is embedded once for the whole context instead of per haplotype.
        """
        logs = torch.log(measures + self.offset)
        best = _largest(logs * self.sign) * self.sign
        absolute, relative = embed.tensor_split(2, dim=1)
        return functional.linear(logs, absolute + relative) - functional.linear(best, relative)


class Layer(nn.Module):
    """XABD, the chain between anchors, and ABLA."""

    def __init__(self, config: SpinConfig) -> None:
        super().__init__()
        self.xabd = XABD(config.width, config.inducing)
        self.chain = AnchorChain(config.width, config.message)
        self.abla = ABLA(config.width)

    def forward(self, latent: Tensor, neighbours: Tensor) -> Tensor:
        """Map (B, A, K, E) to (B, A, K, E), with neighbours (B, A, K, 2) from `find_neighbours`."""
        mixed: Tensor = self.abla(self.chain(self.xabd(latent), neighbours))
        return mixed


class Calibration(nn.Module):
    """From copied frequencies to a calibrated probability; at initialisation exactly the mixture of the
    heads.
    """

    def __init__(self, config: SpinConfig) -> None:
        super().__init__()
        self.mixture = nn.Parameter(torch.zeros(config.heads + config.posteriors))
        n_features = 2 * config.heads + config.posteriors + 1 + config.query_features
        self.first = nn.Linear(n_features, config.hidden)
        self.second = nn.Linear(config.hidden, config.hidden // 2)
        self.last = nn.Linear(config.hidden // 2, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, frequency: Tensor, chain: Tensor, entropy: Tensor, query: Tensor) -> Tensor:
        """Return the logit (Q,) of carrying the allele.

        frequency (Q, H) of carriers by head; chain (Q, P) dose by Li-Stephens chain, as if of further heads;
        entropy (Q, H) of the heads' weights in nats; query (Q, D): panel log-odds of the allele, log cM to
        the nearest anchor, log panel size, log map length of 8 typed variants, and how far the panel's
        relatives agree on the allele (`concordance.measure_concordance`).
        """
        bounded = torch.cat([frequency, chain], dim=-1).clamp(MARGIN, 1 - MARGIN)
        logits = torch.logit(bounded)
        spread = logits.amax(-1, keepdim=True) - logits.amin(-1, keepdim=True)
        features = torch.cat([logits, entropy, spread, query], dim=-1)
        hidden = functional.silu(self.second(functional.silu(self.first(features))))
        mixed = torch.logit(bounded @ functional.softmax(self.mixture, dim=0))
        correction: Tensor = self.last(hidden).squeeze(-1)
        return mixed + correction


class Spin(nn.Module):
    """y = f_theta(x | D_train), where D_train is the context retrieved from whatever panel is at hand."""

    def __init__(self, config: SpinConfig) -> None:
        super().__init__()
        self.config = config
        self.xaba = XABA(config.site_features, config.latents)
        self.attributes = Attributes(config)
        measures = config.runs + config.counts + config.posteriors
        self.embed = nn.Linear(2 * measures + config.latents, config.width)
        self.task = nn.Linear(config.task_features, config.width, bias=False)
        self.latent = nn.Linear(config.width, config.width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.copy = nn.Linear(config.width, config.heads)
        self.calibration = Calibration(config)

    @classmethod
    def of(cls, model: LoadedModel) -> Self:
        """The network of a model, on the CPU."""
        network = cls(model.config)
        network.load_state_dict({name: torch.from_numpy(array) for name, array in model.weights.items()})
        return network

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The weights by name, as `LoadedModel` has them."""
        return {name: tensor.cpu().numpy() for name, tensor in self.state_dict().items()}

    def save(self, directory: Path) -> None:
        """Write config.toml and weights.safetensors."""
        save_weights(directory, self.config, self.arrays())

    def forward(
        self,
        measures: Tensor,
        match: Tensor,
        sites: Tensor,
        task: Tensor,
        previous: Tensor,
        following: Tensor,
    ) -> Tensor:
        """Return copying weights (B, A, K, H), summing to one over K.

        measures (B, A, K, D), match (B, A, K, S), sites (B, A, S, C) and task (B, A, 2) as `tokens.Tokens`;
        previous and following (B, A, K) as `retrieval.Context`.
        """
        n_latents = self.config.latents
        attributes = self.attributes(measures, self.embed.weight[:, :-n_latents])
        matches = functional.linear(self.xaba(match, sites), self.embed.weight[:, -n_latents:])
        about = self.task(task) + self.embed.bias  # (B, A, E)
        latent = self.latent(functional.silu(attributes + matches + about.unsqueeze(-2)))
        neighbours = find_neighbours(previous, following)
        for layer in self.layers:
            latent = layer(latent, neighbours)
        return functional.softmax(self.copy(self.norm(latent)), dim=-2)

    def query_logits(
        self, weights: Tensor, left: Tensor, right: Tensor, share: Tensor, chain: Tensor, query: Tensor
    ) -> Tensor:
        """Return the logits (B, J, Q) of queries between neighbouring anchors, J = A - 1.

        weights (B, A, K, H) from `forward`; left, right (B, J, Q, K) carriers among the contexts at either
        end; share (B, J, Q) weight of the right anchor, linear in cM; chain (B, J, Q, P) and query (B, J, Q,
        D) as `Calibration.forward`.
        """
        share = share.unsqueeze(-1)
        frequency = torch.lerp(
            copied_frequency(weights[:, :-1], left), copied_frequency(weights[:, 1:], right), share
        )
        spread = entropy(weights).unsqueeze(2)  # (B, A, 1, H)
        spread = torch.lerp(spread[:, :-1], spread[:, 1:], share)
        logits: Tensor = self.calibration(frequency, chain, spread, query)
        return logits


def entropy(weights: Tensor) -> Tensor:
    """Return the entropy (B, A, H) in nats of copying weights (B, A, K, H)."""
    return -(weights * torch.log(weights.clamp_min(LEAST_WEIGHT))).sum(dim=-2)


def _largest(values: Tensor) -> Tensor:
    """Return the maximum (B, A, 1, D) of values (B, A, K, D) over K; by halves it takes a quarter of the time
    of amax.
    """
    while (n := values.shape[-2]) > 1:
        half = (n + 1) // 2
        values = torch.maximum(values[..., :half, :], values[..., n - half :, :])
    return values


def copied_frequency(weights: Tensor, carries: Tensor) -> Tensor:
    """Return (B, A, Q, H), the weight of the carriers: weights (B, A, K, H), carries (B, A, Q, K) of 0 and
    1.
    """
    return carries.to(weights.dtype) @ weights


def n_parameters(model: nn.Module) -> int:
    """Count the trained numbers of a network."""
    return sum(p.numel() for p in model.parameters())
