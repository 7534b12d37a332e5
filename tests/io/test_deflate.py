from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import numpy as np
import pysam
import pytest

from spinimpute.io.deflate import BgzfWriter
from spinimpute.io.inflate import inflate
from spinimpute.io.integrity import check_input

TEXT = b"##fileformat=VCFv4.3\n" + b"0|1:0.012\t" * 500_000
NOISE = np.random.default_rng(0).bytes(3_000_000)


def write(path: Path, pieces: list[bytes], threads: int = 2) -> Path:
    with BgzfWriter(path, threads) as file:
        for piece in pieces:
            file.write(piece)
    return path


@pytest.mark.parametrize("data", [b"", b"x", TEXT, NOISE, TEXT[:65280], TEXT[: 16 * 65280]], ids=len)
def test_round_trip(tmp_path: Path, data: bytes) -> None:
    path = write(tmp_path / "x.gz", [data])
    assert gzip.decompress(path.read_bytes()) == data
    with pysam.BGZFile(str(path), "rb", None) as file:
        assert file.read() == data
    assert b"".join(inflate(path, "x")) == data


def test_bytes_depend_on_neither_threads_nor_pieces(tmp_path: Path) -> None:
    cuts = [*range(0, len(TEXT), 1_234_567), len(TEXT)]
    pieces = [TEXT[a:b] for a, b in pairwise(cuts)]
    one, two = write(tmp_path / "one.gz", [TEXT], 1), write(tmp_path / "two.gz", pieces, 3)
    assert one.read_bytes() == two.read_bytes()
    check_input(one, "panel")


def test_exception_stops_it(tmp_path: Path) -> None:
    def fail() -> None:
        with BgzfWriter(tmp_path / "x.gz") as file:
            file.write(TEXT)
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail()
    with pytest.raises(EOFError):
        gzip.decompress((tmp_path / "x.gz").read_bytes() + b"\x1f\x8b")
