"""Fit the calibration of a trained network alone, on many more tasks than training sees of it.

usage: python -m benchmarks.training.fit_calibration DATA MODEL OUT [--tasks N] [--held-out N] [--queries N]

DATA as for `regions`. The network's copying weights stay as they are, so every task is run once, and what the
calibration is given is kept: some 3 GB. Training moves all of a network in every step, on few queries; what
the calibration could learn of weak inputs drowns in that (benchmarks/ablation). The loss over held-out tasks
is printed on the way. Runs on one core for ten to twenty minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmarks.training.regions import SIMULATED, find_regions, write_relatives
from spinimpute.config import TrainConfig
from spinimpute.copying import copy_alleles
from spinimpute.inference import network_input
from spinimpute.marks import HaplotypeMarks
from spinimpute.spin.checkpoint import LoadedModel, load_model
from spinimpute.spin.compiled import CompiledSpin
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.model import Calibration, Spin
from spinimpute.training.pseudo_targets import draw_task
from spinimpute.training.sources import Source, gather_sources, source_weights

STEPS = 30_000
BATCH = 8192  # queries
LEARNING_RATE = 1e-3
AVERAGING = 0.002
# Seeds of tasks, beside the number of each: of those held out and of those to learn from.
HELD_OUT, LEARNED = 77, 78


def main() -> None:
    """Collect queries, fit, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("data", "model", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--tasks", type=int, default=700)
    parser.add_argument("--held-out", type=int, default=150)
    parser.add_argument("--queries", type=int, default=20_000, help="at most, of a task")
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(str(given.model))
    training, validation = _sources(given.data)
    rng = np.random.default_rng(0)
    even = np.ones(len(validation))
    held_out = _collect(model, validation, even, given.held_out, given.queries, rng, HELD_OUT)
    weight = source_weights(training)
    learned = _collect(model, training, weight, given.tasks, given.queries, rng, LEARNED)
    network = Spin.of(model)
    fit(network.calibration, model.config, torch.from_numpy(learned), torch.from_numpy(held_out))
    network.save(given.out)


def _sources(data: Path) -> tuple[list[Source], list[Source]]:
    regions = find_regions(data)
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            refs=tuple(regions.training),
            validation=tuple(regions.validation),
            maps=tuple(regions.maps),
            exclude_samples=write_relatives(regions, Path(folder, "children.txt")),
            simulate=SIMULATED,
            out=Path(folder),
        )
        return gather_sources(config)


def _collect(
    model: LoadedModel,
    sources: Sequence[Source],
    weight: NDArray[np.float64],
    tasks: int,
    most: int,
    rng: np.random.Generator,
    seed: int,
) -> NDArray[np.float32]:
    """Return (Q, D + 1): what the calibration is given at untyped variants of many tasks, and the truth."""
    network, rows = CompiledSpin(model.config, model.weights), []
    for number in range(tasks):
        source = sources[rng.choice(len(sources), p=weight / weight.sum())]
        rows.append(_queries(network, source, [seed, number], most, rng))
    return np.concatenate(rows)


def _queries(
    network: CompiledSpin, source: Source, seed: list[int], most: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    draw = draw_task(source, network.config.context, seed)
    weights, spread = network.weigh(network_input(draw.tokens, draw.context))
    marks = HaplotypeMarks.of(draw.panel.view(np.bool_))
    asked = copy_alleles(marks, draw.segments, draw.context.haplotype, weights, spread, draw.chains)
    first, last = draw.segments.start[[1, -2]]
    inside = (asked.variant >= first) & (asked.variant < last) & ~draw.typed[asked.variant]
    chosen = np.flatnonzero(inside)
    if len(chosen) > most:
        chosen = np.sort(rng.choice(chosen, most, replace=False))
    truth = draw.truth[asked.variant[chosen], asked.target[chosen]]
    columns = (asked.frequency, asked.chain, asked.entropy, asked.query)
    rows = np.concatenate([*(column[chosen] for column in columns), truth[:, None]], axis=1)
    return np.asarray(rows, np.float32)


def fit(calibration: Calibration, config: SpinConfig, learned: Tensor, held_out: Tensor) -> None:
    """Fit a calibration by one cycle of AdamW, and leave the averaged weights in it."""
    learner = Calibration(config)
    learner.load_state_dict(calibration.state_dict())
    descent = torch.optim.AdamW(learner.parameters(), lr=LEARNING_RATE, weight_decay=1e-3)
    cycle = torch.optim.lr_scheduler.OneCycleLR(descent, LEARNING_RATE, total_steps=STEPS, pct_start=0.1)
    generator = torch.Generator().manual_seed(0)
    print(0, f"{_loss(calibration, config, held_out):.6f}", flush=True)
    for step in range(1, STEPS + 1):
        batch = learned[torch.randint(len(learned), (BATCH,), generator=generator)]
        descent.zero_grad()
        loss = _losses(learner, config, batch).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        descent.step()
        cycle.step()
        with torch.no_grad():
            for mean, new in zip(calibration.parameters(), learner.parameters(), strict=True):
                mean.lerp_(new, AVERAGING)
        if step % (STEPS // 6) == 0:
            print(step, f"{_loss(calibration, config, held_out):.6f}", flush=True)


def _losses(calibration: Calibration, config: SpinConfig, rows: Tensor) -> Tensor:
    """The cross-entropy (Q,) in nats of rows as `_collect` has them."""
    sizes = [config.heads, config.posteriors, config.heads, config.query_features, 1]
    *given, truth = torch.split(rows, sizes, dim=1)
    logits = calibration(*given)
    return functional.binary_cross_entropy_with_logits(logits, truth.squeeze(1), reduction="none")


@torch.no_grad()
def _loss(calibration: Calibration, config: SpinConfig, rows: Tensor) -> float:
    return float(
        torch.cat([_losses(calibration, config, part) for part in torch.split(rows, 1 << 18)]).mean()
    )


if __name__ == "__main__":
    main()
