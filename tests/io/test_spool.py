"""Variant files from addresses."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import assert_same, random_block, rec, write_vcf

from spinimpute.errors import SpinImputeError
from spinimpute.io.inputs import read_panel, read_target
from spinimpute.io.spool import spooled


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a server of tmp_path, in a process of its own: htslib lets no other thread run."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "-d", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        yield re.search(r"http://[\d.]+:\d+", server.stdout.readline())[0]  # type: ignore[index]
        server.terminate()


@pytest.mark.parametrize("name", ["x.vcf", "x.vcf.gz", "x.bcf"])
def test_addresses_lead_to_what_the_file_holds(tmp_path: Path, site: str, name: str) -> None:
    block = random_block(1, 40, 3)
    records = [
        rec(
            i + 1,
            "A",
            ",".join(alts) or ".",
            *[f"{a}|{b}" for a, b in zip(row[0::2], row[1::2], strict=True)],
        )
        for i, (alts, row) in enumerate(zip(block.sites.alts, block.alleles, strict=True))
    ]
    path = write_vcf(tmp_path / name, records)
    (expected,) = read_panel(path)
    for address in (f"{site}/{name}", f"file://{path}"):
        (found,) = read_panel(Path(address))
        assert_same(found, expected)


def test_nothing_there(tmp_path: Path, site: str) -> None:
    for address in (f"{site}/absent.vcf.gz", f"file://{tmp_path}/absent.vcf.gz"):
        with pytest.raises(SpinImputeError, match=r"target .*absent.*: the address cannot be read"):
            read_target(Path(address))


def test_a_copy_cut_short_is_refused(tmp_path: Path, site: str) -> None:
    path = write_vcf(tmp_path / "x.vcf.gz", [rec(5, "A", "C", "0|1")])
    path.write_bytes(path.read_bytes()[:-28])
    with pytest.raises(SpinImputeError, match="truncated"):
        read_target(Path(f"{site}/x.vcf.gz"))


def test_files_are_not_copied(tmp_path: Path) -> None:
    assert spooled(tmp_path / "http", "target") is None
    assert spooled(Path("s3data/x.vcf"), "target") is None
