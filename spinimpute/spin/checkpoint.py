"""Models on disk: config.toml, weights.safetensors and MODEL_CARD.md in one directory, verified when
loaded.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from spinimpute.errors import SpinImputeError
from spinimpute.model_store import CONFIG, WEIGHTS, find_model
from spinimpute.spin.model import Spin, SpinConfig

TABLE = "table_network"  # config.toml of `spinimpute.networks` holds it instead of "network"


@dataclass(frozen=True)
class LoadedModel:
    """A network with its name and the SHA-256 of its weights."""

    name: str
    network: Spin
    digest: str

    def __str__(self) -> str:
        return f"{self.name} sha256:{self.digest}"


def save_model(directory: Path, network: Spin) -> None:
    """Write config.toml and weights.safetensors; the config carries the digest of the weights."""
    directory.mkdir(parents=True, exist_ok=True)
    weights = save({name: tensor.contiguous().cpu() for name, tensor in network.state_dict().items()})
    (directory / WEIGHTS).write_bytes(weights)
    lines = [f'weights_sha256 = "{hashlib.sha256(weights).hexdigest()}"', "", "[network]"]
    lines += [f"{key} = {value}" for key, value in asdict(network.config).items()]
    (directory / CONFIG).write_text("\n".join(lines) + "\n")


def load_model(name: str) -> LoadedModel:
    """Load a model by name or directory onto the CPU, strictly and verified by digest.

    Raises SpinImputeError for an unknown name, unknown or missing config keys, a network of
    `spinimpute.networks`, and weights that are corrupt or foreign.
    """
    stored = find_model(name)
    config, expected = _read_config(stored.folder / CONFIG)
    path = stored.folder / WEIGHTS
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise SpinImputeError(
            "the weights must have the digest that config.toml names",
            where=str(path),
            found=f"sha256 {digest[:12]}, expected {expected[:12]}",
            remedy="copy the model directory again",
        )
    network = Spin(config)
    try:
        network.load_state_dict(load(content), strict=True)
    except (SafetensorError, RuntimeError) as error:
        raise SpinImputeError(
            "the weights must fit the network in config.toml", where=str(path), remedy="train the model again"
        ) from error
    return LoadedModel(stored.name, network.eval(), digest)


def _read_config(path: Path) -> tuple[SpinConfig, str]:
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpinImputeError(
            "a model directory holds a readable config.toml",
            where=str(path),
            found=str(error),
            remedy="give a directory made by spinimpute train",
        ) from error
    if TABLE in content:
        raise SpinImputeError(
            "a network trained for one window imputes only the sites and array of that window",
            where=str(path),
            found="a table network of benchmarks/table3",
            remedy="use a shipped model, which imputes every window, or one made by spinimpute train",
        )
    network = content.get("network", {})
    digest = content.get("weights_sha256")
    known = {field.name for field in fields(SpinConfig)}
    expected_keys = set(content) == {"weights_sha256", "network"} and set(network) == known
    sizes = all(type(value) is int and value > 0 for value in network.values())
    if not (expected_keys and sizes and isinstance(digest, str)):
        raise SpinImputeError(
            f"the config must hold weights_sha256 and the sizes [network] {', '.join(sorted(known))}",
            where=str(path),
            remedy="give a directory made by this version of spinimpute train",
        )
    return SpinConfig(**network), digest


def choose_device(name: str) -> torch.device:
    """Return the device for auto, cpu, cuda or cuda:i.

    Raises SpinImputeError for another name and for a GPU that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdigit()) or (kind == "cpu" and index):
        raise SpinImputeError(
            "a device is auto, cpu, cuda or cuda:i",
            where="--device",
            found=f"'{name}'",
            remedy="use --device cpu",
        )
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise SpinImputeError(
            "the GPU must exist",
            where="--device",
            found=f"'{name}' with {torch.cuda.device_count()} CUDA devices",
            remedy="use --device cpu",
        )
    return torch.device(name)
