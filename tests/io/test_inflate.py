from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from spinimpute.errors import SpinImputeError
from spinimpute.io.deflate import BgzfWriter
from spinimpute.io.inflate import inflate

TEXT = b"".join(b"line %d\n" % i for i in range(400_000))


def bgzf(path: Path) -> Path:
    with BgzfWriter(path) as file:
        file.write(TEXT)
    return path


def content(path: Path) -> bytes:
    return b"".join(inflate(path, f"panel {path}"))


def refusal(path: Path) -> str:
    with pytest.raises(SpinImputeError) as caught:
        content(path)
    return str(caught.value)


def test_plain(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(TEXT)
    assert content(path) == TEXT


@pytest.mark.parametrize("members", [1, 3])
def test_gzip(tmp_path: Path, members: int) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(TEXT) * members)
    assert content(path) == TEXT * members


@pytest.mark.parametrize("threads", [1, 3])
def test_bgzf(tmp_path: Path, threads: int) -> None:
    assert b"".join(inflate(bgzf(tmp_path / "x.gz"), "x", threads)) == TEXT


def test_concatenated_bgzf(tmp_path: Path) -> None:
    path = bgzf(tmp_path / "x.gz")
    path.write_bytes(path.read_bytes() * 2)
    assert content(path) == TEXT * 2


def test_abandoned_half_way(tmp_path: Path) -> None:
    pieces = inflate(bgzf(tmp_path / "x.gz"), "x")
    assert TEXT.startswith(next(pieces))
    pieces.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("cut", [20, 1000, 30000])
def test_cut(tmp_path: Path, cut: int) -> None:
    whole = bgzf(tmp_path / "x.gz")
    whole.write_bytes(whole.read_bytes()[:-cut])
    plain = tmp_path / "y.gz"
    plain.write_bytes(gzip.compress(TEXT)[:-cut])
    for path in (whole, plain):
        assert refusal(path).startswith(f"panel {path}: the file is corrupt; found ")


@pytest.mark.parametrize("at", [0.3, 0.5, 0.9])
def test_damaged(tmp_path: Path, at: float) -> None:
    for path in (bgzf(tmp_path / "x.gz"), tmp_path / "y.gz"):
        data = bytearray(path.read_bytes() if path.exists() else gzip.compress(TEXT))
        data[int(at * len(data))] ^= 8
        path.write_bytes(data)
        assert "the file is corrupt" in refusal(path)
