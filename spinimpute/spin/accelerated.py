"""The network on a GPU, by torch.

The shapes of matrix products may change the last bits of their sums, so every batch of a window has the same
shape, whoever else is imputed: batches are filled up with zeros. So a division of the target into parts does
not change a dose.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spinimpute.spin.checkpoint import LoadedModel
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.device import BATCH_TOKENS, CUDA, kind_of
from spinimpute.spin.inputs import QueryInput, SpinInput, WindowInput
from spinimpute.spin.model import Spin, entropy
from spinimpute.spin.near_sites import to_signed, unpack

# Queries of a batch are filled up to a multiple of this.
QUERY_ROWS = 1 << 15
# Batches on the device together: one is carried there while another is computed. Bounds its memory.
LANES = 3


class AcceleratedSpin:
    """A network on a device of torch's."""

    def __init__(self, model: LoadedModel, device: str) -> None:
        self.device = device
        self.spin = Spin.of(model).to(device).eval()
        self._free: SimpleQueue[_Lane] = SimpleQueue()
        for _ in range(LANES):
            self._free.put(_Lane(device))

    @property
    def config(self) -> SpinConfig:
        """The network's shape."""
        return self.spin.config

    def together(self, tokens: int) -> int:
        """As many targets as fit; must not depend on how many there are."""
        return max(1, BATCH_TOKENS[CUDA] // tokens)

    def at(self, window: WindowInput) -> AcceleratedWindow:
        """The network with what all targets of a window share, which is on the device from then on."""
        return AcceleratedWindow(self, *(torch.from_numpy(array).to(self.device) for array in window))

    @torch.inference_mode()
    def calibrate(self, asked: QueryInput) -> NDArray[np.float32]:
        """Return the probability (Q,) of carrying the allele, as `network.Network`."""
        n = len(asked.query)
        rows = -(-n // QUERY_ROWS) * QUERY_ROWS
        with self.lane() as lane:
            logits: Tensor = self.spin.calibration(*(lane.send(part, rows) for part in asked))
            return lane.fetch(torch.sigmoid(logits)[:n])

    @contextmanager
    def lane(self) -> Iterator[_Lane]:
        """A lane for the calling thread alone; waits for one."""
        lane = self._free.get()
        try:
            with torch.cuda.stream(lane.stream):
                yield lane
        finally:
            self._free.put(lane)


@dataclass(frozen=True)
class AcceleratedWindow:
    """A network in a window, whose typed variants (A, S, 2, C) and task (A, 2) it knows."""

    network: AcceleratedSpin
    sites: Tensor
    task: Tensor

    @torch.inference_mode()
    def weigh(self, given: SpinInput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return copying weights (T, A, K, H) and their entropy (T, A, H), as `network.WindowNetwork`."""
        n, n_anchors, n_context = given.previous.shape
        rows = self.network.together(n_anchors * n_context)
        words = [to_signed(array) for array in (given.differs, given.known, given.carried)]
        arrays: list[NDArray[Any]] = [given.measures, *words, given.previous, given.following]
        with self.network.lane() as lane:
            measures, differs, known, carried, *neighbours = (lane.send(array, rows) for array in arrays)
            match, sites = unpack(self.sites, differs, known, carried)
            task = self.task.expand(rows, -1, -1)
            weights: Tensor = self.network.spin(measures, match, sites, task, *neighbours)
            return lane.fetch(weights[:n]), lane.fetch(entropy(weights)[:n])


class _Lane:
    """Carries arrays to the device and back in a stream of its own, so that other lanes go on meanwhile."""

    def __init__(self, device: str) -> None:
        self._device = device
        gpu = kind_of(device) == CUDA
        self.stream = torch.cuda.Stream(device) if gpu else None  # type: ignore[no-untyped-call]

    def send(self, array: NDArray[np.generic], rows: int) -> Tensor:
        """The array on the device, filled up with zeros to the given rows."""
        dtype = torch.from_numpy(np.empty(0, array.dtype)).dtype
        filled = torch.zeros((rows, *array.shape[1:]), dtype=dtype, pin_memory=self.stream is not None)
        filled.numpy()[: len(array)] = array
        return filled.to(self._device, non_blocking=True)

    def fetch(self, computed: Tensor) -> NDArray[np.float32]:
        """What was computed, here; waits for it."""
        here = torch.empty(computed.shape, dtype=computed.dtype, pin_memory=self.stream is not None)
        here.copy_(computed, non_blocking=True)
        if self.stream is not None:
            self.stream.synchronize()
        array: NDArray[np.float32] = here.numpy()
        return array
