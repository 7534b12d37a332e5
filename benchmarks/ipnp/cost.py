"""Measure one neural process at one context size and print it as JSON; a process of its own, for its memory.

python -m benchmarks.ipnp.cost METHOD CONTEXT BATCH WIDTH DEVICE LIMIT

METHOD is one of METHODS. Seconds (of one thread of a processor, or on a GPU's clock): a training step, and
asking for 64 targets after the context has been encoded. Memory: what a training step adds at its peak, MB.
LIMIT, if not 0, is the memory (MB) that may be added on a processor.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from spinimpute.networks.likelihood import Task, process_loss
from spinimpute.networks.processes import NeuralProcess, ProcessConfig, build_process

TARGETS = 64
SAMPLES = 4
REPEATS = 3
MEGABYTE = 1024**2


@dataclass(frozen=True)
class Method:
    """A latent process; how its attention is computed; inducing points, none for half of the context."""

    label: str
    kind: str
    fused: bool = False
    inducing: int | None = 32


# The published code keeps all attention weights, as torch's plain implementation does; fused attention, which
# came later, computes them in blocks.
METHODS = {
    "np": Method("NP", "NP"),
    "anp": Method("ANP, as published", "ANP"),
    "anp_fused": Method("ANP, fused attention", "ANP", fused=True),
    "ipnp_half": Method("IPNP, as published: points = half the context", "IPNP", inducing=None),
    "ipnp_32": Method("IPNP, 32 points", "IPNP"),
}


@dataclass(frozen=True)
class Cost:
    """Of one method at one context size; none where it ran out of memory."""

    method: str
    context: int
    train_seconds: float | None = None
    query_seconds: float | None = None
    megabytes: float | None = None


def measure(name: str, context: int, batch: int, width: int, device: torch.device, limit: int = 0) -> Cost:
    """Costs of a method."""
    torch.manual_seed(1)
    method = METHODS[name]
    config = ProcessConfig(width=width, inducing=method.inducing or context // 2)
    process = build_process(method.kind, config).to(device)
    with _attention(method):
        _train(process, _task(16, batch, device))  # wakes what torch loads late
        task = _task(context, batch, device)
        _forget_peak(device)
        before = _memory(device)
        if limit:
            _limit_memory(limit)
        try:
            train = _train(process, task)
            if train < 1:  # a long step needs no repeats
                train = min(train, *(_train(process, task) for _ in range(REPEATS - 1)))
            megabytes = _memory(device) - before
            query = _query(process, task)
        except RuntimeError as error:  # a GPU's torch.OutOfMemoryError is one, too
            if "allocate memory" in str(error) or "out of memory" in str(error):
                return Cost(name, context)
            raise
    return Cost(name, context, train, query, megabytes)


def _attention(method: Method) -> AbstractContextManager[None]:
    return nullcontext() if method.fused else sdpa_kernel(SDPBackend.MATH)


def _task(context: int, batch: int, device: torch.device) -> Task:
    sizes = (context, context, TARGETS, TARGETS)
    return Task(*(torch.randn(batch, points, 1, device=device) for points in sizes))


def _train(process: NeuralProcess, task: Task) -> float:
    """Seconds of a step without its update, which does not depend on the context."""
    began = _clock(task.context_x.device)
    process_loss(process, task, SAMPLES).backward()  # type: ignore[no-untyped-call]
    seconds = _clock(task.context_x.device) - began
    process.zero_grad()
    return seconds


@torch.no_grad()
def _query(process: NeuralProcess, task: Task) -> float:
    """Seconds to answer for the targets, given what is kept of the context."""
    memory = process.path.encode(task.context_x, task.context_y)
    summaries = process.summaries(task.context_x, task.context_y, SAMPLES)
    times = []
    for _ in range(5 * REPEATS):
        began = _clock(task.context_x.device)
        process.predict(memory, summaries, task.target_x)
        times.append(_clock(task.context_x.device) - began)
    return min(times)


def _clock(device: torch.device) -> float:
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def _forget_peak(device: torch.device) -> None:
    if device.type == "cpu":
        Path("/proc/self/clear_refs").write_text("5")
    else:
        torch.cuda.reset_peak_memory_stats(device)


def _memory(device: torch.device) -> float:
    """Peak memory in MB since it was last forgotten; right after that, what is in use."""
    if device.type == "cpu":
        return _status("VmHWM") / 1024
    return torch.cuda.max_memory_allocated(device) / MEGABYTE


def _limit_memory(megabytes: int) -> None:
    most = _status("VmSize") * 1024 + megabytes * MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _status(field: str) -> int:
    """A size in kB that Linux tells of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    context, batch, width = map(int, sys.argv[2:5])
    cost = measure(sys.argv[1], context, batch, width, torch.device(sys.argv[5]), int(sys.argv[6]))
    print(json.dumps(asdict(cost)))
