"""A SPIN of one window on disk, in a folder like that of a model but not to be taken for one."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import load_file, save_file

from spinimpute.errors import SpinImputeError
from spinimpute.model_store import CONFIG, WEIGHTS
from spinimpute.networks.attention import AttentionConfig
from spinimpute.networks.spin import TableSpin
from spinimpute.networks.tables import TableConfig
from spinimpute.spin.checkpoint import TABLE


def save_table_network(directory: Path, network: TableSpin) -> None:
    """Write config.toml and weights.safetensors of a whole SPIN (no ablation)."""
    directory.mkdir(parents=True, exist_ok=True)
    sizes = asdict(network.config)
    attention = sizes.pop("attention")
    lines = [f"[{TABLE}]", *(f"{key} = {value}" for key, value in sizes.items())]
    lines += ["", f"[{TABLE}.attention]", *(f"{key} = {value}" for key, value in attention.items())]
    (directory / CONFIG).write_text("\n".join(lines) + "\n")
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, directory / WEIGHTS)


def load_table_network(directory: Path) -> TableSpin:
    """Read what `save_table_network` wrote; SpinImputeError if it is not that."""
    try:
        sizes = tomllib.loads((directory / CONFIG).read_text())[TABLE]
        network = TableSpin(TableConfig(**sizes | {"attention": AttentionConfig(**sizes["attention"])}))
        network.load_state_dict(load_file(directory / WEIGHTS))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise SpinImputeError(
            "the folder must hold a network of spinimpute.networks",
            where=str(directory),
            found=str(error),
            remedy="train it again with benchmarks/table3",
        ) from error
    return network.eval()
