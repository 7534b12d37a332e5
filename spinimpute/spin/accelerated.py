"""The network on a GPU, by torch.

The shapes of matrix products may change the last bits of their sums, so every batch of a window has the same
shape, whoever else is imputed: batches are filled up with zeros. So a division of the target into parts does
not change a dose.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spinimpute.spin.checkpoint import LoadedModel
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.device import BATCH_TOKENS, CUDA
from spinimpute.spin.inputs import QueryInput, SpinInput
from spinimpute.spin.model import Spin, entropy

# Queries of a batch are filled up to a multiple of this.
QUERY_ROWS = 1 << 15


class AcceleratedSpin:
    """A network on a device of torch's."""

    def __init__(self, model: LoadedModel, device: str) -> None:
        self.device = device
        self._network = Spin.of(model).to(device).eval()

    @property
    def config(self) -> SpinConfig:
        """The network's shape."""
        return self._network.config

    def together(self, tokens: int) -> int:
        """As many targets as fit; must not depend on how many there are."""
        return max(1, BATCH_TOKENS[CUDA] // tokens)

    @torch.inference_mode()
    def weigh(self, given: SpinInput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return copying weights (T, A, K, H) and their entropy (T, A, H), as `network.Network`."""
        n, n_anchors, n_context = given.previous.shape
        rows = self.together(n_anchors * n_context)
        arrays = given._replace(task=np.broadcast_to(given.task, (n, *given.task.shape)))
        weights: Tensor = self._network(*(self._tensor(array, rows) for array in arrays))
        return weights[:n].contiguous().cpu().numpy(), entropy(weights)[:n].cpu().numpy()

    @torch.inference_mode()
    def calibrate(self, asked: QueryInput) -> NDArray[np.float32]:
        """Return the probability (Q,) of carrying the allele, as `network.Network`."""
        n = len(asked.query)
        rows = -(-n // QUERY_ROWS) * QUERY_ROWS
        features = (self._tensor(part, rows) for part in asked)
        probability: Tensor = torch.sigmoid(self._network.calibration(*features))
        return probability[:n].cpu().numpy()

    def _tensor(self, array: NDArray[np.generic], rows: int) -> Tensor:
        """The array on the device, filled up with zeros to the given rows."""
        filled = np.zeros((rows, *array.shape[1:]), array.dtype)
        filled[: len(array)] = array
        return torch.from_numpy(filled).to(self.device, non_blocking=True)
