"""Measure one encoder on one size of table and print it as JSON; a process of its own, so that memory is its.

python -m benchmarks.scaling.point METHOD DATAPOINTS ATTRIBUTES DEVICE REPEATS

Time is one pass forward and back: processor seconds of one thread on a CPU, wall seconds on a GPU. Memory is
what that pass adds at its peak, in MB. Weights are made before; their gradients are part of the pass.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from spinimpute.networks.attention import AttentionConfig
from spinimpute.networks.baselines import npt, set_transformer
from spinimpute.networks.spin import SpinEncoder, TableSpin
from spinimpute.networks.tables import TableConfig

WIDTH = 8  # half the paper's, so that the widest table fits into a desktop's memory
FUSED = "npt_fused"


def encoder(method: str, attributes: int) -> tuple[torch.nn.Module, Callable[[Tensor], Tensor]]:
    """The network that holds the weights, and what maps (N, D, E) to its encoding."""
    attention = AttentionConfig(attention_dropout=0.0, hidden_dropout=0.0)
    config = TableConfig(features=attributes - 1, targets=1, width=WIDTH, attention=attention)
    if method == "spin":
        spin = SpinEncoder(
            attributes, WIDTH, config.latents, config.inducing, config.layers, config.attention
        )
        return spin, spin
    if method == "spin_with_predictor":
        whole = TableSpin(config)
        return whole, lambda x: whole.predictor(x.flatten(-2), whole.encoder(x))
    network = set_transformer(config) if method == "set_tf" else npt(config)
    return network, network.attend


def measure(method: str, datapoints: int, attributes: int, device: torch.device, repeats: int) -> None:
    """Print seconds and megabytes."""
    torch.manual_seed(1)
    torch.set_num_threads(1)
    network, encode = encoder(method, attributes)
    network.to(device)
    values = torch.randn(datapoints, attributes, WIDTH, device=device)
    # The published code keeps all attention weights; a fused kernel, where one exists, does not.
    kernel = nullcontext() if method == FUSED else sdpa_kernel(SDPBackend.MATH)
    before, times = _memory(device), []
    with kernel:
        for _ in range(repeats):
            began = _clock(device)
            encode(values).sum().backward()  # type: ignore[no-untyped-call]
            times.append(_clock(device) - began)
            network.zero_grad()
    seconds = statistics.median(times[1:] or times)  # the first one also warms up
    print(json.dumps({"seconds": seconds, "megabytes": _memory(device) - before}))


def _clock(device: torch.device) -> float:
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def _memory(device: torch.device) -> float:
    """Peak memory in MB so far."""
    if device.type == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return torch.cuda.max_memory_allocated(device) / 1024**2


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), torch.device(sys.argv[4]), int(sys.argv[5]))
