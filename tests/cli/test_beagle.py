"""Beagle's command line: every parameter is used or explained, and faults are wrong usage."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from spinimpute.cli import app
from spinimpute.cli.beagle import PARAMETERS, WrongParameter, translate
from spinimpute.config import ImputeConfig

FLAG, VALUE = SimpleNamespace(is_flag=True), SimpleNamespace(is_flag=False)
OPTIONS = {"--ap": FLAG, "--gp": FLAG} | {
    f"--{name}": VALUE for name in ("ref", "gt", "out", "map", "chrom", "window", "seed", "nthreads", "model")
}
USED = {"ref", "gt", "out", "map", "chrom", "excludesamples", "excludemarkers", "ap", "gp"}
USED |= {"window", "overlap", "seed", "nthreads", "impute"}
SAMPLE = {"impute": "false", "em": "true", "seed": "5", "chrom": "20"}  # values, where "1" is none


def test_options_stay_as_they_are() -> None:
    words = ["--ref", "a=b.vcf", "--ap", "--out=c=d", "--model", "gt=x"]
    assert translate(words, OPTIONS).words == words
    assert translate(words, OPTIONS).notes == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["gt=t.vcf", "ref=a=b.vcf"], ["--gt=t.vcf", "--ref=a=b.vcf"]),
        (["--gt", "t.vcf", "out=o", "--ap"], ["--gt", "t.vcf", "--out=o", "--ap"]),
        (["--ap", "gt=-"], ["--ap", "--gt=-"]),
        (["ap=true", "gp=FALSE"], ["--ap"]),
        (["chrom=20:5-"], ["--chrom=20:5-"]),
        (["window=4e1", "nthreads=8"], ["--window=4e1", "--nthreads=8"]),
        (["seed=-99999"], ["--seed=99999"]),
    ],
)
def test_parameters_become_options(words: list[str], expected: list[str]) -> None:
    assert translate(words, OPTIONS).words == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["windw=3"], "unknown parameter windw=; the nearest one is window="),
        (["GT=x"], "the nearest one is gt="),
        (["niterations=3"], "the nearest one is iterations="),
        (["=3"], "unknown parameter"),
        (["ap=yes"], "ap=yes: ap must be true or false"),
        (["nthreads=0"], "nthreads=0: nthreads must be a whole number from 1"),
        (["nthreads=two"], "nthreads must be a whole number from 1"),
        (["window=0"], "window=0: window must be a number above 0"),
        (["window=nan"], "window must be a number"),
        (["window=inf"], "window must be a number"),
        (["err=-0.1"], "err must be a number from 0"),
        (["burnin=1.5"], "burnin must be a whole number from 0"),
        (["gt="], "gt must be the name of a file"),
        (["chrom=20:5"], "chrom=20:5: chrom must be CHROM"),
        (["ap=true", "ap=true"], "ap is given twice"),
        (["--gt", "a", "gt=b"], "gt is given twice"),
        (["gt=b", "--gt=a"], "gt is given twice"),
        (["ne=1", "ne=1"], "ne is given twice"),
        (["model=x"], "write it as the option --model"),
    ],
)
def test_faults(words: list[str], message: str) -> None:
    with pytest.raises(WrongParameter, match=re.escape(message)):
        translate(words, OPTIONS)


def test_a_switch_turns_an_option_on_and_off() -> None:
    options = OPTIONS | {"--impute": FLAG, "--no-impute": FLAG}
    assert translate(["impute=false"], options).words == ["--no-impute"]
    assert translate(["impute=true"], options).words == ["--impute"]
    assert translate(["impute=false"], options).notes == []


@pytest.mark.skipif(shutil.which("beagle") is None, reason="needs beagle")
def test_every_parameter_that_beagle_lists_is_known() -> None:
    usage = subprocess.run(["beagle"], capture_output=True, text=True, check=False).stdout
    keys = re.findall(r"^  ([\w-]+)=<", usage, re.MULTILINE)
    assert len(keys) >= 20
    assert set(keys) <= set(PARAMETERS)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A pipeline that computes nothing and keeps its config."""
    stub = SimpleNamespace(config=None)

    def impute(config: ImputeConfig, listener: Any) -> SimpleNamespace:
        stub.config = config
        return SimpleNamespace(
            samples=3, panel_haplotypes=8, records=5000, typed=20, imputed=4980, mean_dr2=0.9, seconds=1.0,
            output=Path(config.out), fates={},
        )  # fmt: skip

    stub.impute = impute
    monkeypatch.setitem(sys.modules, "spinimpute.pipeline", stub)
    return stub


def invoke(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_parameters_reach_the_pipeline(pipeline: SimpleNamespace, tmp_path: Path) -> None:
    words = [
        "ref=p.vcf.gz",
        "--gt",
        "t.vcf.gz",
        f"out={tmp_path / 'o'}",
        "map=m.map",
        "nthreads=8",
        "ap=true",
    ]
    words += ["chrom=20:-9", "excludesamples=s", "excludemarkers=k", "window=40", "overlap=4", "seed=7"]
    result = invoke("impute", *words)
    assert result.exit_code == 0, result.output
    assert pipeline.config == ImputeConfig(
        ref=Path("p.vcf.gz"), gt=Path("t.vcf.gz"), out=str(tmp_path / "o"), map=Path("m.map"), nthreads=8,
        ap=True, chrom="20:-9", exclude_samples=Path("s"), exclude_markers=Path("k"), window=40, overlap=4,
        seed=7,
    )  # fmt: skip


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize("key", sorted(set(PARAMETERS) - {"ref", "gt", "out"}))
def test_each_parameter_is_used_or_explained(key: str, tmp_path: Path) -> None:
    value = SAMPLE.get(key, "true" if key in ("ap", "gp") else "1")
    files = ["ref=r", "gt=g", f"out={tmp_path / 'o'}"]
    result = invoke("impute", *files, f"{key}={value}")
    assert result.exit_code == 0, result.output
    line = f"{key}={value} has no meaning here: "
    for text in (result.stderr, (tmp_path / "o.log").read_text()):
        assert text.count(line) == (key not in USED)


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize("word", ["windw=3", "ap=yes", "gt=again", "fix=swap", "word"])
def test_faults_are_wrong_usage(word: str, tmp_path: Path) -> None:
    result = invoke("impute", "ref=r", "gt=g", f"out={tmp_path / 'o'}", word)
    assert result.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_what_is_not_given_is_missing() -> None:
    result = invoke("impute", "ref=r", "gt=g")
    assert result.exit_code == 2
    assert "--out" in result.stderr


def test_a_dry_run_explains_too(tmp_path: Path) -> None:
    examples = Path(__file__).parents[2] / "examples"
    files = [f"ref={examples / 'panel.vcf.gz'}", f"gt={examples / 'target.vcf.gz'}", f"out={tmp_path / 'o'}"]
    result = invoke("impute", *files, "burnin=3", "--dry-run")
    assert result.exit_code == 0
    assert result.stderr.startswith("burnin=3 has no meaning here: ")
    assert not list(tmp_path.iterdir())
