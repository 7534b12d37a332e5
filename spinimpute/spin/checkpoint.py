"""Models on disk: config.toml, weights.safetensors and MODEL_CARD.md in one directory, verified when
loaded.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from spinimpute.errors import SpinImputeError
from spinimpute.model_store import CONFIG, SITES, WEIGHTS, find_model
from spinimpute.site_trust import SiteTrust, read_trust
from spinimpute.spin.config import INPUTS, SpinConfig
from spinimpute.spin.shapes import array_shapes

TABLE = "table_network"  # config.toml of `spinimpute.networks` holds it instead of "network"


@dataclass(frozen=True)
class LoadedModel:
    """A network's shape and weights, by the names of `model.Spin`, with its name and the weights' SHA-256,
    and what was learned of single sites.
    """

    name: str
    config: SpinConfig
    weights: dict[str, NDArray[np.float32]]
    digest: str
    trust: SiteTrust = field(default_factory=SiteTrust)

    def __str__(self) -> str:
        sites = f" sites:{self.trust.digest}" if self.trust.digest else ""
        return f"{self.name} sha256:{self.digest}{sites}"


def save_weights(
    directory: Path, config: SpinConfig, weights: Mapping[str, NDArray[np.float32]], sites: bytes = b""
) -> None:
    """Write config.toml and weights.safetensors, and the table of sites of a calibrated model; the config
    carries the digests of both.
    """
    directory.mkdir(parents=True, exist_ok=True)
    content = save({name: np.ascontiguousarray(array) for name, array in weights.items()})
    (directory / WEIGHTS).write_bytes(content)
    lines = [f'weights_sha256 = "{hashlib.sha256(content).hexdigest()}"']
    if sites:
        (directory / SITES).write_bytes(sites)
        lines.append(f'sites_sha256 = "{hashlib.sha256(sites).hexdigest()}"')
    lines += ["", "[network]"]
    lines += [f"{key} = {value}" for key, value in asdict(config).items()]
    (directory / CONFIG).write_text("\n".join(lines) + "\n")


def load_model(name: str) -> LoadedModel:
    """Load a model by name or directory, strictly and verified by digest.

    Raises SpinImputeError for an unknown name, unknown or missing config keys, a network of
    `spinimpute.networks` or of other inputs, and weights or a table of sites that are corrupt or foreign.
    """
    stored = find_model(name)
    config, digests = _read_config(stored.folder / CONFIG)
    path, digest = stored.folder / WEIGHTS, digests["weights_sha256"]
    content = _read_verified(path, "weights", digest)
    weights = _read_weights(content)
    single = all(array.dtype == np.float32 for array in weights.values())
    if not single or {name: array.shape for name, array in weights.items()} != array_shapes(config):
        raise SpinImputeError(
            "the weights must fit the network in config.toml", where=str(path), remedy="train the model again"
        )
    trust = SiteTrust()
    if "sites_sha256" in digests:
        trust = read_trust(_read_verified(stored.folder / SITES, "sites", digests["sites_sha256"]))
    return LoadedModel(stored.name, config, weights, digest, trust)


def _read_verified(path: Path, what: str, expected: str) -> bytes:
    """The content of a file that has the digest which the config names."""
    content = path.read_bytes() if path.is_file() else b""
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise SpinImputeError(
            f"the {what} must have the digest that config.toml names",
            where=str(path),
            found=f"sha256 {digest[:12]}, expected {expected[:12]}",
            remedy="copy the model directory again",
        )
    return content


def _read_weights(content: bytes) -> dict[str, NDArray[np.float32]]:
    """Read the arrays; none if that cannot be done, which fit no network."""
    try:
        return load(content)
    except SafetensorError:
        return {}


def _read_config(path: Path) -> tuple[SpinConfig, dict[str, Any]]:
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
    network = content.pop("network", {})
    known = {field.name for field in fields(SpinConfig)}
    expected_keys = set(content) | {"sites_sha256"} == {"weights_sha256", "sites_sha256"}
    sizes = set(network) == known and all(type(value) is int and value > 0 for value in network.values())
    if not (expected_keys and sizes and all(isinstance(digest, str) for digest in content.values())):
        raise SpinImputeError(
            f"the config must hold weights_sha256 and the sizes [network] {', '.join(sorted(known))}",
            where=str(path),
            remedy="give a directory made by this version of spinimpute train",
        )
    config, own = SpinConfig(**network), asdict(SpinConfig())
    foreign = [f"{name} {network[name]}, not {own[name]}" for name in INPUTS if network[name] != own[name]]
    if foreign:
        raise SpinImputeError(
            "the network must take what this version measures",
            where=str(path),
            found="; ".join(foreign),
            remedy="train the model again with this version",
        )
    return config, content
