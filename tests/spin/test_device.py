"""Where a network runs, whatever this machine has."""

from __future__ import annotations

from pathlib import Path

import pytest

from spinimpute.errors import SpinImputeError
from spinimpute.spin import device
from spinimpute.spin.device import choose_device, kind_of


def _asked() -> int:
    raise AssertionError("torch was asked")


def test_without_a_driver_torch_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_DRIVERS", (str(tmp_path / "none"),))
    monkeypatch.setattr(device, "_count_gpus", _asked)
    assert choose_device("auto") == choose_device("cpu") == "cpu"


@pytest.mark.parametrize(("n", "expected"), [(0, "cpu"), (1, "cuda")])
def test_with_a_driver_torch_decides(
    n: int, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = tmp_path / "driver"
    driver.touch()
    monkeypatch.setattr(device, "_DRIVERS", (str(driver),))
    monkeypatch.setattr(device, "_count_gpus", lambda: n)
    assert choose_device("auto") == expected


def test_gpus_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_count_gpus", lambda: 2)
    assert choose_device("cuda:1") == "cuda:1"
    assert kind_of("cuda:1") == "cuda"
    with pytest.raises(SpinImputeError, match="2 CUDA devices"):
        choose_device("cuda:2")
