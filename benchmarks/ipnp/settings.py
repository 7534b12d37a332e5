"""What is trained and for how long: `full` as published, for a GPU; `quick` for two processor cores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from spinimpute.networks.processes import ProcessConfig


@dataclass(frozen=True)
class Experiment:
    """One range of context sizes."""

    name: str
    data: Literal["curves", "pictures"]
    context: tuple[int, int]  # smallest and largest
    config: ProcessConfig
    networks: tuple[str, ...]  # names of KINDS, or NAME-h with h inducing points instead of the published
    steps: int
    learning_rate: float
    batch: int = 16  # functions
    targets: tuple[int, int] = (4, 64)
    samples: int = 4  # of the latent in training


@dataclass(frozen=True)
class Cell:
    """One network to train."""

    experiment: Experiment
    network: str
    seed: int

    @property
    def key(self) -> str:
        """A name for files."""
        return f"{self.experiment.name}@{self.network}@{self.seed}"

    @property
    def kind(self) -> str:
        """Which of KINDS."""
        return self.network.split("-")[0]

    @property
    def config(self) -> ProcessConfig:
        """Sizes; as published there are half as many inducing points as points in the smallest context."""
        _, _, inducing = self.network.partition("-")
        return replace(
            self.experiment.config, inducing=int(inducing or max(1, self.experiment.context[0] // 2))
        )


@dataclass(frozen=True)
class Setting:
    """One run of the benchmark."""

    name: str
    experiments: tuple[Experiment, ...]
    seeds: tuple[int, ...]
    tasks: int  # to evaluate on, of each kind
    samples: int  # of the latent in evaluation
    sizes: tuple[int, ...]  # contexts, to evaluate the first experiment's networks on
    cost_sizes: tuple[int, ...]  # contexts, to measure time and memory with
    cost_batch: int
    cost_width: int
    memory_limit: int  # MB, on a processor; a GPU has its own

    def cells(self) -> Iterator[Cell]:
        """Everything that is trained, whole experiments first."""
        for seed in self.seeds:
            for experiment in self.experiments:
                for network in experiment.networks:
                    yield Cell(experiment, network, seed)


PICTURES = ProcessConfig(inputs=2, value_depth=6, query_depth=3, summary_depth=3, decoder_depth=5)
ALL = ("CNP", "CANP", "CIPNP", "IPNP", "ANP", "NP")  # what shows most comes first

FULL = Setting(
    name="full",
    experiments=(
        *(
            Experiment(
                name=f"curves{low}",
                data="curves",
                context=(low, 2 * low),
                config=ProcessConfig(),
                networks=(*ALL, "CIPNP-32", "IPNP-32"),
                steps=100_000,
                learning_rate=5e-4,
            )
            for low in (64, 128, 256, 512, 1024)
        ),
        Experiment("pictures", "pictures", (128, 512), PICTURES, ALL, steps=100_000, learning_rate=5e-4),
    ),
    seeds=(1, 2, 3),
    tasks=1024,
    samples=50,
    sizes=(16, 32, 64, 128, 256, 512, 1024, 2048),
    cost_sizes=tuple(2**power for power in range(7, 17)),
    cost_batch=16,
    cost_width=128,
    memory_limit=0,
)

# Half the width, two of the five context ranges, few steps and a larger learning rate.
SMALL = ProcessConfig(width=64)
QUICK = Setting(
    name="quick",
    experiments=(
        Experiment("curves64", "curves", (64, 128), SMALL, ALL, steps=2000, learning_rate=1e-3),
        Experiment(
            "pictures",
            "pictures",
            (64, 128),
            replace(PICTURES, width=64, value_depth=4, query_depth=2, summary_depth=2, decoder_depth=3),
            ("CANP", "CIPNP", "ANP", "IPNP", "CNP"),
            steps=1500,
            learning_rate=1e-3,
            batch=8,
        ),
        Experiment(
            "curves256",
            "curves",
            (256, 512),
            SMALL,
            ("CANP", "CIPNP", "CIPNP-32"),
            steps=1200,
            learning_rate=1e-3,
            batch=8,
        ),
        # Does more training close the gap?
        Experiment("curves64long", "curves", (64, 128), SMALL, ("CIPNP",), steps=8000, learning_rate=1e-3),
    ),
    seeds=(1,),
    tasks=256,
    samples=50,
    sizes=(16, 32, 64, 128, 256, 512),
    cost_sizes=tuple(2**power for power in range(7, 16)),
    cost_batch=1,
    cost_width=64,
    memory_limit=1500,
)

SETTINGS = {setting.name: setting for setting in (QUICK, FULL)}
