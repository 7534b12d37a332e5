from __future__ import annotations

import gzip
import io
from collections.abc import Callable
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


@pytest.mark.parametrize("data", [b"", b"a\nb", TEXT, NOISE], ids=len)
@pytest.mark.parametrize("read_back", [True, False])
def test_lines_are_counted_in_what_is_read_back(tmp_path: Path, data: bytes, read_back: bool) -> None:
    with BgzfWriter(tmp_path / "x.gz", read_back=read_back) as file:
        file.write(data)
    assert file.lines == (data.count(b"\n") if read_back else 0)


def test_virtual_offsets(tmp_path: Path) -> None:
    data = TEXT[: 3 * 65280]
    with BgzfWriter(tmp_path / "x.gz") as file:
        file.write(data)
    places = [0, 1, 65279, 65280, 150_000, len(data)]
    with pysam.BGZFile(str(tmp_path / "x.gz"), "rb", None) as back:
        for place, virtual in zip(places, file.virtual(np.array(places)).tolist(), strict=True):
            back.seek(virtual)
            assert back.read() == data[place:]


class Careless(io.FileIO):
    """A disk that keeps something else than it was given, and says nothing."""

    def __init__(self, path: Path, spoil: Callable[[bytearray], object]) -> None:
        super().__init__(path, "wb")
        self._spoil = spoil

    def write(self, data: bytes) -> int:  # type: ignore[override]
        kept = bytearray(data)
        self._spoil(kept)
        super().write(kept)
        return len(data)


def flip(place: int) -> Callable[[bytearray], object]:
    def spoil(data: bytearray) -> None:
        data[min(place, len(data) - 1)] ^= 1

    return spoil


SPOIL = {
    "first byte": flip(0),
    "data": flip(1000),
    "end": flip(-1),
    "cut": bytearray.pop,
    "lost": bytearray.clear,
    "doubled": lambda data: data.extend(bytes(data)),
}


@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL)
@pytest.mark.parametrize("pieces", [1, 20])
def test_what_the_disk_did_not_keep(
    tmp_path: Path, spoil: Callable[[bytearray], object], pieces: int
) -> None:
    """At the end, or before if much was written behind."""

    def fail() -> None:
        with BgzfWriter(tmp_path / "x.gz") as file:
            file._file.close()
            file._file = io.BufferedWriter(Careless(tmp_path / "x.gz", spoil), 1 << 24)
            for _ in range(pieces):
                file.write(NOISE)

    with pytest.raises(OSError, match=r"corrupt blocks|can be read back"):
        fail()


def test_exception_stops_it(tmp_path: Path) -> None:
    def fail() -> None:
        with BgzfWriter(tmp_path / "x.gz") as file:
            file.write(TEXT)
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail()
    with pytest.raises(EOFError):
        gzip.decompress((tmp_path / "x.gz").read_bytes() + b"\x1f\x8b")
