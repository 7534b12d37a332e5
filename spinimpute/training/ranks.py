"""Processes that train together, as torchrun starts them: each takes tasks of its own, and one gradient, that
of all their queries, moves all alike.

The network is so small that its gradients travel as one vector, once a step. DistributedDataParallel sends
some while others are computed, which gains nothing here, and weights processes alike, not by their queries.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import numpy as np
import torch
from torch import distributed

from spinimpute.errors import SpinImputeError
from spinimpute.spin.device import choose_device

T = TypeVar("T")

# The others wait for the first process while it validates or writes.
_PATIENCE = timedelta(hours=2)


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together: its number from 0 on, how many there are, its device."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this is the process that validates, writes and tells."""
        return self.rank == 0

    def seed(self, seed: int) -> int:
        """A seed of this process's own; that of the first is the given one, as without others."""
        if self.leads:
            return seed
        return int(np.random.SeedSequence(seed, spawn_key=(self.rank,)).generate_state(1, np.uint64)[0])

    def share(self, value: T) -> T:
        """The value that the first process gives; SpinImputeError if it has ended."""
        if self.size == 1:
            return value
        box = [value]
        with _others_go_on():
            distributed.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def average(self, network: torch.nn.Module, loss: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Turn the gradients of all processes into those of their mean loss by weight, and return that loss.

        SpinImputeError if a process has ended.
        """
        if self.size == 1:
            return loss
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        flat = torch.cat([loss.reshape(1), *(gradient.reshape(-1) for gradient in gradients)])
        both = torch.cat([flat * weight, weight.reshape(1)])
        with _others_go_on():
            distributed.all_reduce(both)
        mean = both[:-1] / both[-1].clamp(min=1)
        parts = torch.split(mean[1:], [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
        return mean[0]


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Join the processes that torchrun started with this one, if it did; each has a GPU of its own if device
    says so. SpinImputeError for a device that is not there.
    """
    size = _told("WORLD_SIZE", 1)
    if size == 1:
        yield Ranks(0, 1, torch.device(choose_device(device)))
        return
    own = _own_device(device)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    distributed.init_process_group("nccl" if own.type == "cuda" else "gloo", timeout=_PATIENCE)
    yield Ranks(distributed.get_rank(), size, own)
    # Not after an error: the others may be amid a step, and the end of this process ends them.
    distributed.destroy_process_group()


def leads() -> bool:
    """Whether this process tells what happens: the first one, or the only one."""
    return _told("RANK", 0) == 0


def _told(name: str, alone: int) -> int:
    """What torchrun says in the environment; batch systems may use the same names for other things."""
    return int(os.environ[name]) if "TORCHELASTIC_RUN_ID" in os.environ else alone


def _own_device(name: str) -> torch.device:
    device = torch.device(choose_device(name))
    if device.type == "cpu":
        return device
    if device.index is not None:
        raise SpinImputeError(
            "under torchrun each process takes a GPU of its own",
            where="--device",
            found=f"'{name}'",
            remedy="use --device cuda",
        )
    return torch.device(choose_device(f"cuda:{_told('LOCAL_RANK', 0)}"))


@contextmanager
def _others_go_on() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise SpinImputeError(
            "all processes of a training must go on",
            found="another one has ended",
            remedy="see its message; the same command goes on from the last checkpoint",
        ) from error
