from __future__ import annotations

from pathlib import Path

import pytest

from spinimpute.errors import SpinImputeError
from spinimpute.io.outputs import OutputNames, atomic_output


@pytest.mark.parametrize(
    ("out", "out_format", "prefix", "suffix", "index"),
    [
        ("run", None, "run", ".vcf.gz", ".tbi"),
        ("run.1", None, "run.1", ".vcf.gz", ".tbi"),
        ("run.vcf.gz", None, "run", ".vcf.gz", ".tbi"),
        ("run.bcf", None, "run", ".bcf", ".csi"),
        ("a/b/run.bcf", "bcf", "a/b/run", ".bcf", ".csi"),
        ("run", "bcf", "run", ".bcf", ".csi"),
        ("run", "vcf.gz", "run", ".vcf.gz", ".tbi"),
    ],
)
def test_names(out: str, out_format: str | None, prefix: str, suffix: str, index: str) -> None:
    names = OutputNames.from_out(out, out_format)
    assert names.vcf == Path(prefix + suffix)
    assert names.index == Path(prefix + suffix + index)
    assert names.log == Path(prefix + ".log")
    assert names.variants == Path(prefix + ".variants.tsv.gz")


@pytest.mark.parametrize(
    ("out", "out_format"),
    [("run", "txt"), ("run.vcf.gz", "bcf"), ("run.bcf", "vcf.gz"), (".bcf", None), ("", None)],
)
def test_names_that_make_no_sense(out: str, out_format: str | None) -> None:
    with pytest.raises(SpinImputeError, match="output must be"):
        OutputNames.from_out(out, out_format)


def test_a_directory_is_no_prefix() -> None:
    with pytest.raises(SpinImputeError, match="output must be"):
        OutputNames.from_out("results/")


def test_appears_complete(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with atomic_output(path) as partial:
        partial.write_text("done")
        assert partial.name == "x.txt.partial"
        assert not path.exists()
    assert path.read_text() == "done"
    assert list(tmp_path.iterdir()) == [path]


def test_exception_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_output(tmp_path / "x.txt") as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_exception_leaves_an_earlier_output(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("before")

    def fail() -> None:
        with atomic_output(path) as partial:
            partial.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(SpinImputeError, match=r"output .*x\.txt: .* cannot be written; found No space"):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
