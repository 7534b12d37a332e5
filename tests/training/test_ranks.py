"""Processes that torchrun starts train one model together, as one process would on all their batches."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import phased_records, sample_names, write_vcf
from test_retrieval import mosaics
from training.joint_worker import SIZES, small_config

from spinimpute.errors import SpinImputeError
from spinimpute.spin import device
from spinimpute.spin.checkpoint import load_model
from spinimpute.training import loop, ranks
from spinimpute.training.ranks import Ranks
from spinimpute.training.sources import gather_sources, source_weights
from spinimpute.training.state import TrainingState
from spinimpute.training.stock import Tasks

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
STEPS = 4


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(8)
    pos = np.cumsum(rng.integers(300, 2500, 800))
    alleles = mosaics(rng, 800, 80, founders=10).astype(np.int8)
    path = tmp_path_factory.mktemp("panel") / "panel.vcf.gz"
    write_vcf(path, phased_records(pos, alleles), sample_names(40))
    return path


def launch(panel: Path, out: Path, kept: Path, stop: int = 0) -> subprocess.CompletedProcess[str]:
    """Let two processes train together."""
    kept.mkdir(exist_ok=True)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words += [str(Path(__file__).with_name("joint_worker.py")), *map(str, (panel, out, kept, STEPS, stop))]
    return subprocess.run(
        [sys.executable, *words], env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(panel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of an undisturbed run, with the model in model, and what it printed."""
    folder = tmp_path_factory.mktemp("whole")
    done = launch(panel, folder / "model", folder / "kept")
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def kept_step(folder: Path, rank: int, step: int) -> dict[str, dict[str, torch.Tensor]]:
    found: dict[str, Any] = torch.load(folder / "kept" / f"rank{rank}-step{step}.pt", weights_only=True)
    return found


def test_all_processes_have_the_same_weights(whole: tuple[Path, str]) -> None:
    folder, printed = whole
    for step in range(1, STEPS + 1):
        first, second = (kept_step(folder, rank, step)["weights"] for rank in (0, 1))
        assert all(torch.equal(value, second[name]) for name, value in first.items())
    # Both write to one pipe, and a line's end is a write of its own.
    ends = re.findall(r"rank (\d) ends with ([\d.]+ [\d.]+)", printed)
    assert {rank for rank, _ in ends} == {"0", "1"}
    assert len({figures for _, figures in ends}) == 1


def test_a_step_is_that_of_one_process_on_all_batches(
    whole: tuple[Path, str], panel: Path, tmp_path: Path
) -> None:
    folder, printed = whole
    config = small_config(panel, tmp_path / "model", STEPS)
    state = TrainingState.start(config, CPU)
    training, _ = gather_sources(config)
    losses, counts = [], []
    for rank in (0, 1):
        seed = Ranks(rank, 2, CPU).seed(config.seed)
        stretches = 64 // loop.STRETCH
        n_tasks = -(-STEPS * stretches // SIZES["STRETCHES"])
        tasks = Tasks(training, source_weights(training), 16, seed)
        stock = tasks.stock(n_tasks, SIZES["STRETCHES"], loop.STRETCH, loop.QUERIES, threads=1)
        batch = stock.batch(np.random.default_rng([seed, 2, 0]), stretches)
        counts.append(batch.asked.sum())
        losses.append(loop.batch_loss(state.network, batch)[0] * counts[-1])
    assert counts[0] != counts[1]
    loss = state.descend(sum(losses) / sum(counts), torch.tensor(1.0), Ranks(0, 1, CPU))
    (shown,) = re.findall(r"^step 1 loss (.*)", printed, flags=re.MULTILINE)
    assert float(shown) == pytest.approx(loss, rel=1e-5)
    found = kept_step(folder, 0, 1)
    for name, parameter in state.network.named_parameters():
        torch.testing.assert_close(found["gradients"][name], parameter.grad, rtol=1e-3, atol=1e-6)
        # Where a gradient is next to nothing, the optimiser goes a whole step by its sign alone.
        torch.testing.assert_close(found["weights"][name], parameter.detach(), rtol=0, atol=3e-4)


def test_the_first_process_alone_tells_and_writes(whole: tuple[Path, str]) -> None:
    folder, printed = whole
    assert printed.count("2 processes train together") == 1
    assert printed.count("step 1 loss") == 1
    assert len((folder / "model" / "history.csv").read_text().splitlines()) == 1 + STEPS // 2


def test_one_that_ends_ends_all_and_a_resumed_run_gives_the_same(
    whole: tuple[Path, str], panel: Path, tmp_path: Path
) -> None:
    folder, _ = whole
    out, kept = tmp_path / "model", tmp_path / "kept"
    cut = launch(panel, out, kept, stop=3)
    assert cut.returncode != 0
    assert "error: all processes of a training must go on; found another one has ended" in cut.stderr
    assert not (out / "weights.safetensors").exists()
    done = launch(panel, out, kept)
    assert done.returncode == 0, done.stderr
    assert "resumed at step 2" in done.stdout
    assert "step 2 loss" not in done.stdout
    again, first = (load_model(str(each)) for each in (out, folder / "model"))
    assert again.digest == first.digest
    assert (out / "history.csv").read_text() == (folder / "model" / "history.csv").read_text()


def test_every_process_has_a_seed_of_its_own() -> None:
    seeds = [Ranks(rank, 4, CPU).seed(seed) for seed in (1, 2) for rank in range(4)]
    assert len(set(seeds)) == len(seeds)
    assert [seeds[0], seeds[4]] == [1, 2]


def test_what_batch_systems_say_is_not_taken_for_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("RANK", "3")
    assert ranks.leads()
    with ranks.joined("cpu") as found:
        assert found == Ranks(0, 1, CPU)


def test_a_gpu_cannot_be_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(device, "_DRIVERS", ("/",))  # there is one
    for name, value in {
        "TORCHELASTIC_RUN_ID": "x",
        "WORLD_SIZE": "3",
        "RANK": "2",
        "LOCAL_RANK": "2",
    }.items():
        monkeypatch.setenv(name, value)
    assert not ranks.leads()
    with pytest.raises(SpinImputeError, match=r"a GPU of its own; found 'cuda:1'"), ranks.joined("cuda:1"):
        pass
    with pytest.raises(SpinImputeError, match=r"'cuda:2' with 2 CUDA devices"), ranks.joined("auto"):
        pass
