"""A network that is ready to impute, on whatever device."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spinimpute.spin.checkpoint import LoadedModel
from spinimpute.spin.compiled import CompiledSpin
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.device import CPU
from spinimpute.spin.inputs import QueryInput, SpinInput, WindowInput


class WindowNetwork(Protocol):
    """A network in one window."""

    def weigh(self, given: SpinInput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return copying weights (T, A, K, H), summing to one over K, and their entropy (T, A, H) in nats."""


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

    def at(self, window: WindowInput) -> WindowNetwork:
        """The network with what all targets of a window share."""

    def calibrate(self, asked: QueryInput) -> NDArray[np.float32]:
        """Return the probability (Q,) of carrying the allele."""


def start_network(model: LoadedModel, device: str) -> Network:
    """Bring a model to its device; torch is imported for a GPU alone."""
    if device == CPU:
        return CompiledSpin(model.config, model.weights)
    from spinimpute.spin.accelerated import AcceleratedSpin

    return AcceleratedSpin(model, device)
