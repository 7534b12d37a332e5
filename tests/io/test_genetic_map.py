from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from spinimpute.errors import SpinImputeError
from spinimpute.io.genetic_map import GeneticMap

# The same map of chromosome 20 in every layout: 1 Mb at 0.5 cM, 2 Mb at 1.5 cM, 4 Mb at 2 cM.
LAYOUTS = {
    "plink": "20 . 0.5 1000000\n20 rs2 1.5 2000000\n20 . 2.0 4000000\n",
    "plink tabs": "20\t.\t0.5\t1000000\n20\t.\t1.5\t2000000\n20\t.\t2.0\t4000000\n",
    "shapeit": "1000000 20 0.5\n2000000 20 1.5\n4000000 20 2.0\n",
    "shapeit header": "pos\tchr\tcM\n1000000\t20\t0.5\n2000000\t20\t1.5\n4000000\t20\t2.0\n",
    "eagle": "chr position COMBINED_rate(cM/Mb) Genetic_Map(cM)\n"
    "20 1000000 1.0 0.5\n20 2000000 0.25 1.5\n20 4000000 0 2.0\n",
    "minimac": "#chr\tpos\tcM\n20\t1000000\t0.5\n20\t2000000\t1.5\n20\t4000000\t2.0\n",
    "blank lines and crlf": "20 . 0.5 1000000\r\n\r\n20 . 1.5 2000000\r\n20 . 2.0 4000000\r\n\r\n",
    "repeated point": "20 . 0.5 1000000\n20 . 0.5 1000000\n20 . 1.5 2000000\n20 . 2.0 4000000\n",
}


def write(folder: Path, text: str, name: str = "x.map") -> Path:
    path = folder / name
    path.write_text(text, newline="")
    return path


def refusal(folder: Path, text: str) -> str:
    path = write(folder, text)
    with pytest.raises(SpinImputeError) as caught:
        GeneticMap.read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"map {path}")
    return message


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("packed", [False, True])
def test_layouts(tmp_path: Path, layout: str, packed: bool) -> None:
    path = write(tmp_path, LAYOUTS[layout])
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    genetic_map = GeneticMap.read(path)
    assert genetic_map.chromosomes == ["20"]
    pos = np.array([1_000_000, 1_500_000, 2_000_000, 3_000_000, 4_000_000])
    assert genetic_map.cm("20", pos).tolist() == [0.5, 1.0, 1.5, 1.75, 2.0]


def test_beyond_the_ends_at_the_mean_rate(tmp_path: Path) -> None:
    genetic_map = GeneticMap.read(write(tmp_path, LAYOUTS["plink"]))
    # The mean is 1.5 cM in 3 Mb.
    found = genetic_map.cm("20", np.array([1, 600_000, 4_400_000]))
    np.testing.assert_allclose(found, [0.5 - 0.4999995, 0.3, 2.2])
    assert found.dtype == np.float64


def test_one_point_or_a_flat_map_falls_back_to_1_cm_per_mb(tmp_path: Path) -> None:
    for text in ("20 . 3.0 1000000\n", "20 . 3.0 1000000\n20 . 3.0 1000001\n"):
        genetic_map = GeneticMap.read(write(tmp_path, text))
        np.testing.assert_allclose(genetic_map.cm("20", np.array([500_000])), [2.5])


def test_never_flat_beyond_and_never_descending(tmp_path: Path) -> None:
    genetic_map = GeneticMap.read(write(tmp_path, LAYOUTS["plink"]))
    steps = np.diff(genetic_map.cm("20", np.arange(1, 8_000_000, 1000)))
    assert (steps > 0).all()


def test_chromosome_names_are_reconciled(tmp_path: Path) -> None:
    text = LAYOUTS["plink"] + "chr21 . 0 100\nchr21 . 1 200\n"
    genetic_map = GeneticMap.read(write(tmp_path, text))
    assert genetic_map.cm("chr20", np.array([2_000_000])).tolist() == [1.5]
    assert genetic_map.cm("21", np.array([150])).tolist() == [0.5]


def test_chromosome_absent(tmp_path: Path) -> None:
    path = write(tmp_path, LAYOUTS["plink"])
    with pytest.raises(SpinImputeError, match=r"map .*x\.map: the map lacks chromosome 7; found 20; give"):
        GeneticMap.read(path).cm("7", np.array([1]))


def test_constant() -> None:
    assert GeneticMap.constant().cm("any", np.array([0, 1_000_000])).tolist() == [0.0, 1.0]
    np.testing.assert_allclose(GeneticMap.constant(2.5).cm("any", np.array([1_000_000])), [2.5])


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        ("20 . 0.5 1000000\n20 . 1.5\n", 2, "malformed; found '20 . 1.5'"),
        ("20 . 0.5 1000000\n20 . x 2000000\n", 2, "malformed"),
        ("20 . 0.5 1000000\n20 . 0.6 2e6\n", 2, "malformed"),
        ("20 . 0.5 1000000\n20 . nan 2000000\n", 2, "finite"),
        ("20 . 0.5 -5\n", 1, "positions from 0 to 2147483647"),
        ("hello world\n", 1, "malformed"),
        ("a b c d e f\n", 1, "malformed"),
        ("20 . 0.5 1000000\n20 . 0.4 2000000\n", 2, "ascend in position and cM; found 2000000 at 0.4 cM"),
        ("20 . 0.5 1000000\n20 . 0.6 900000\n", 2, "ascend"),
        ("20 . 0.5 1000000\n20 . 0.6 1000000\n", 2, "one cM"),
        ("20 . 0 5\n21 . 0 5\n20 . 1 9\n", 3, "together"),
    ],
)
def test_malformed_lines(tmp_path: Path, text: str, line: int, rule: str) -> None:
    message = refusal(tmp_path, text)
    assert f" line {line}: " in message
    assert rule in message


def test_header_only(tmp_path: Path) -> None:
    assert "no positions" in refusal(tmp_path, "pos chr cM\n")


def test_empty(tmp_path: Path) -> None:
    assert "empty" in refusal(tmp_path, "")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00binary", gzip.compress(b"20 . 0.5 1\n" * 9999)[:-20]])
def test_unreadable_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.map"
    path.write_bytes(content)
    with pytest.raises(SpinImputeError, match="cannot be read"):
        GeneticMap.read(path)
