"""An imputation in this process with its network watched, and what the machine could do at best."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from threading import Lock, local
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from spinimpute import pipeline
from spinimpute.config import ImputeConfig
from spinimpute.imputed import ImputedWindow
from spinimpute.inference import Engine
from spinimpute.spin.accelerated import AcceleratedSpin
from spinimpute.spin.checkpoint import LoadedModel
from spinimpute.spin.inputs import QueryInput, SpinInput, WindowInput
from spinimpute.spin.model import Spin
from spinimpute.spin.near_sites import to_signed, unpack
from spinimpute.spin.network import Network, WindowNetwork, start_network
from spinimpute.windows import Window

TRIALS = 10


@dataclass(frozen=True)
class Profile:
    """What one run took. Seconds of threads add up over threads; carried: bytes."""

    windows: int
    window_seconds: float
    network_seconds: float  # of threads
    threads: int
    compute_seconds: float  # of the GPU, kernels of all batches
    flops: float
    carried: float  # each input of the network once and each result once
    gpu_megabytes: float

    @property
    def network_share(self) -> float:
        """The network's share of the threads' time in windows."""
        return self.network_seconds / (self.window_seconds * self.threads)


@dataclass(frozen=True)
class Ceilings:
    """What this GPU did at best: float32 matrix products, copying its own memory (read + written), and
    carrying there and back from pinned memory.
    """

    teraflops: float
    memory_gb: float
    to_gpu_gb: float
    from_gpu_gb: float

    def __str__(self) -> str:
        return (
            f"At best: {self.teraflops:.0f} TFLOP/s in float32 matrix products, {self.memory_gb:.0f} GB/s in"
            f" its memory, {self.to_gpu_gb:.0f} GB/s to the GPU and {self.from_gpu_gb:.0f} GB/s back."
        )

    def computing(self, watched: Profile) -> tuple[float, float]:
        """Seconds that the network's arithmetic and its memory would take at best."""
        return watched.flops / self.teraflops / 1e12, watched.carried / self.memory_gb / 1e9

    def carrying(self, watched: Profile) -> float:
        """Seconds that carrying would take at best, one way at a time."""
        return watched.carried / min(self.to_gpu_gb, self.from_gpu_gb) / 1e9


@dataclass
class _Watch:
    """What has been counted so far; rows and carried bytes by call, and one example of each call's input."""

    windows: int = 0
    window_seconds: float = 0.0
    network_seconds: float = 0.0
    rows: Counter[str] = field(default_factory=Counter)
    carried: float = 0.0
    examples: dict[str, SpinInput | QueryInput] = field(default_factory=dict)
    example_window: WindowInput | None = None
    computed: list[tuple[torch.cuda.Event, torch.cuda.Event]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def call(
        self, name: str, began: float, given: SpinInput | QueryInput, *made: NDArray[np.float32]
    ) -> None:
        """A call to the network is over."""
        taken = time.perf_counter() - began
        with self.lock:
            self.network_seconds += taken
            self.rows[name] += len(given[-1])
            self.carried += sum(array.nbytes for array in (*given, *made))
            self.examples.setdefault(name, given)


class _WatchedNetwork:
    """A network whose calls are timed and whose arrays are counted."""

    def __init__(self, network: Network, watch: _Watch) -> None:
        self._network = network
        self._watch = watch
        self.config = network.config
        self.device = network.device
        self.together = network.together

    def at(self, window: WindowInput) -> _WatchedWindow:
        """As the network."""
        return _WatchedWindow(self._network.at(window), window, self._watch)

    def calibrate(self, asked: QueryInput) -> NDArray[np.float32]:
        """As the network."""
        began = time.perf_counter()
        probability = self._network.calibrate(asked)
        self._watch.call("calibrate", began, asked, probability)
        return probability


@dataclass(frozen=True)
class _WatchedWindow:
    """The network in a window."""

    network: WindowNetwork
    window: WindowInput
    watch: _Watch

    def weigh(self, given: SpinInput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As the network."""
        began = time.perf_counter()
        weights, spread = self.network.weigh(given)
        self.watch.example_window = self.watch.example_window or self.window
        self.watch.call("weigh", began, given, weights, spread)
        return weights, spread


@dataclass(frozen=True)
class _WatchedEngine(Engine):
    """An engine whose windows are timed."""

    watch: _Watch = field(default_factory=_Watch)

    def impute(self, window: Window) -> ImputedWindow:
        """As the engine."""
        began = time.perf_counter()
        imputed = super().impute(window)
        self.watch.windows += 1
        self.watch.window_seconds += time.perf_counter() - began
        return imputed


def _time_kernels(spin: Spin, watch: _Watch) -> None:
    """Have the GPU note when it begins and ends each batch."""
    own = local()

    def before(*_: object) -> None:
        own.start = _event()

    def after(*_: object) -> None:
        watch.computed.append((own.start, _event()))

    for module in (spin, spin.calibration):
        module.register_forward_pre_hook(before)
        module.register_forward_hook(after)


def _count_flops(spin: Spin, watch: _Watch) -> float:
    """Floating-point operations in the matrix products of all calls, from those of the examples."""
    total = 0.0
    for name, given in watch.examples.items():
        device = next(spin.parameters()).device
        if isinstance(given, SpinInput):
            tensors = [tensor[:2] for tensor in _network_tensors(given, watch.example_window)]
        else:
            tensors = [torch.from_numpy(np.array(array[:2])) for array in given]
        with FlopCounterMode(display=False) as counter:
            (spin if name == "weigh" else spin.calibration)(*(tensor.to(device) for tensor in tensors))
        total += counter.get_total_flops() * watch.rows[name] / len(tensors[-1])
    return total


def _network_tensors(given: SpinInput, window: WindowInput | None) -> list[torch.Tensor]:
    """What torch's network takes of some targets of a window."""
    assert window is not None
    differs, known, carried = (
        torch.from_numpy(to_signed(words)) for words in (given.differs, given.known, given.carried)
    )
    sites, task = (torch.from_numpy(array) for array in window)
    match, chosen = unpack(sites, differs, known, carried)
    tasks = task.expand(len(given.previous), -1, -1)
    neighbours = [torch.from_numpy(places) for places in (given.previous, given.following)]
    return [torch.from_numpy(given.measures), match, chosen, tasks, *neighbours]


def profile(config: ImputeConfig) -> Profile:
    """Impute in this process and watch."""
    watch = _Watch()
    spins: list[Spin] = []

    def make_engine(config: ImputeConfig, model: LoadedModel) -> Engine:
        network = start_network(model, config.device)
        if isinstance(network, AcceleratedSpin):
            spins.append(network.spin)
            _time_kernels(network.spin, watch)
        return _WatchedEngine(_WatchedNetwork(network, watch), config.threads, watch=watch)

    with mock.patch.object(pipeline, "make_engine", make_engine):
        pipeline.impute(config)
    seconds = 0.0
    if spins:
        torch.cuda.synchronize()
        seconds = sum(start.elapsed_time(end) for start, end in watch.computed) / 1000
    return Profile(
        windows=watch.windows,
        window_seconds=watch.window_seconds,
        network_seconds=watch.network_seconds,
        threads=config.threads,
        compute_seconds=seconds,
        flops=_count_flops(spins[0], watch) if spins else 0.0,
        carried=watch.carried,
        gpu_megabytes=torch.cuda.max_memory_allocated() / 1e6 if spins else 0.0,
    )


def ceilings() -> Ceilings:
    """Measure what the GPU can do at best."""
    n = 8192
    a, b = (torch.randn(n, n, device="cuda") for _ in range(2))
    product = _seconds(lambda: a @ b)
    copied = _seconds(lambda: b.copy_(a))
    here = torch.empty(n, n, pin_memory=True)
    return Ceilings(
        teraflops=2 * n**3 / product / 1e12,
        memory_gb=2 * a.nbytes / copied / 1e9,
        to_gpu_gb=a.nbytes / _seconds(lambda: a.copy_(here, non_blocking=True)) / 1e9,
        from_gpu_gb=a.nbytes / _seconds(lambda: here.copy_(a, non_blocking=True)) / 1e9,
    )


def _seconds(work: Callable[[], object]) -> float:
    """The median of some trials, on the GPU's clock."""
    taken: list[float] = []
    for _ in range(TRIALS):
        start = _event()
        work()
        end = _event()
        torch.cuda.synchronize()
        taken.append(start.elapsed_time(end) / 1000)
    return median(taken)


def _event() -> torch.cuda.Event:
    """The moment at which the present stream gets here."""
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record()
    return event
