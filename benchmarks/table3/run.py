"""Table 3 of the paper on real haplotypes: networks trained for each window, and one trained for none.

python -m benchmarks.table3.run --data DIR --out RESULTS [--setting quick|full] [--device cpu]

DIR holds the bench sets chr1_dpyd and chr20_eur. RESULTS gets table.md, results.json, r2.png, and, in cells/
and models/, what is finished: a run that was cut off goes on from there. --score-only reports that much.
Needs bcftools and beagle, and the extra "paper".
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterable
from pathlib import Path

import torch

from benchmarks.table3.cells import Cell, Store
from benchmarks.table3.predictors import predict_gbt, predict_knn, predict_mlp, predict_network
from benchmarks.table3.report import write_report
from benchmarks.table3.settings import ABLATIONS, NETWORKS, SETTINGS, Setting, recipe
from benchmarks.table3.tools import TOOLS, read_doses
from benchmarks.table3.windows import Window, read_windows
from spinimpute.networks.checkpoint import save_table_network
from spinimpute.networks.spin import TableSpin
from spinimpute.spin.device import choose_device
from spinimpute.spin.model import n_parameters

ARRAY = "omni2.5"


def fill_tools(data: Path, store: Store, windows: list[Window], work: Path) -> None:
    """The rows that impute whole sets."""
    for tool, name in itertools.product(TOOLS, dict.fromkeys(window.set for window in windows)):
        its_windows = [window for window in windows if window.set == name]
        if all(store.has(tool, window.name, 0) for window in its_windows):
            continue
        doses = read_doses(TOOLS[tool](data / name, ARRAY, work), its_windows)
        for window, dose in zip(its_windows, doses, strict=True):
            store.put(Cell(tool, window.name, 0, dose, {}))


def fill_mlp(store: Store, window: Window, setting: Setting, seed: int, device: torch.device) -> None:
    """The perceptron."""
    if not store.has("mlp", window.name, seed):
        store.put(Cell("mlp", window.name, seed, *predict_mlp(window, setting, seed, device)))


def fill_seedless(store: Store, window: Window) -> None:
    """The nearest neighbours, and the trees, whose seed only draws what they stop early on."""
    if not store.has("knn", window.name, 0):
        store.put(Cell("knn", window.name, 0, *predict_knn(window)))
    if not store.has("gbt", window.name, 0):
        store.put(Cell("gbt", window.name, 0, *predict_gbt(window, seed=1)))


def fill_network(
    method: str, store: Store, models: Path, window: Window, setting: Setting, seed: int, device: torch.device
) -> None:
    """A network of the paper, or an ablation."""
    if store.has(method, window.name, seed):
        return
    began = time.perf_counter()
    doses, network, history = predict_network(window, recipe(method, setting, seed), device)
    facts: dict[str, object] = {
        "parameters": n_parameters(network),
        "seconds": time.perf_counter() - began,
        "history": [[validation.step, validation.loss] for validation in history],
    }
    if method == "spin":
        assert isinstance(network, TableSpin)
        save_table_network(models / f"{window.name}.{seed}", network)
        store.put(Cell("spin_untouched", window.name, seed, doses["untouched"], facts))
    store.put(Cell(method, window.name, seed, doses[""], facts))
    print(method, window.name, seed, f"{facts['seconds']:.0f} s", history[-1], flush=True)


def fill(data: Path, out: Path, setting: Setting, windows: list[Window], device: torch.device) -> None:
    """Everything, one seed after the other, so that a run that is cut off has whole rows."""
    store, work = Store(out / "cells"), out / "tools"
    work.mkdir(exist_ok=True)
    fill_tools(data, store, windows, work)
    for window in windows:
        fill_seedless(store, window)
    for seed in setting.seeds:
        for window in windows:
            fill_mlp(store, window, setting, seed, device)
        for method, window in itertools.product(NETWORKS, windows):
            fill_network(method, store, out / "models", window, setting, seed, device)
        if seed in setting.ablation_seeds:
            for method, window in itertools.product(ABLATIONS, windows[: setting.ablation_windows]):
                fill_network(method, store, out / "models", window, setting, seed, device)


def read_all(data: Path, sets: dict[str, int]) -> Iterable[Window]:
    """The windows of all sets."""
    for name, number in sets.items():
        yield from read_windows(data / name, ARRAY, number)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--setting", choices=SETTINGS, default="quick")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--score-only", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Fill the table, then report it."""
    given = arguments()
    torch.set_num_threads(given.threads)
    setting = SETTINGS[given.setting]
    given.out.mkdir(parents=True, exist_ok=True)
    windows = list(read_all(given.data, setting.windows))
    if not given.score_only:
        fill(given.data, given.out, setting, windows, torch.device(choose_device(given.device)))
    write_report(given.out, Store(given.out / "cells"), setting, windows)


if __name__ == "__main__":
    main()
