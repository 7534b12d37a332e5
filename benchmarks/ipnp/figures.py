"""Figures of scores, costs and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import torch
from torch import Tensor

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.ipnp.cost import METHODS, Cost
from benchmarks.ipnp.curves import KERNELS, draw_curves, exact_prediction
from benchmarks.ipnp.evaluation import EXACT, EXACT_SCORERS, FLOORED, LEVELS, Measured
from benchmarks.ipnp.pictures import SIDE, draw_pictures, pixel_inputs
from benchmarks.ipnp.settings import Cell, Experiment, Setting
from spinimpute.networks.likelihood import Task
from spinimpute.networks.processes import NeuralProcess, build_process

SEED = 123_456_789  # neither a training step's nor the evaluation's


@dataclass(frozen=True)
class Prediction:
    """Mean and standard deviation (B, T, O) of an even mixture of normal distributions."""

    mean: Tensor
    spread: Tensor


def draw_scores(path: Path, experiment: Experiment, scores: dict[str, dict[str, Measured]]) -> None:
    """Log likelihood against the size of the context, and coverage of central intervals."""
    figure, panels = plt.subplots(1, 4, figsize=(17, 4), layout="constrained")
    low, high = experiment.context
    panels[0].axvspan(low, high, color="0.9", label="trained on")
    for network, measured in scores.items():
        sizes = sorted((int(name.split()[1]), m) for name, m in measured.items() if name[-1].isdigit())
        if network == EXACT:
            continue  # its scale hides all others
        style = "k--" if network == FLOORED else "o-"
        means = [float(m.log_density.mean()) for _, m in sizes]
        panels[0].semilogx([size for size, _ in sizes], means, style, label=network, base=2, markersize=4)
    panels[0].set(xlabel="context points", ylabel="target log likelihood, nats per target", ylim=(-1, 1.5))
    panels[0].legend(fontsize=7)
    for panel, kernel in zip(panels[1:], KERNELS, strict=True):
        panel.plot([0, 1], [0, 1], color="0.7")
        for network, measured in scores.items():
            if network not in EXACT_SCORERS:
                panel.plot(LEVELS, measured[kernel].coverage, label=network)
        panel.set(title=kernel, xlabel="central interval", ylabel="share of targets inside")
    panels[1].legend(fontsize=7)
    _save(figure, path)


def draw_costs(path: Path, costs: Sequence[Cost]) -> None:
    """Time and memory against the size of the context."""
    kinds = {
        "train_seconds": "training step, s",
        "megabytes": "memory of a training step, MB",
        "query_seconds": "query after encoding, s",
    }
    figure, panels = plt.subplots(1, 3, figsize=(15, 4.2), layout="constrained")
    for panel, (kind, label) in zip(panels, kinds.items(), strict=True):
        for colour, (name, method) in enumerate(METHODS.items()):
            mine = [c for c in costs if c.method == name]
            there = [c for c in mine if c.train_seconds is not None]
            sizes, values = [c.context for c in there], [getattr(c, kind) for c in there]
            panel.loglog(sizes, values, "o-", color=f"C{colour}", label=method.label)
            for failed in (c.context for c in mine if c.train_seconds is None):
                panel.axvline(failed, color=f"C{colour}", linestyle=":")
        panel.set(xlabel="context points", ylabel=label)
    panels[0].legend(fontsize=6, loc="upper left", title="dotted: out of memory", title_fontsize=6)
    _save(figure, path)


def draw_curves_figure(out: Path, setting: Setting) -> None:
    """One function of each kernel from the smallest context; dashed, what is exactly expected."""
    experiment = setting.experiments[0]
    networks = _finished(out, experiment, setting)
    if not networks:
        return
    figure, panels = plt.subplots(
        len(KERNELS), len(networks), figsize=(3.1 * len(networks), 7.5), layout="constrained", squeeze=False
    )
    for row, kernel in zip(panels, KERNELS, strict=True):
        torch.manual_seed(SEED)
        curves = draw_curves(kernel, 1, experiment.context[0], 300, torch.device("cpu"))
        order = curves.task.target_x[0, :, 0].argsort()
        exact = exact_prediction(curves)
        for panel, (network, process) in zip(row, networks.items(), strict=True):
            predicted = predict(process, curves.task, setting.samples)
            _band(panel, curves.task, order, predicted)
            panel.plot(curves.task.target_x[0, order, 0], exact.mean[0, 0, order, 0], "k--", lw=0.8)
            panel.set(title=network if kernel == "RBF" else "", ylim=(-2.2, 2.2))
        row[0].set_ylabel(kernel)
    _save(figure, out / "curves.png")


def _band(panel: Axes, task: Task, order: Tensor, predicted: Prediction) -> None:
    """Mean and central 95 % of a prediction; the context."""
    x, mean, spread = (v[0, order, 0] for v in (task.target_x, predicted.mean, predicted.spread))
    panel.fill_between(x, mean - 1.96 * spread, mean + 1.96 * spread, alpha=0.25)
    panel.plot(x, mean, lw=1.2)
    panel.plot(task.context_x[0, :, 0], task.context_y[0, :, 0], "k.", markersize=3)


def draw_pictures_figure(out: Path, setting: Setting) -> None:
    """Pictures completed from some pixels: means, and below them standard deviations."""
    experiment = next(e for e in setting.experiments if e.data == "pictures")
    networks = _finished(out, experiment, setting)
    if not networks:
        return
    torch.manual_seed(SEED)
    pictures = draw_pictures(3, torch.device("cpu"))
    seen = torch.randperm(SIDE * SIDE)[: experiment.context[1]].expand(3, -1)
    everything = torch.arange(SIDE * SIDE).expand(3, -1)
    values = pictures.flatten(1).unsqueeze(-1)
    context_y = values.gather(1, seen.unsqueeze(-1))
    task = Task(pixel_inputs(seen), context_y, pixel_inputs(everything), values)
    shown = torch.full_like(values, torch.nan).scatter(1, seen.unsqueeze(-1), context_y)
    figure, panels = plt.subplots(6, 2 + len(networks), figsize=(1.6 * (2 + len(networks)), 9.6))
    columns: dict[str, tuple[Tensor, Tensor | None]] = {
        "picture": (values, None),
        f"{experiment.context[1]} pixels": (shown, None),
    }
    for network, process in networks.items():
        predicted = predict(process, task, setting.samples)
        columns[network] = (predicted.mean, predicted.spread)
    for column, (name, (mean, spread)) in enumerate(columns.items()):
        panels[0, column].set_title(name, fontsize=9)
        for number in range(3):
            _image(panels[2 * number, column], mean[number], "gray", (-0.5, 0.5))
            _image(
                panels[2 * number + 1, column], None if spread is None else spread[number], "magma", (0, 0.5)
            )
    figure.tight_layout(pad=0.3)
    _save(figure, out / "pictures.png")


def _image(panel: Axes, values: Tensor | None, colours: str, ends: tuple[float, float]) -> None:
    panel.axis("off")
    if values is not None:
        colour_map = mpl.colormaps[colours].with_extremes(bad="tab:blue")
        panel.imshow(values.view(SIDE, SIDE).numpy(), cmap=colour_map, vmin=ends[0], vmax=ends[1])


@torch.no_grad()
def predict(process: NeuralProcess, task: Task, samples: int) -> Prediction:
    """What a network says of the targets, its samples mixed."""
    components = process(task.context_x, task.context_y, task.target_x, samples)
    mean = components.mean.mean(0)
    variance = components.variance.mean(0) + components.mean.var(0, correction=0)
    return Prediction(mean, variance.sqrt())


def _finished(out: Path, experiment: Experiment, setting: Setting) -> dict[str, NeuralProcess]:
    """The networks of the first seed that have been trained and evaluated."""
    found = {}
    for network in experiment.networks:
        cell = Cell(experiment, network, setting.seeds[0])
        weights = out / "cells" / f"{cell.key}.pt"
        if (out / "scores" / f"{cell.key}.json").exists() and weights.exists():
            process = build_process(cell.kind, cell.config).eval()
            process.load_state_dict(torch.load(weights, map_location="cpu")["process"])
            found[network] = process
    return found


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=100)
    plt.close(figure)
