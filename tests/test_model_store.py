"""Every shipped model loads with this version's code, is small, and has a card."""

from __future__ import annotations

from pathlib import Path

import pytest

from spinimpute.config import DEFAULT_MODEL
from spinimpute.errors import SpinImputeError
from spinimpute.model_store import CONFIG, WEIGHTS, StoredModel, find_model, shipped_models
from spinimpute.spin.checkpoint import load_model
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.model import Spin, n_parameters
from spinimpute.tokens import N_MEASURES, N_RUN, N_SITE_FEATURES


def test_the_default_is_shipped() -> None:
    assert DEFAULT_MODEL in {model.name for model in shipped_models()}


@pytest.mark.parametrize("model", shipped_models(), ids=lambda model: model.name)
def test_shipped_models_load_and_have_cards(model: StoredModel) -> None:
    loaded = load_model(model.name)
    config = loaded.config
    assert config.runs + config.counts + config.posteriors == N_MEASURES
    assert (config.runs, config.site_features) == (N_RUN, N_SITE_FEATURES)
    assert f"{n_parameters(Spin.of(loaded)):,} parameters" in model.card.read_text()
    assert (model.folder / WEIGHTS).stat().st_size < 5_000_000


def test_spin_small_is_small() -> None:
    assert n_parameters(Spin.of(load_model("spin-small"))) <= 100_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Spin(SpinConfig(width=8, layers=1)).save(tmp_path / "mine")
    return tmp_path / "mine"


def test_a_saved_model_is_found_by_folder(folder: Path) -> None:
    assert find_model(str(folder)).name == "mine"
    assert load_model(str(folder)).config.width == 8


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no folder", "unknown model"),
        ("no weights", "not a model folder"),
        ("flipped byte", "must have the digest"),
        ("unknown key", "the config must hold"),
        ("negative size", "the config must hold"),
        ("not toml", "readable config"),
        ("other shape", "must fit the network"),
    ],
)
def test_bad_models(fault: str, message: str, folder: Path) -> None:
    config, weights = folder / CONFIG, folder / WEIGHTS
    if fault == "no folder":
        folder = folder / "absent"
    elif fault == "no weights":
        weights.unlink()
    elif fault == "flipped byte":
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    elif fault == "unknown key":
        config.write_text(config.read_text() + "depth = 3\n")
    elif fault == "negative size":
        config.write_text(config.read_text().replace("width = 8", "width = -8"))
    elif fault == "not toml":
        config.write_text("width: 8")
    else:
        config.write_text(config.read_text().replace("width = 8", "width = 9"))
    with pytest.raises(SpinImputeError, match=message) as caught:
        load_model(str(folder))
    assert "\n" not in str(caught.value)
