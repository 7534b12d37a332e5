"""The Snakemake wrapper of `impute` runs as the wrapper repository tests its own, and its files agree."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from spinimpute import __version__
from spinimpute.config import ImputeConfig
from spinimpute.pipeline import impute

ROOT = Path(__file__).parents[1]
BIO = ROOT / "packaging" / "snakemake-wrappers" / "bio"
WRAPPER = BIO / "spinimpute" / "impute"
FILES = ("panel.vcf.gz", "panel.vcf.gz.tbi", "target.vcf.gz", "target.vcf.gz.tbi", "plink.map")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a space in its name, with the wrapper repository and a workflow on the examples."""
    pytest.importorskip("snakemake")
    place = tmp_path / "work here"
    shutil.copytree(WRAPPER / "test", place)
    shutil.copytree(BIO, tmp_path / "repository" / "master" / "bio")
    for name in FILES:
        shutil.copy(ROOT / "examples" / name, place)
    return place


def snakemake(place: Path, target: str) -> subprocess.CompletedProcess[str]:
    paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {**os.environ, "PATH": os.pathsep.join(paths), "PYTHONPATH": str(ROOT)}
    repository = f"file://{place.parent / 'repository'}/"
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--wrapper-prefix", repository, target],
        cwd=place, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_wrapper_imputes_the_examples(place: Path, tmp_path: Path) -> None:
    done = snakemake(place, "imputed/1.vcf.gz")
    assert done.returncode == 0, done.stderr
    assert (place / "logs" / "impute.1.log").read_text().count("mean DR2") == 1
    assert (place / "imputed" / "1.report.html").exists()
    examples = ROOT / "examples"
    expected = impute(
        ImputeConfig(
            ref=examples / "panel.vcf.gz", gt=examples / "target.vcf.gz", map=examples / "plink.map",
            chrom="1", ap=True, out=str(tmp_path / "expected.vcf.gz"), nthreads=2,
        )
    )  # fmt: skip
    assert body(place / "imputed" / "1.vcf.gz") == body(expected.output)


def body(path: Path) -> list[bytes]:
    """The table of a VCF."""
    return [line for line in gzip.decompress(path.read_bytes()).splitlines() if not line.startswith(b"##")]


def test_an_error_is_in_the_log_of_the_rule(place: Path) -> None:
    assert snakemake(place, "imputed/7.vcf.gz").returncode == 1
    assert "error: " in (place / "logs" / "impute.7.log").read_text()
    assert not list((place / "imputed").glob("*"))


def test_the_environment_and_the_description() -> None:
    environment = yaml.safe_load((WRAPPER / "environment.yaml").read_text())
    assert environment["channels"] == ["conda-forge", "bioconda", "nodefaults"]
    assert environment["dependencies"] == [f"spinimpute ={__version__}"]
    meta = yaml.safe_load((WRAPPER / "meta.yaml").read_text())
    assert {"name", "description", "authors", "input", "output", "params"} <= set(meta)
    text = (WRAPPER / "wrapper.py").read_text()
    for kind, names in (("input", meta["input"]), ("params", meta["params"])):
        for each in names:
            (name,) = each
            assert f'snakemake.{kind}.get("{name}"' in text or f"snakemake.{kind}.{name}" in text
