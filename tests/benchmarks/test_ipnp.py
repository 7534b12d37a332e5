"""benchmarks/ipnp: functions against scikit-learn, training that resumes, scores, costs, a whole tiny run."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ExpSineSquared, Matern

from benchmarks.ipnp import run, training
from benchmarks.ipnp.cost import METHODS, Cost, measure
from benchmarks.ipnp.curves import KERNELS, NOISE, Curves, draw_curves, exact_prediction
from benchmarks.ipnp.evaluation import EXACT_SCORERS, Measured, evaluate, read_measured, write_measured
from benchmarks.ipnp.pictures import SIDE, ask_pixels, draw_pictures, pixel_inputs
from benchmarks.ipnp.report import bootstrap, cost_table, differences
from benchmarks.ipnp.settings import FULL, QUICK, SETTINGS, Cell
from benchmarks.ipnp.training import train_cell
from spinimpute.networks.likelihood import Task
from spinimpute.networks.processes import KINDS, ProcessConfig

CPU = torch.device("cpu")
TINY = replace(
    QUICK,
    experiments=tuple(
        replace(
            e, steps=3, batch=2, context=(4, 6), targets=(2, 5), config=replace(e.config, width=8, heads=2)
        )
        for e in QUICK.experiments
    ),
    tasks=16,
    samples=3,
    sizes=(4, 8),
    cost_sizes=(16, 32),
    cost_width=8,
)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("RBF", RBF(0.3)), ("Matern", Matern(0.3, nu=2.5)), ("periodic", ExpSineSquared(0.3, 0.25))],
)
def test_kernels_are_scikit_learns(name: str, theirs: object, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.linspace(-2, 2, 9)[:, None]
    monkeypatch.setattr(
        "benchmarks.ipnp.curves._uniform", lambda low, high, like: torch.full_like(like, 0.25)
    )
    ours = KERNELS[name](torch.from_numpy(np.abs(x - x.T)), torch.full((1, 1), 0.3, dtype=torch.float64))
    np.testing.assert_allclose(ours, theirs(x), atol=1e-12)  # type: ignore[operator]


def test_exact_prediction_is_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(1)
    x = 4 * torch.rand(1, 30, 1, generator=generator, dtype=torch.float64) - 2
    y = torch.randn(1, 30, 1, generator=generator, dtype=torch.float64)
    kernel = RBF(0.4)
    covariance = torch.from_numpy(kernel(x[0].numpy()) + NOISE**2 * np.eye(30))[None]
    ours = exact_prediction(Curves(Task(x[:, :20], y[:, :20], x[:, 20:], y[:, 20:]), covariance))
    theirs = GaussianProcessRegressor(kernel, alpha=NOISE**2, optimizer=None).fit(x[0, :20], y[0, :20, 0])
    mean, spread = theirs.predict(x[0, 20:], return_std=True)
    np.testing.assert_allclose(ours.mean[0, 0, :, 0], mean, rtol=1e-5)
    np.testing.assert_allclose(ours.variance[0, 0, :, 0], spread**2 + NOISE**2, rtol=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_functions_are_of_the_given_covariance(kernel: str) -> None:
    """Whitened by it, they are standard normal."""
    torch.manual_seed(1)
    curves = draw_curves(kernel, 60, 20, 10, CPU)
    factor = torch.linalg.cholesky(curves.covariance)
    white = torch.linalg.solve_triangular(factor, curves.task.all_y.double(), upper=False)
    assert float(white.square().mean()) == pytest.approx(1, abs=4 * math.sqrt(2 / 1800))
    deviations = (curves.covariance[:, 0, 0] - NOISE**2).sqrt()
    assert 0.1 <= deviations.min() <= deviations.max() <= 1
    assert curves.task.all_x.abs().max() <= 2


def test_exact_answers_are_calibrated_and_the_floor_spoils_that() -> None:
    measured = {name: evaluate(TINY.experiments[0], TINY, CPU, s) for name, s in EXACT_SCORERS.items()}
    exact, floored = (measured[name]["RBF 8"] for name in EXACT_SCORERS)
    assert exact.calibration < 0.01
    assert floored.log_density.mean() < exact.log_density.mean()


def test_pixels_are_asked_for_once_and_where_they_are() -> None:
    torch.manual_seed(1)
    pictures = draw_pictures(3, CPU)
    assert pictures.shape == (3, SIDE, SIDE)
    assert -0.5 <= pictures.min() < pictures.max() <= 0.5
    task = ask_pixels(pictures, 40, 25)
    places = ((task.all_x + 1) * (SIDE - 1) / 2).round().long()
    for picture, place, y in zip(pictures, places, task.all_y, strict=True):
        assert len(set(map(tuple, place.tolist()))) == 65
        assert torch.equal(picture[place[:, 0], place[:, 1]], y[:, 0])
    assert pixel_inputs(torch.tensor([0, SIDE * SIDE - 1])).tolist() == [[-1, -1], [1, 1]]


def test_settings_follow_the_paper() -> None:
    cells = {cell.key: cell for cell in FULL.cells()}
    assert cells["curves1024@IPNP@1"].config.inducing == 512
    assert cells["curves1024@IPNP-32@1"].config.inducing == 32
    assert {cell.kind for cell in cells.values()} == set(KINDS)
    assert FULL.experiments[0].config == ProcessConfig()
    assert len({cell.key for cell in QUICK.cells()}) == len(list(QUICK.cells()))


@pytest.mark.parametrize("network", ["CIPNP", "ANP"])
def test_training_goes_on_where_it_was_cut_off(
    network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = Cell(TINY.experiments[0], network, 1)
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 2)
    (tmp_path / "whole").mkdir()
    whole = train_cell(cell, tmp_path / "whole", CPU)
    step = training._train_step

    def cut_off(*given: Any) -> torch.Tensor:
        if given[3] == 2:
            raise KeyboardInterrupt
        return step(*given)

    monkeypatch.setattr(training, "_train_step", cut_off)
    with pytest.raises(KeyboardInterrupt):
        train_cell(cell, tmp_path, CPU)
    monkeypatch.setattr(training, "_train_step", step)
    torch.manual_seed(99)
    resumed = train_cell(cell, tmp_path, CPU)
    assert resumed.losses == whole.losses
    for ours, theirs in zip(resumed.process.parameters(), whole.process.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_measured_scores_come_back(tmp_path: Path) -> None:
    kept = {"RBF": Measured(np.array([1.5, -0.25]), np.arange(19) / 19, 0.125)}
    write_measured(tmp_path / "scores.json", kept)
    read = read_measured(tmp_path / "scores.json")["RBF"]
    np.testing.assert_array_equal(read.log_density, kept["RBF"].log_density)
    np.testing.assert_array_equal(read.coverage, kept["RBF"].coverage)
    assert read.calibration == 0.125


def test_intervals_are_those_of_normal_means_and_differences_are_paired() -> None:
    values = np.random.default_rng(2).normal(3, 2, 400)
    interval = bootstrap(values)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    noise = np.random.default_rng(3).normal(size=50)
    scores = {
        name: {"RBF": Measured(noise + shift, np.zeros(19), 0.0)}
        for name, shift in (("CANP", 0.0), ("CIPNP-32", -0.5), ("IPNP", 0.0))
    }
    (found,) = differences(QUICK.experiments[0], scores)  # IPNP has nothing to be compared with
    assert (found.first, found.second) == ("CIPNP-32", "CANP")
    assert (found.gain.low, found.gain.high) == pytest.approx((-0.5, -0.5))


@pytest.mark.parametrize("method", METHODS)
def test_costs_are_measured(method: str) -> None:
    cost = measure(method, 32, batch=1, width=8, device=CPU)
    assert cost.train_seconds is not None
    assert cost.query_seconds is not None
    assert min(cost.train_seconds, cost.query_seconds) > 0


def test_attention_that_keeps_its_weights_runs_out_of_memory_first() -> None:
    """Each in a process of its own, 100 MB more than it starts with."""
    setting = replace(QUICK, cost_width=8, memory_limit=100)
    assert run._measure("anp", 2048, setting, CPU).train_seconds is None
    assert run._measure("ipnp_32", 2048, setting, CPU).train_seconds is not None


def test_growth_is_the_exponent() -> None:
    costs = [Cost("anp", n, 1e-6 * n**2, 1e-6 * n, 1e-3 * n**2) for n in (64, 128, 256)] + [Cost("anp", 512)]
    (line,) = (line for line in cost_table(costs).splitlines() if "ANP" in line)
    assert "| 2.00 | 2.00 | 1.00 | out of memory at 512 |" in line


def test_one_command_makes_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "tiny", TINY)
    monkeypatch.setattr(run, "_measure", lambda method, size, *_: Cost(method, size, 0.1, 0.01, 1.0))
    monkeypatch.setattr(sys, "argv", ["run", "--out", str(tmp_path), "--setting", "tiny"])
    run.main()
    results = json.loads((tmp_path / "results.json").read_text())
    networks = {row["network"] for row in results["scores"] if row["experiment"] == "curves64"}
    assert networks == set(KINDS) | set(EXACT_SCORERS)
    assert len(results["costs"]) == 2 * len(METHODS)
    assert {"IPNP", "CIPNP", "CIPNP-32"} == {d["first"] for d in results["differences"]}
    for name in ("scores", "costs", "curves", "pictures"):
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    before = (tmp_path / "table.md").read_text()
    monkeypatch.setattr(sys, "argv", ["run", "--out", str(tmp_path), "--setting", "tiny", "--report-only"])
    run.main()
    assert (tmp_path / "table.md").read_text() == before
