"""An imputation opens no sockets, runs no code from its inputs and keeps its temporary files to itself."""

from __future__ import annotations

import hashlib
import pickle
import socket
import stat
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.reliability.data import map_text, tables
from benchmarks.reliability.spoiling import Files, write
from spinimpute.config import ImputeConfig
from spinimpute.errors import SpinImputeError
from spinimpute.io import vcf
from spinimpute.pipeline import impute


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write(tmp_path, map=map_text())


def test_no_network(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a socket")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    done = impute(
        ImputeConfig(ref=files.panel, gt=files.target, map=files.map, out=str(tmp_path / "out"), nthreads=1)
    )
    assert done.records == 240


def test_no_code_in_weights(files: Files, tmp_path: Path) -> None:
    """A pickle under the name of the weights, with a digest that fits, is not unpickled."""

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    from spinimpute.spin.config import SpinConfig
    from spinimpute.spin.model import Spin

    folder = tmp_path / "model"
    Spin(SpinConfig(width=8, layers=1)).save(folder)
    content = pickle.dumps(Bomb())
    digest = hashlib.sha256(content).hexdigest()
    (folder / "weights.safetensors").write_bytes(content)
    config = (folder / "config.toml").read_text().splitlines()
    (folder / "config.toml").write_text("\n".join([f'weights_sha256 = "{digest}"', *config[1:]]))
    with pytest.raises(SpinImputeError, match="the weights must fit the network"):
        impute(ImputeConfig(ref=files.panel, gt=files.target, out=str(tmp_path / "o"), model=str(folder)))
    assert not (tmp_path / "ran").exists()


def test_standard_input_is_kept_privately(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    text = tables()[0].text().encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=BytesIO(text)))
    with vcf.VariantFile(Path("-"), "panel") as file:
        (kept,) = tmp_path.iterdir()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert sum(len(block.sites) for block in file.blocks()) == 240
    assert not list(tmp_path.iterdir())
