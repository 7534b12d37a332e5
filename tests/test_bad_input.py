"""Bad input of every kind, through the command line: one line that names place, rule, finding and remedy.

The faults and what must be said of them are those of benchmarks/reliability/bad_inputs.py, which other tools
are shown too.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import cyvcf2
import pytest

from benchmarks.reliability.bad_inputs import FAULTS
from benchmarks.reliability.commands import CommandServer, Outcome
from benchmarks.reliability.data import map_text
from benchmarks.reliability.spoiling import Fault, Files, write
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.model import Spin

TIMEOUT = 120.0  # seconds; generous, as the machine may be busy
GENOTYPE = re.compile(r"\d[|/]\d")


@pytest.fixture(scope="module")
def commands() -> Iterator[CommandServer]:
    with CommandServer() as server:
        yield server


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write(tmp_path, map=map_text())


def words(files: Files, *more: object) -> list[object]:
    given = ["--ref", files.panel, "--gt", files.target, *(["--map", files.map] if files.map else [])]
    return [*given, *more]


def refuse(outcome: Outcome, message: str, status: int = 1) -> None:
    """The command failed with one line; warnings may come before it."""
    assert not outcome.timed_out
    assert outcome.status == status
    assert outcome.out == ""
    *before, last = outcome.error.splitlines()
    assert last == f"error: {message}"
    assert all(line.startswith("warning: ") for line in before)
    # "as in 0|1" is part of a rule.
    assert not GENOTYPE.search(outcome.error.replace("as in 0|1", ""))


def run(commands: CommandServer, folder: Path, words: Sequence[object], message: str) -> None:
    """Run a command that fails and leaves the folder as it was."""
    before = sorted(folder.rglob("*"))
    refuse(commands.run(words, folder, TIMEOUT), message)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_faults(commands: CommandServer, fault: Fault, tmp_path: Path) -> None:
    files = fault.make(tmp_path)
    given = words(files, "--out", tmp_path / "out")
    message = fault.message.format(panel=files.panel, target=files.target, map=files.map)
    impute = ["impute", *given, "--nthreads", 1, "--quiet"]
    if message:
        run(commands, tmp_path, ["check", *given], message)
        run(commands, tmp_path, impute, message)
        return
    for command in (["check", *given], impute):
        outcome = commands.run(command, tmp_path, TIMEOUT)
        assert outcome.status == 0, outcome.error
    assert sum(1 for _ in cyvcf2.VCF(str(tmp_path / "out.vcf.gz"))) == fault.records
    assert not list(tmp_path.glob("*.partial*"))


class TestOutputs:
    def test_an_output_that_is_an_input(self, commands: CommandServer, files: Files, tmp_path: Path) -> None:
        message = f"output {files.target}: the output must not be an input; found {files.target}; "
        message += "choose another name"
        run(commands, tmp_path, ["impute", *words(files, "--out", files.target)], message)

    def test_a_log_that_is_an_input(self, commands: CommandServer, files: Files, tmp_path: Path) -> None:
        names = tmp_path / "out.log"
        names.write_text("p1\n")
        message = f"output {names}: the output must not be an input; found {names}; choose another name"
        given = words(files, "--excludesamples", names, "--out", tmp_path / "out")
        run(commands, tmp_path, ["impute", *given], message)

    def test_an_output_that_is_a_directory(
        self, commands: CommandServer, files: Files, tmp_path: Path
    ) -> None:
        (tmp_path / "out.vcf.gz").mkdir()
        message = f"output {tmp_path}/out.vcf.gz: the output is an existing directory; name a file"
        run(commands, tmp_path, ["impute", *words(files, "--out", tmp_path / "out")], message)

    def test_no_directory(self, commands: CommandServer, files: Files, tmp_path: Path) -> None:
        folder = tmp_path / "none"
        message = f"output {folder}/o.vcf.gz: the output directory does not exist; found {folder}; "
        message += "create it first"
        run(commands, tmp_path, ["impute", *words(files, "--out", folder / "o")], message)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
    def test_a_directory_that_is_not_writable(
        self, commands: CommandServer, files: Files, tmp_path: Path
    ) -> None:
        folder = tmp_path / "closed"
        folder.mkdir()
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
        message = f"output {folder}/o.vcf.gz: the output directory is not writable; found {folder}; "
        message += "check its permissions or choose another"
        run(commands, tmp_path, ["impute", *words(files, "--out", folder / "o")], message)

    def test_another_ending(self, commands: CommandServer, files: Files, tmp_path: Path) -> None:
        message = (
            "the output must be a prefix, or a name ending in .vcf.gz, .bcf, .vcz or .bgen; found / as vcf.gz"
        )
        run(commands, tmp_path, ["impute", *words(files, "--out", "/")], message)


class TestInputs:
    def test_a_pipe(self, commands: CommandServer, files: Files, tmp_path: Path) -> None:
        """A pipe that nobody writes to would be waited for, for ever."""
        pipe = tmp_path / "pipe.vcf"
        os.mkfifo(pipe)
        message = f"panel {pipe}: a regular file is needed; found a pipe or device; give a pipe as -"
        given = ["--ref", pipe, "--gt", files.target, "--out", tmp_path / "o"]
        run(commands, tmp_path, ["impute", *given], message)

    def test_both_from_standard_input(self, commands: CommandServer, tmp_path: Path) -> None:
        message = "panel and target cannot both be standard input; give one as a file"
        run(commands, tmp_path, ["impute", "--ref", "-", "--gt", "-", "--out", tmp_path / "o"], message)

    def test_nothing_on_standard_input(self, commands: CommandServer, files: Files, tmp_path: Path) -> None:
        message = "target -: the file is empty; give a file with records"
        given = ["--ref", files.panel, "--gt", "-", "--out", tmp_path / "o"]
        run(commands, tmp_path, ["impute", *given], message)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_a_file_that_is_not_readable(self, commands: CommandServer, files: Files, tmp_path: Path) -> None:
        files.panel.chmod(0)
        message = f"panel {files.panel}: the file cannot be read; found Permission denied; "
        message += "check its permissions"
        run(commands, tmp_path, ["impute", *words(files, "--out", tmp_path / "o")], message)

    def test_an_absent_list(self, commands: CommandServer, files: Files, tmp_path: Path) -> None:
        names = tmp_path / "none.txt"
        message = f"excluded samples {names}: the list cannot be read; found No such file or directory; "
        message += "give a text file with one name a line"
        given = words(files, "--out", tmp_path / "o", "--excludesamples", names)
        run(commands, tmp_path, ["impute", *given], message)

    def test_all_samples_excluded(self, commands: CommandServer, files: Files, tmp_path: Path) -> None:
        names = tmp_path / "names.txt"
        names.write_text("t0\nt1\nt2\n")
        message = f"target {files.target}: the file must have samples with genotypes; "
        message += "found all 3 excluded; exclude fewer"
        given = words(files, "--out", tmp_path / "o", "--excludesamples", names)
        run(commands, tmp_path, ["impute", *given], message)

    def test_a_region_that_the_target_lacks(
        self, commands: CommandServer, files: Files, tmp_path: Path
    ) -> None:
        message = f"target {files.target}: the file must have records; found none in 20:1-2; "
        message += "choose another region"
        given = words(files, "--out", tmp_path / "o", "--chrom", "20:1-2")
        run(commands, tmp_path, ["impute", *given], message)

    def test_a_garbled_region(self, commands: CommandServer, files: Files, tmp_path: Path) -> None:
        message = "a region must hold a position; found 20:9-1; write CHROM, CHROM:START-END, CHROM:-END or "
        message += "CHROM:START-"
        given = words(files, "--out", tmp_path / "o", "--chrom", "20:9-1")
        run(commands, tmp_path, ["impute", *given], message)


class TestModels:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        Spin(SpinConfig(width=8, layers=1)).save(tmp_path / "model")
        return tmp_path / "model"

    def expect(self, commands: CommandServer, files: Files, folder: Path, message: str) -> None:
        given = words(files, "--out", folder.parent / "o", "--model", folder)
        run(commands, folder.parent, ["impute", *given], message)

    def test_absent(self, commands: CommandServer, files: Files, tmp_path: Path) -> None:
        message = f"unknown model; found {tmp_path}/none; shipped models: spin-base, spin-small; "
        self.expect(commands, files, tmp_path / "none", message + "or give a folder")

    def test_a_folder_of_other_things(self, commands: CommandServer, files: Files, folder: Path) -> None:
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
        message = f"{folder}: not a model folder; found no config.toml and no weights.safetensors; "
        self.expect(commands, files, folder, message + "give a folder made by spinimpute train")

    def test_cut_weights(self, commands: CommandServer, files: Files, folder: Path) -> None:
        weights = folder / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        config = (folder / "config.toml").read_text()
        expected = config.split('"')[1][:12]
        found = subprocess.run(["sha256sum", weights], capture_output=True, text=True, check=True).stdout[:12]
        message = (
            f"{weights}: the weights must have the digest that config.toml names; found sha256 {found}, "
        )
        self.expect(commands, files, folder, message + f"expected {expected}; copy the model directory again")

    def test_unknown_keys(self, commands: CommandServer, files: Files, folder: Path) -> None:
        config = folder / "config.toml"
        config.write_text(config.read_text() + "exec = 1\n")
        keys = ", ".join(sorted(field.name for field in fields(SpinConfig)))
        message = f"{config}: the config must hold weights_sha256 and the sizes [network] {keys}; "
        message += "give a directory made by this version of spinimpute train"
        self.expect(commands, files, folder, message)

    def test_a_network_of_another_version(self, commands: CommandServer, files: Files, folder: Path) -> None:
        config = folder / "config.toml"
        now = SpinConfig().query_features
        config.write_text(config.read_text().replace(f"query_features = {now}", "query_features = 4"))
        message = (
            f"{config}: the network must take what this version measures; found query_features 4, not {now}; "
        )
        self.expect(commands, files, folder, message + "train the model again with this version")

    def test_an_unknown_device(self, commands: CommandServer, files: Files, tmp_path: Path) -> None:
        message = "--device: a device is auto, cpu, cuda or cuda:i; found 'tpu'; use --device cpu"
        given = words(files, "--out", tmp_path / "o", "--device", "tpu")
        run(commands, tmp_path, ["impute", *given], message)


@pytest.mark.parametrize(
    "given",
    [
        ["--ref", "p"],
        ["ref=p", "gt=g"],
        ["ref=p", "gt=g", "out=o", "nthreads=0"],
        ["ref=p", "gt=g", "out=o", "mapp=x"],
        ["ref=p", "gt=g", "out=o", "--fix", "all"],
        ["ref=p", "gt=g", "out=o", "--unknown"],
    ],
)
def test_wrong_usage(commands: CommandServer, given: list[str], tmp_path: Path) -> None:
    outcome = commands.run(["impute", *given], tmp_path, TIMEOUT)
    assert outcome.status == 2
    assert " Error " in outcome.error
    assert "Traceback" not in outcome.error
    assert not list(tmp_path.iterdir())


def test_paths_with_spaces_and_unicode(commands: CommandServer, tmp_path: Path) -> None:
    folder = tmp_path / "Erbgut & 遺伝子 ü"
    folder.mkdir()
    files = write(folder, map=map_text())
    outcome = commands.run(
        ["impute", *words(files, "--out", folder / "aus gabe"), "--quiet"], tmp_path, TIMEOUT
    )
    assert outcome.status == 0, outcome.error
    assert sum(1 for _ in cyvcf2.VCF(str(folder / "aus gabe.vcf.gz"))) == 240
    assert "遺伝子" in (folder / "aus gabe.log").read_text()
