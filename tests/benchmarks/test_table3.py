"""The windows, the rows and the scores of benchmarks/table3, on haplotypes made here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.table3.cells import Cell, Store
from benchmarks.table3.predictors import predict_gbt, predict_knn, predict_mlp, predict_network
from benchmarks.table3.report import ablation_table, table
from benchmarks.table3.scores import score
from benchmarks.table3.settings import ABLATIONS, NETWORKS, QUICK, Setting, recipe
from benchmarks.table3.windows import TYPED, UNTYPED, Haplotypes, Window, cut_windows, hold_out, nearest
from spinimpute.networks.spin import TableSpin


def small() -> Setting:
    training = replace(QUICK.training, steps=3, rows=20, validate_every=2)
    mlp = replace(QUICK.mlp_training, steps=3, rows=20, validate_every=2)
    return replace(
        QUICK,
        config=replace(QUICK.config, width=4),
        training=training,
        mlp_hidden=((4,), (5,)),
        mlp_training=mlp,
    )


def make_window(number: int = 0, untyped: int = UNTYPED, people: int = 16) -> Window:
    """Targets are copies of four founders that the panel has, too."""
    rng = np.random.default_rng(number)
    founders = rng.integers(0, 2, (4, TYPED + untyped), dtype=np.int8)
    panel, target = founders[rng.integers(0, 4, 2 * 40)], founders[rng.integers(0, 4, 2 * people)]
    return Window(
        set="made",
        number=number,
        keys=tuple(("1", i, "A", "C") for i in range(untyped)),
        panel_typed=panel[:, :TYPED],
        panel_untyped=panel[:, TYPED:],
        target_typed=target[:, :TYPED],
        truth=target[:, TYPED:],
        held_out=hold_out(40),
    )


def haplotypes(keys: list[int], people: int, seed: int) -> Haplotypes:
    alleles = np.random.default_rng(seed).integers(0, 2, (len(keys), 2 * people), dtype=np.int8)
    names = tuple(f"p{i}" for i in range(people))
    return Haplotypes(tuple(("1", pos, "A", "C") for pos in keys), alleles, names)


def test_windows_are_consecutive_untyped_sites_that_vary_and_the_nearest_typed_ones() -> None:
    positions = list(range(0, 4000, 5))
    panel, truth = haplotypes(positions, 12, 1), haplotypes(positions, 3, 2)
    panel.alleles[101] = 0  # has one allele only
    target = haplotypes(positions[::3], 3, 3)
    windows = list(cut_windows("made", panel, target, truth, 2))
    assert [window.name for window in windows] == ["made.0", "made.1"]
    untyped = [p for i, p in enumerate(positions) if i % 3 and i != 101]
    for window in windows:
        mine = [key[1] for key in window.keys]
        start = untyped.index(mine[0])
        assert mine == untyped[start : start + UNTYPED]
        assert window.panel_typed.shape == (24, TYPED)
        assert np.array_equal(window.truth, truth.alleles[[positions.index(p) for p in mine]].T)
    assert windows[0].keys != windows[1].keys


def test_nearest_sites_are_inside_the_window_first() -> None:
    typed = [("1", pos, "A", "C") for pos in range(0, 10 * TYPED * 2, 10)]
    window = [("1", 1000, "A", "C"), ("1", 2000, "A", "C")]
    chosen = [key[1] for key in nearest(typed, window)]
    inside = [key[1] for key in typed if 1000 <= key[1] <= 2000]
    assert len(chosen) == TYPED
    assert chosen == sorted(chosen)
    assert set(inside) <= set(chosen)
    assert min(chosen) >= 1000 - 10 * 25
    assert max(chosen) <= 2000 + 10 * 25


def test_people_are_held_out_whole() -> None:
    held = hold_out(40)
    assert held.sum() == 2 * 5
    assert np.array_equal(held[::2], held[1::2])


def test_neighbours_and_trees_find_the_founders() -> None:
    window = make_window(untyped=5)
    doses, facts = predict_knn(window)
    assert facts["neighbours"] in (1, 3, 5)
    assert np.abs(doses - window.truth).max() < 0.01
    trees, _ = predict_gbt(window, seed=1)
    assert np.abs(trees - window.truth).mean() < 0.4


@pytest.mark.parametrize("method", [*NETWORKS, *ABLATIONS])
def test_networks_train_and_never_see_the_truth(method: str) -> None:
    window, cpu = make_window(), torch.device("cpu")
    doses, network, history = predict_network(window, recipe(method, small(), 1), cpu)
    assert doses[""].shape == window.truth.shape
    assert ("untouched" in doses) == isinstance(network, TableSpin)
    assert [validation.step for validation in history] == [2, 3]
    again, _, _ = predict_network(replace(window, truth=1 - window.truth), recipe(method, small(), 1), cpu)
    assert np.array_equal(again[""], doses[""])


def test_the_perceptron_is_chosen_by_validation() -> None:
    doses, facts = predict_mlp(make_window(), small(), 1, torch.device("cpu"))
    assert facts["hidden"] in ([4], [5])
    assert doses.shape == (32, UNTYPED)


def fill(store: Store, method: str, window: Window, seed: int, noise: float) -> np.ndarray:
    rng = np.random.default_rng(seed + 10 * window.number)
    doses = (window.truth + noise * rng.normal(size=window.truth.shape)).astype(np.float32)
    store.put(Cell(method, window.name, seed, doses, {"noise": noise}))
    return doses


def test_scores_are_pooled_squared_correlations(tmp_path: Path) -> None:
    store, windows = Store(tmp_path), [make_window(0), make_window(1)]
    expected = []
    for window in windows:
        fill(store, "universal", window, 0, 0.1)
        for seed in (1, 2):
            doses = fill(store, "spin", window, seed, 0.5)
            expected.append(np.corrcoef(doses.ravel(), window.truth.ravel())[0, 1] ** 2)
    result = score("spin", "universal", store, windows)
    assert result.seeds == 2
    assert result.r2.estimate == pytest.approx(np.mean(expected), abs=1e-6)
    assert result.windows == pytest.approx((np.mean(expected[:2]), np.mean(expected[2:])), abs=1e-6)
    assert result.spread == pytest.approx(np.std(np.mean([expected[:2], expected[2:]], 0), ddof=1), abs=1e-6)
    assert result.r2.low < result.r2.estimate < result.r2.high
    assert 0 < result.less.low < result.less.high
    assert len(result.by_maf) == 5
    only = score("spin", "universal", store, windows, seeds=(2, 0))
    assert only.r2.estimate == pytest.approx(np.mean(expected[1::2]), abs=1e-6)
    assert "SPIN as published" in table([result], windows)
    assert "whole" in ablation_table([result])


def test_the_store_knows_what_is_finished(tmp_path: Path) -> None:
    store, window = Store(tmp_path), make_window()
    assert not store.has("spin", window.name, 1)
    doses = fill(store, "spin", window, 1, 0.5)
    fill(store, "spin", window, 3, 0.5)
    fill(store, "spin_h40", window, 2, 0.5)
    assert store.seeds("spin", window.name) == [1, 3]
    cell = store.get("spin", window.name, 1)
    assert np.array_equal(cell.doses, doses)
    assert cell.facts == {"noise": 0.5}
