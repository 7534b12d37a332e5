from __future__ import annotations

from pathlib import Path

import pytest

from spinimpute.errors import SpinImputeError
from spinimpute.io.names import read_names


def test_one_name_a_line(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_text("NA1\n\n  rs5 \r\n20:7\n")
    assert read_names(path, "excluded samples") == {"NA1", "rs5", "20:7"}


def test_two_names_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_text("NA1\nNA2 NA3\n")
    with pytest.raises(SpinImputeError, match=r"excluded samples .*names line 2: .* one name a line"):
        read_names(path, "excluded samples")


def test_absent(tmp_path: Path) -> None:
    with pytest.raises(SpinImputeError, match="cannot be read; found No such file"):
        read_names(tmp_path / "names", "excluded samples")


def test_not_text(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_bytes(b"\xff\xff")
    with pytest.raises(SpinImputeError, match="cannot be read; found no text"):
        read_names(path, "excluded samples")
