"""What a training run must remember to go on: network, average, optimiser, schedule, step."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import torch

from spinimpute.config import TrainConfig
from spinimpute.spin.checkpoint import load_model
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.model import Spin
from spinimpute.training.ranks import Ranks

CHECKPOINT = "checkpoint.pt"
AVERAGING = 0.998
_PARTS = ("network", "averaged", "optimiser", "schedule")


@dataclass
class TrainingState:
    """A run at some step; averaged is the exponential average of the network's weights."""

    network: Spin
    averaged: Spin
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    step: int = 0

    @staticmethod
    def start(config: TrainConfig, device: torch.device) -> TrainingState:
        """Begin from config.init or from random weights; SpinImputeError if it cannot be loaded."""
        torch.manual_seed(config.seed)
        network = Spin.of(load_model(config.init)).train() if config.init else Spin(_shape(config))
        network.to(device)
        optimiser = torch.optim.AdamW(network.parameters(), lr=config.peak_learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, max_lr=config.peak_learning_rate, total_steps=config.steps + 1, pct_start=0.1
        )
        return TrainingState(network, copy.deepcopy(network), optimiser, schedule)

    def descend(self, loss: torch.Tensor, weight: torch.Tensor, ranks: Ranks) -> float:
        """Take one optimiser step down the loss, of all ranks by their weights, and return it."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        shared = ranks.average(self.network, loss.detach(), weight)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        decay = min(AVERAGING, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for mean, new in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(new, 1 - decay)
        return float(shared)

    def save(self, directory: Path) -> None:
        """Write a checkpoint under a temporary name, then rename it."""
        partial = directory / f"{CHECKPOINT}.partial"
        parts = {name: getattr(self, name).state_dict() for name in _PARTS}
        torch.save({**parts, "step": self.step}, partial)
        partial.replace(directory / CHECKPOINT)

    def restore(self, directory: Path, ranks: Ranks) -> bool:
        """Go on from the directory's checkpoint, if it has one, and tell whether it had.

        The first of the ranks reads it, so the others need not see the directory.
        """
        path = directory / CHECKPOINT
        found = ranks.leads and path.exists()
        saved = ranks.share(torch.load(path, weights_only=True, map_location="cpu") if found else None)
        if saved is None:
            return False
        for name in _PARTS:
            getattr(self, name).load_state_dict(saved[name])
        self.step = saved["step"]
        return True


def _shape(config: TrainConfig) -> SpinConfig:
    sizes = ("width", "layers", "heads", "inducing", "hidden", "context")
    return SpinConfig(**{name: getattr(config, name) for name in sizes})
