"""What is trained and for how long: `full` as published, for a GPU; `quick` for a desktop processor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from spinimpute.networks.attention import AttentionConfig
from spinimpute.networks.baselines import TableMLP, npt, set_transformer
from spinimpute.networks.masking import MaskingConfig
from spinimpute.networks.spin import Parts, TableSpin
from spinimpute.networks.tables import TableConfig, TableNetwork
from spinimpute.networks.training import TableTraining


@dataclass(frozen=True)
class Recipe:
    """A network and its training."""

    build: Callable[[TableConfig], TableNetwork]
    config: TableConfig
    training: TableTraining


@dataclass(frozen=True)
class Setting:
    """Sizes and steps of one run of the benchmark."""

    name: str
    windows: dict[str, int]  # number of each bench set
    seeds: tuple[int, ...]
    config: TableConfig
    training: TableTraining
    learning_rates: dict[str, float]  # of networks that need another one
    mlp_hidden: tuple[tuple[int, ...], ...]  # shapes to choose from by validation
    mlp_dropout: float
    mlp_training: TableTraining
    ablation_windows: int  # the first so many
    ablation_seeds: tuple[int, ...]


MLP_TRAINING = TableTraining(tradeoff=0.0, masking=MaskingConfig(features=0.0, targets=1.0))

FULL = Setting(
    name="full",
    windows={"chr1_dpyd": 3, "chr20_eur": 2},
    seeds=(1, 2, 3),
    config=TableConfig(),
    training=TableTraining(),
    learning_rates={},
    mlp_hidden=((1024,), (4096,), (4096, 4096), (7168, 7168)),
    mlp_dropout=0.4,
    mlp_training=replace(MLP_TRAINING, learning_rate=1e-3, rows=512),
    ablation_windows=5,
    ablation_seeds=(1, 2, 3),
)

# Chosen on a stretch of chr4 that is in no bench set: with few steps LAMB must make larger ones, and more
# hidden labels teach more in a step. Little dropout, as the networks are small and seldom see a row twice.
QUICK = Setting(
    name="quick",
    windows={"chr1_dpyd": 3, "chr20_eur": 2},
    seeds=(1, 2, 3),
    config=TableConfig(width=4, attention=AttentionConfig(attention_dropout=0.0, hidden_dropout=0.1)),
    training=TableTraining(
        steps=600,
        rows=128,
        learning_rate=0.03,
        tradeoff=0.1,
        masking=MaskingConfig(targets=0.5),
        validate_every=100,
    ),
    learning_rates={"npt": 0.015, "set_tf": 0.01},  # at .03 Set-TF does not learn
    mlp_hidden=((128,), (512,)),
    mlp_dropout=0.2,
    mlp_training=replace(MLP_TRAINING, steps=800, learning_rate=0.03, rows=128, validate_every=100),
    ablation_windows=2,
    ablation_seeds=(1,),
)

SETTINGS = {setting.name: setting for setting in (QUICK, FULL)}

NETWORKS: dict[str, Callable[[TableConfig], TableNetwork]] = {
    "spin": TableSpin,
    "npt": npt,
    "set_tf": set_transformer,
}

ABLATIONS = (
    "spin_without_xabd",
    "spin_without_xaba",
    "spin_random_masks",
    "spin_h1",
    "spin_h40",
)


def recipe(method: str, setting: Setting, seed: int) -> Recipe:
    """How a neural row of the table, or an ablation of SPIN, is made."""
    rate = setting.learning_rates.get(method, setting.training.learning_rate)
    config, training = setting.config, replace(setting.training, seed=seed, learning_rate=rate)
    if method in NETWORKS:
        return Recipe(NETWORKS[method], config, training)
    if method == "spin_random_masks":
        masking = replace(training.masking, chunks=False)
        return Recipe(TableSpin, config, replace(training, masking=masking))
    if method.startswith("spin_h"):
        inducing = int(method.removeprefix("spin_h"))
        return Recipe(TableSpin, replace(config, inducing=inducing), training)
    parts = {"spin_without_xabd": Parts(xabd=False), "spin_without_xaba": Parts(xaba=False)}[method]
    return Recipe(lambda table: TableSpin(table, parts), config, training)


def mlp_recipe(hidden: tuple[int, ...], setting: Setting, seed: int) -> Recipe:
    """A perceptron of one of the setting's shapes."""

    def build(config: TableConfig) -> TableNetwork:
        return TableMLP(config, hidden, setting.mlp_dropout)

    return Recipe(build, setting.config, replace(setting.mlp_training, seed=seed))
