"""A network that is ready to impute, on whatever device."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spinimpute.spin.checkpoint import LoadedModel
from spinimpute.spin.compiled import CompiledSpin
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.device import CPU


class Network(Protocol):
    """What turns tokens into copying weights, and copied frequencies into probabilities.

    What it says of a target must not depend on which others are asked about with it.
    """

    @property
    def config(self) -> SpinConfig:
        """The network's shape."""

    @property
    def device(self) -> str:
        """Where it runs."""

    def together(self, tokens: int) -> int:
        """Return how many targets with so many tokens each are best computed at a time."""

    def weigh(
        self,
        measures: NDArray[np.float32],
        match: NDArray[np.int8],
        sites: NDArray[np.float32],
        task: NDArray[np.float32],
        previous: NDArray[np.int16],
        following: NDArray[np.int16],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return copying weights (T, A, K, H), which sum to one over K, and their entropy (T, A, H) in nats.

        measures (T, A, K, D), match (T, A, K, S), sites (T, A, S, C) and task (A, 2) as `tokens.Tokens`;
        previous and following (T, A, K) as `retrieval.Context`.
        """

    def calibrate(
        self,
        frequency: NDArray[np.float32],
        chain: NDArray[np.float32],
        entropy: NDArray[np.float32],
        query: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return the probability (Q,) of carrying the allele, for `copying.Queries`."""


def start_network(model: LoadedModel, device: str) -> Network:
    """Bring a model to its device; torch is imported for a GPU alone."""
    if device == CPU:
        return CompiledSpin(model.config, model.weights)
    from spinimpute.spin.accelerated import AcceleratedSpin

    return AcceleratedSpin(model, device)
