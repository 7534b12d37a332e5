"""A window's network comes back from disk, and `impute --model` says why it does not take it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from spinimpute.errors import SpinImputeError
from spinimpute.networks.attention import AttentionConfig
from spinimpute.networks.checkpoint import load_table_network, save_table_network
from spinimpute.networks.spin import TableSpin
from spinimpute.networks.tables import TableConfig
from spinimpute.spin.checkpoint import load_model

CONFIG = TableConfig(features=4, targets=2, classes=8, width=4, latents=3, attention=AttentionConfig(heads=2))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    save_table_network(tmp_path / "chr1.0", TableSpin(CONFIG))
    return tmp_path / "chr1.0"


def test_a_network_comes_back(folder: Path) -> None:
    torch.manual_seed(1)
    network, loaded = TableSpin(CONFIG).eval(), load_table_network(folder)
    assert loaded.config == CONFIG
    table = torch.randint(8, (5, 6))
    assert torch.equal(loaded(table), network(table))


def test_impute_says_why_it_takes_no_network_of_one_window(folder: Path) -> None:
    with pytest.raises(
        SpinImputeError, match=r"only the sites and array of that window.*shipped model"
    ) as error:
        load_model(str(folder))
    assert "config.toml" in str(error.value)


def test_another_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SpinImputeError, match=r"must hold a network of spinimpute\.networks"):
        load_table_network(tmp_path)
    (folder / "config.toml").write_text("[network]\nwidth = 3\n")
    with pytest.raises(SpinImputeError, match="train it again"):
        load_table_network(folder)
