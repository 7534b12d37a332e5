"""What torchrun starts in test_ranks.py: a small training that keeps the weights and gradients of each step,
and is cut off if so asked.

Arguments: panel, model folder, folder to keep in, steps, step to stop the first process at.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from spinimpute.config import TrainConfig
from spinimpute.errors import SpinImputeError
from spinimpute.training import loop
from spinimpute.training.ranks import Ranks
from spinimpute.training.state import TrainingState

SIZES = {"STRETCHES": 24, "VALIDATION_DRAWS": 2, "VALIDATION_STRETCHES": 8}


def small_config(panel: Path, out: Path, steps: int) -> TrainConfig:
    """A training of seconds."""
    return TrainConfig(
        refs=(panel,), out=out, steps=steps, width=16, layers=1, context=16, batch=64, checkpoint_every=2,
        nthreads=1, device="cpu",
    )  # fmt: skip


class Stopping(loop.Silence):
    """Fails at a step; prints what it hears."""

    def __init__(self, stop: int) -> None:
        self._stop = stop

    def step(self, step: int, steps: int, loss: float, rate: float) -> None:
        print(f"step {step} loss {loss!r}", flush=True)
        if step == self._stop:
            raise SystemExit("cut off")

    def log(self, message: str) -> None:
        print(message, flush=True)


def main(panel: Path, out: Path, kept: Path, steps: int, stop: int) -> None:
    for name, value in SIZES.items():
        setattr(loop, name, value)
    descend = TrainingState.descend

    def keeping(state: TrainingState, loss: torch.Tensor, weight: torch.Tensor, ranks: Ranks) -> float:
        result = descend(state, loss, weight, ranks)
        gradients = {name: each.grad for name, each in state.network.named_parameters()}
        found = {"weights": state.network.state_dict(), "gradients": gradients}
        torch.save(found, kept / f"rank{ranks.rank}-step{state.step}.pt")
        return result

    TrainingState.descend = keeping  # type: ignore[method-assign]
    try:
        done = loop.train(small_config(panel, out, steps), Stopping(stop))
    except SpinImputeError as error:
        sys.exit(f"error: {error}")
    print(f"rank {os.environ['RANK']} ends with {done.loss!r} {done.r2!r}", flush=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), *map(int, sys.argv[4:]))
