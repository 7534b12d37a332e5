from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from builders import rec, write_vcf

from spinimpute.errors import SpinImputeError
from spinimpute.io.integrity import BGZF_EOF, check_input, check_output

RECORDS = [rec(100 + i, "A", "C", "0|1", "1|1") for i in range(2000)]


def refusal(path: Path, role: str = "panel") -> str:
    with pytest.raises(SpinImputeError) as caught:
        check_input(path, role)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{role} {path}: ")
    return message


@pytest.mark.parametrize("name", ["x.vcf", "x.vcf.gz", "x.bcf"])
def test_complete_files_pass(tmp_path: Path, name: str) -> None:
    check_input(write_vcf(tmp_path / name, RECORDS), "panel")


def test_plain_gzip_passes(tmp_path: Path) -> None:
    text = write_vcf(tmp_path / "x.vcf", RECORDS).read_bytes()
    path = tmp_path / "plain.vcf.gz"
    path.write_bytes(gzip.compress(text))
    check_input(path, "target")


def test_absent(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "none.vcf.gz")


def test_directory(tmp_path: Path) -> None:
    assert "a directory" in refusal(tmp_path)


def test_empty(tmp_path: Path) -> None:
    path = tmp_path / "x.vcf"
    path.touch()
    assert "empty" in refusal(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "x.vcf", RECORDS)
    path.chmod(0)
    assert "cannot be read" in refusal(path)


def test_a_bref3_panel(tmp_path: Path) -> None:
    path = tmp_path / "x.bref3"
    path.write_bytes(b"\x7a\x88\x74\xf4\x00\x15bref3.22Jul22.46e.jar")
    assert "bref3 panels cannot be read" in refusal(path)


@pytest.mark.parametrize(
    "content", [b"hello\n", b"\x00\x01\x02", gzip.compress(b"chr pos\n"), b"##fileformat=SAM\n"]
)
def test_not_a_variant_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.vcf.gz"
    path.write_bytes(content)
    assert "not VCF or BCF" in refusal(path)


@pytest.mark.parametrize("name", ["x.vcf.gz", "x.bcf"])
@pytest.mark.parametrize("cut", [len(BGZF_EOF), len(BGZF_EOF) + 40, 5])
def test_truncated_bgzf(tmp_path: Path, name: str, cut: int) -> None:
    path = write_vcf(tmp_path / name, RECORDS)
    path.write_bytes(path.read_bytes()[:-cut])
    assert "truncated" in refusal(path)


def test_corrupt_first_block(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "x.vcf.gz", RECORDS)
    data = bytearray(path.read_bytes())
    data[18:22] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert "corrupt" in refusal(path)


def test_map_need_not_be_a_variant_file(tmp_path: Path) -> None:
    path = tmp_path / "x.map"
    path.write_text("20 . 0.1 100\n")
    check_input(path, "map")


class TestOutput:
    def test_new_name_passes(self, tmp_path: Path) -> None:
        check_output(tmp_path / "out.vcf.gz", [tmp_path / "in.vcf.gz"])

    def test_existing_file_passes(self, tmp_path: Path) -> None:
        (tmp_path / "out.vcf.gz").touch()
        check_output(tmp_path / "out.vcf.gz", [])

    def test_input(self, tmp_path: Path) -> None:
        panel = write_vcf(tmp_path / "x.vcf.gz", RECORDS)
        link = tmp_path / "link.vcf.gz"
        link.symlink_to(panel)
        with pytest.raises(
            SpinImputeError, match=r"output .*link.* must not be an input; found .*x\.vcf\.gz"
        ):
            check_output(link, [panel])

    def test_directory(self, tmp_path: Path) -> None:
        with pytest.raises(SpinImputeError, match="existing directory"):
            check_output(tmp_path, [])

    def test_no_directory(self, tmp_path: Path) -> None:
        with pytest.raises(SpinImputeError, match=r"does not exist; found .*nowhere; create it"):
            check_output(tmp_path / "nowhere" / "out.vcf.gz", [])

    @pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
    def test_not_writable(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(SpinImputeError, match="not writable"):
            check_output(tmp_path / "out.vcf.gz", [])
