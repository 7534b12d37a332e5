"""The command line: options reach the library, results and errors reach the user."""

from __future__ import annotations

import errno
import gzip
import json
import logging
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from builders import mixed_records, write_vcf
from typer.testing import CliRunner

from spinimpute import __version__
from spinimpute.cli import app
from spinimpute.cli.signals import EndedBySignal
from spinimpute.config import ImputeConfig, TrainConfig
from spinimpute.errors import SpinImputeError
from spinimpute.tally import WindowDone

NEEDED = ["--ref", "r.vcf.gz", "--gt", "g.vcf.gz"]


def invoke(*words: object) -> Any:
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A pipeline that computes nothing: it keeps its config, and fails with `error` if there is one."""
    stub = SimpleNamespace(config=None, error=None)

    def impute(config: ImputeConfig, listener: Any) -> SimpleNamespace:
        stub.config = config
        if stub.error:
            raise stub.error
        listener.window(0.5, WindowDone(chrom="20", first=5, last=1_234_567, records=900, typed=20))
        logging.getLogger("spinimpute.alignment").warning("chromosome %s is left out", "7")
        return SimpleNamespace(
            samples=3, panel_haplotypes=8, records=5000, typed=20, imputed=4980, mean_dr2=0.87654,
            seconds=75.2, output=Path(config.out), fates={"used": 20, "swapped": 2},
        )  # fmt: skip

    stub.impute = impute
    monkeypatch.setitem(sys.modules, "spinimpute.pipeline", stub)
    return stub


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A training loop that only keeps its config."""
    stub = SimpleNamespace(config=None)

    def train(config: TrainConfig, listener: Any) -> SimpleNamespace:
        stub.config = config
        listener.log("2 regions")
        listener.step(1, 2, 0.5, 3.0)
        listener.validation(2, 0.25, 0.9)
        return SimpleNamespace(steps=2, loss=0.25, r2=0.9, seconds=4000.0, model=config.out)

    stub.train = train
    monkeypatch.setitem(sys.modules, "spinimpute.training.loop", stub)
    return stub


def test_help_and_version_import_nothing_heavy() -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from spinimpute.cli import app\n"
        "words = (['--help'], ['impute', '--help'], ['panel', 'build', '--help'], ['--version'])\n"
        "results = [CliRunner().invoke(app, each) for each in words]\n"
        "assert not any(result.exit_code for result in results)\n"
        "assert not {'torch', 'numba', 'numpy', 'cyvcf2', 'pysam'} & set(sys.modules)\n"
        "print(results[-1].output)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == f"spinimpute {__version__}"


def test_imputing_on_a_cpu_takes_no_torch(tmp_path: Path) -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from spinimpute.cli import app\n"
        "result = CliRunner().invoke(app, sys.argv[1:])\n"
        "assert not result.exit_code, result.output\n"
        "assert 'torch' not in sys.modules\n"
    )
    examples = Path(__file__).parents[1] / "examples"
    words = ["impute", "--ref", examples / "panel.vcf.gz", "--gt", examples / "target.vcf.gz", "--chrom", "1"]
    words += ["--device", "cpu", "--out", tmp_path / "o"]
    subprocess.run([sys.executable, "-c", script, *map(str, words)], check=True)


@pytest.mark.parametrize(
    "command", ["impute", "train", "calibrate", "models", "simulate", "panel", "plan", "run", "merge"]
)
def test_every_command_has_help(command: str) -> None:
    assert invoke(command, "--help").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("impute", "--ref", "r"),
        ("impute", *NEEDED, "--out", "o", "--nthreads", "0"),
        ("impute", "--bad"),
        ("bad",),
    ],
)
def test_wrong_usage_exits_with_2(words: tuple[str, ...]) -> None:
    assert invoke(*words).exit_code == 2


def test_options_reach_the_pipeline(pipeline: SimpleNamespace, tmp_path: Path) -> None:
    options = ["--map", "m", "--chrom", "20:1-9", "--ap", "--gp", "--window", "3", "--overlap", "1"]
    options += ["--excludesamples", "s", "--excludemarkers", "k", "--allow-overlap", "--model", "big"]
    options += ["--device", "cpu", "--nthreads", "2", "--seed", "7", "--no-version", "--no-impute"]
    assert invoke("impute", *NEEDED, "--out", tmp_path / "o", *options).exit_code == 0
    assert pipeline.config == ImputeConfig(
        ref=Path("r.vcf.gz"), gt=Path("g.vcf.gz"), out=str(tmp_path / "o"), map=Path("m"), chrom="20:1-9",
        ap=True, gp=True, window=3, overlap=1, exclude_samples=Path("s"), exclude_markers=Path("k"),
        allow_overlap=True, model="big", device="cpu", nthreads=2, seed=7, no_version=True,
        impute=False,
    )  # fmt: skip


def test_defaults_are_those_of_the_configuration(pipeline: SimpleNamespace, tmp_path: Path) -> None:
    invoke("impute", *NEEDED, "--out", tmp_path / "o")
    assert pipeline.config == ImputeConfig(ref=Path("r.vcf.gz"), gt=Path("g.vcf.gz"), out=str(tmp_path / "o"))


@pytest.mark.usefixtures("pipeline")
def test_summary_and_log(tmp_path: Path) -> None:
    result = invoke("impute", *NEEDED, "--out", tmp_path / "o.vcf.gz")
    log = (tmp_path / "o.log").read_text()
    for text in (result.stdout, log):
        for figure in ("5,000", "4,980", "0.8765", "1 min 15 s"):
            assert figure in text
    for line in (
        f"spinimpute {__version__}",
        "command: ",
        "torch ",
        "swapped",
        "warning: chromosome 7",
        "[20:5-1234567]: 900 panel records, 20 typed",
        "  window               5.0",
        "  ap                   false",
        " started",
        " finished",
    ):
        assert line in log
    assert not list(tmp_path.glob("*.partial"))


def test_a_dry_run_shows_the_plan_and_writes_nothing(tmp_path: Path) -> None:
    examples = Path(__file__).parents[1] / "examples"
    files = ["--ref", examples / "panel.vcf.gz", "--gt", examples / "target.vcf.gz"]
    result = invoke("impute", *files, "--out", tmp_path / "o", "--dry-run")
    assert result.exit_code == 0, result.output
    for text in ("26,278", "at most 715", "expected time", "expected memory", "expected output", "MB"):
        assert text in result.stdout
    assert not list(tmp_path.iterdir())
    bad = invoke("impute", *files[:2], "--gt", tmp_path / "absent", "--out", tmp_path / "o", "--dry-run")
    assert bad.exit_code == 1
    assert bad.stderr.startswith("error: ")
    assert bad.stderr.count("\n") == 1


def test_progress_for_programs_is_json(pipeline: SimpleNamespace, tmp_path: Path) -> None:
    result = invoke("impute", *NEEDED, "--out", tmp_path / "o", "--json-progress", "--quiet", "--resume")
    assert pipeline.config.resume
    assert result.stdout == ""
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert [event["event"] for event in events] == ["progress", "warning", "finished"]
    assert events[0]["share"] == 0.5
    assert events[0]["seconds_left"] >= 0
    assert {name: events[0][name] for name in ("chrom", "first", "last", "records", "typed", "window")} == {
        "chrom": "20", "first": 5, "last": 1_234_567, "records": 900, "typed": 20, "window": 1,
    }  # fmt: skip
    assert events[1]["message"] == "chromosome 7 is left out"
    assert events[2]["records"] == 5000
    assert all(event["seconds"] >= 0 for event in events)


@pytest.mark.usefixtures("pipeline")
def test_quiet_shows_warnings_only(tmp_path: Path) -> None:
    result = invoke("impute", *NEEDED, "--out", tmp_path / "o", "--quiet")
    assert result.stdout == ""
    assert (tmp_path / "o.log").exists()


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (SpinImputeError("must be sorted", where="p.vcf 1:5", found="1:4", remedy="sort it"), 1,
         "error: p.vcf 1:5: must be sorted; found 1:4; sort it\n"),
        (OSError(errno.ENOSPC, "No space left on device", "o.vcf.gz"), 1,
         "error: o.vcf.gz: No space left on device\n"),
        (MemoryError(), 1, "error: not enough memory; --memory SIZE makes it do less at a time\n"),
        (EndedBySignal(signal.SIGINT), 130, "interrupted\n"),
        (EndedBySignal(signal.SIGTERM), 143, "terminated\n"),
    ],
)  # fmt: skip
def test_expected_errors_are_one_line(
    pipeline: SimpleNamespace, tmp_path: Path, error: BaseException, status: int, line: str
) -> None:
    pipeline.error = error
    result = invoke("impute", *NEEDED, "--out", tmp_path / "o")
    assert result.exit_code == status
    assert result.stderr == line
    assert not list(tmp_path.iterdir())


def test_bugs_keep_their_traceback(pipeline: SimpleNamespace, tmp_path: Path) -> None:
    pipeline.error = ZeroDivisionError("a bug")
    result = invoke("impute", *NEEDED, "--out", tmp_path / "o")
    assert isinstance(result.exception, ZeroDivisionError)


def test_training_takes_options_over_the_file(training: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text('refs = ["a.bcf"]\nsteps = 5\nwidth = 8\n')
    result = invoke(
        "train", "--config", path, "--out", tmp_path / "m", "--steps", 2, "--ref", "b", "--ref", "c"
    )
    assert result.exit_code == 0
    assert training.config == TrainConfig(refs=(Path("b"), Path("c")), out=tmp_path / "m", steps=2, width=8)
    assert "1 h 6 min" in result.stdout
    assert "validation loss 0.25000" in result.stderr


def test_training_on_nothing_is_an_error(tmp_path: Path) -> None:
    result = invoke("train", "--out", tmp_path / "m")
    assert result.exit_code == 1
    assert "--ref or --simulate" in result.stderr


def test_models_lists_what_is_shipped() -> None:
    result = invoke("models")
    assert result.exit_code == 0
    for folder in (Path(__file__).parents[1] / "models").glob("*/config.toml"):
        assert folder.parent.name in result.stdout
        assert tomllib.loads(folder.read_text())


class TestPanel:
    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        return write_vcf(tmp_path / "x.bcf", mixed_records())

    def test_build_info_verify(self, source: Path, tmp_path: Path) -> None:
        path = tmp_path / "x.spanel"
        built = invoke("panel", "build", "--ref", source, "--out", path)
        assert built.exit_code == 0, built.output
        shown = invoke("panel", "info", path)
        assert shown.stdout == built.stdout
        for part in ("haplotypes", "bits per genotype", "x.bcf", "20 ", "21 ", f"spinimpute {__version__}"):
            assert part in shown.stdout
        assert "as written" in invoke("panel", "verify", path).stdout
        assert "the panel's source" in invoke("panel", "verify", path, "--ref", source).stdout

    def test_a_region(self, source: Path, tmp_path: Path) -> None:
        path = tmp_path / "x.spanel"
        assert invoke("panel", "build", "--ref", source, "--out", path, "--chrom", "chr21").exit_code == 0
        assert "x.bcf, chr21" in invoke("panel", "info", path).stdout
        assert invoke("panel", "verify", path, "--ref", source).exit_code == 0

    def test_errors_are_one_line(self, source: Path, tmp_path: Path) -> None:
        (tmp_path / "cut.spanel").write_bytes(b"PK")
        for words in (
            ("info", source),
            ("info", tmp_path / "none"),
            ("verify", tmp_path / "cut.spanel"),
            ("verify", tmp_path),
            ("build", "--ref", source, "--out", source),
            ("build", "--ref", source, "--out", tmp_path / "y", "--chrom", "X"),
        ):
            result = invoke("panel", *words)
            assert result.exit_code == 1
            assert result.stderr.startswith("error: ")
            assert result.stderr.count("\n") == 1


def test_simulate_writes_a_data_set(tmp_path: Path) -> None:
    pytest.importorskip("msprime")
    words = ["--people", 10, "--targets", 2, "--length", 0.1, "--chromosomes", 2, "--seed", 3]
    result = invoke("simulate", "--out", tmp_path, *words)
    assert result.exit_code == 0
    assert all(Path(line).is_file() for line in result.stdout.splitlines())
    assert len(result.stdout.splitlines()) == 4
    assert invoke("simulate", "--out", tmp_path, "--model", "unicorn").exit_code == 1


def test_end_to_end(tmp_path: Path) -> None:
    """Simulate, impute with an untrained network (a copying model), and find the truth again."""
    pytest.importorskip("msprime")
    import torch

    from spinimpute.evaluation.comparison import Fate, Files
    from spinimpute.evaluation.run import evaluate
    from spinimpute.spin.config import SpinConfig
    from spinimpute.spin.model import Spin

    torch.manual_seed(0)
    Spin(SpinConfig(width=8, layers=1, heads=2, context=16)).save(tmp_path / "model")
    words = ["--people", 60, "--targets", 4, "--length", 0.4, "--chromosomes", 2, "--seed", 3]
    assert invoke("simulate", "--out", tmp_path, *words).exit_code == 0
    panel, target, truth = (tmp_path / f"{name}.vcf.gz" for name in ("panel", "target", "truth"))
    files = ["--ref", panel, "--gt", target, "--map", tmp_path / "plink.map", "--out", tmp_path / "imputed"]
    result = invoke("impute", *files, "--model", tmp_path / "model", "--nthreads", 1)
    assert result.exit_code == 0, result.output
    for ending in ("vcf.gz", "vcf.gz.tbi", "log", "variants.tsv.gz"):
        assert (tmp_path / f"imputed.{ending}").stat().st_size > 0
    accuracy = evaluate(Files(truth, tmp_path / "imputed.vcf.gz", panel, target))
    assert set(accuracy.fates) == {Fate.COMPARED, Fate.TYPED}
    assert accuracy.overall.r2 > 0.6
    unphased = tmp_path / "unphased.vcf"
    unphased.write_text(
        gzip.decompress(target.read_bytes()).decode().replace("1|0", "0/1").replace("0|1", "0/1")
    )
    files[3], files[-1] = unphased, tmp_path / "phased"
    result = invoke("impute", *files, "--model", tmp_path / "model", "--nthreads", 1)
    assert result.exit_code == 0, result.output
    assert "genotypes of 4 people are unphased" in (tmp_path / "phased.log").read_text()
    found = evaluate(Files(truth, tmp_path / "phased.vcf.gz", panel, target))
    assert found.overall.r2 > accuracy.overall.r2 - 0.1
    result = invoke("impute", *files, "--no-impute", "--nthreads", 1)
    assert result.exit_code == 0, result.output
    again = invoke("impute", *files[:2], "--gt", tmp_path / "absent", "--out", tmp_path / "x")
    assert again.exit_code == 1
    assert again.stderr.startswith("error: ")
    assert again.stderr.count("\n") == 1
