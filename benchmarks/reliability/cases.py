"""Damaged inputs by seed: which file is damaged, how it is used, and what counts as a good end."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pysam
import torch
import zarr

from benchmarks.reliability.data import map_text, tables, write_text
from benchmarks.reliability.mutations import bgzf, mutate_bytes, mutate_map, mutate_vcf
from spinimpute.config import ImputeConfig
from spinimpute.errors import SpinImputeError
from spinimpute.kept import KeptWork
from spinimpute.merge import PART_SUFFIX, merge
from spinimpute.part import run_part
from spinimpute.pipeline import impute
from spinimpute.plan import Plan, make_plan
from spinimpute.prepare import build_panel, verify_panel
from spinimpute.sites import resolve_contig
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.model import Spin
from spinimpute.tally import ImputeSummary

REFUSED, IMPUTED = "refused", "imputed"
_KEPT = "out.vcf.gz.partial.d"
_RECORDS, _PEOPLE, _TARGETS = 60, 6, 2


class Workbench:
    """Good files in a folder, and a copy of them to be damaged for each case."""

    def __init__(self, folder: Path) -> None:
        torch.set_num_threads(1)
        self.good, self.bad = folder / "good", folder / "bad"
        shutil.rmtree(self.good, ignore_errors=True)
        self.good.mkdir(parents=True)
        panel, target = tables(_RECORDS, _PEOPLE, _TARGETS)
        self.panel_text, self.target_text = panel.text(), target.text()
        for kind in ("vcf", "vcf.gz", "bcf"):
            write_text(self.good / f"panel.{kind}", self.panel_text)
            write_text(self.good / f"target.{kind}", self.target_text)
        pysam.tabix_index(str(self.good / "panel.vcf.gz"), preset="vcf", force=True)
        pysam.bcftools.index("-f", str(self.good / "panel.bcf"), catch_stdout=False)
        build_panel(self.good / "panel.bcf", self.good / "panel.spanel")
        _write_zarr(self.good / "panel.vcz", self.panel_text)
        (self.good / "plink.map").write_text(map_text())
        torch.manual_seed(1)
        Spin(SpinConfig(width=8, layers=1, context=8, heads=2)).save(self.good / "model")
        self._finish_some_work()

    def _finish_some_work(self) -> None:
        """Make a plan with its parts, and the windows that a run with --resume keeps."""
        self.bad.mkdir(exist_ok=True)
        self.expected = gzip.decompress(impute(self.job("whole")).output.read_bytes())
        plan = make_plan(self.job("plan"), self.good / "job.plan", 2, 1)
        for part in plan.parts():
            run_part(plan, part.number, self.good / f"{part.number}{PART_SUFFIX}", nthreads=1)
        # The output of a run that is to go on must have the name that it began with.
        keep, KeptWork.remove = KeptWork.remove, lambda self: None  # type: ignore[method-assign]
        try:
            impute(self.job("out", resume=True))
        finally:
            KeptWork.remove = keep  # type: ignore[method-assign]
        shutil.move(self.bad / _KEPT, self.good / _KEPT)

    def job(self, name: str, resume: bool = False) -> ImputeConfig:
        """The undamaged job, with an output of that name."""
        return ImputeConfig(
            ref=self.good / "panel.bcf", gt=self.good / "target.vcf", out=str(self.bad / name),
            model=str(self.good / "model"), nthreads=1, device="cpu", window=0.1, overlap=0.05,
            no_version=True, resume=resume,
        )  # fmt: skip

    def finish(self, work: Callable[[], ImputeSummary]) -> str:
        """Let finished work be put together; return how that ended, or what is wrong with it."""
        try:
            done = work()
        except SpinImputeError as error:
            return REFUSED if "\n" not in str(error) and len(str(error)) < 2000 else f"message: {error}"
        same = gzip.decompress(done.output.read_bytes()) == self.expected
        return IMPUTED if same else "rows: not those of an undisturbed run"

    def run(self, seed: int) -> tuple[str, str]:
        """Run the case of a seed; return its kind and how it ended, or what went wrong."""
        kind = KINDS[seed % len(KINDS)]
        shutil.rmtree(self.bad, ignore_errors=True)
        self.bad.mkdir()
        outcome = _CASES[kind](self, Random(seed))
        left = sorted(each.name for each in self.bad.glob("out*") if each.name != _KEPT)
        if outcome == REFUSED and left:
            return kind, f"left: {left}"
        return kind, outcome

    def impute(
        self, panel: Path, target: Path, map: Path | None = None, chrom: str | None = None, model: str = ""
    ) -> str:
        """Impute; return how that ended, or what is wrong with the output."""
        out = self.bad / "out"
        config = ImputeConfig(
            ref=panel, gt=target, map=map, chrom=chrom, out=str(out), model=model or str(self.good / "model"),
            nthreads=1, device="cpu", window=0.1, overlap=0.05,
        )  # fmt: skip
        try:
            done = impute(config)
        except MemoryError:
            return REFUSED  # the command line says so in a line
        except SpinImputeError as error:
            return REFUSED if "\n" not in str(error) and len(str(error)) < 2000 else f"message: {error}"
        return self._judge(done.output, panel, target, done.records, chrom)

    def _judge(self, output: Path, panel: Path, target: Path, records: int, chrom: str | None) -> str:
        """Compare the output with the panel as text tells it, and let bcftools read it."""
        found = _rows_by_bcftools(output)
        if found is None:
            return f"invalid: bcftools cannot read the output ({records} records)"
        if len(found) != records:
            return f"rows: {records} said, {len(found)} written"
        rows = _rows(panel)
        if chrom is None and rows is not None:
            kept = {row[0] for row in _rows(target) or _rows(self.good / "target.vcf") or []}
            expected = [row for row in rows if resolve_contig(row[0], kept)]
            if len(found) != len(expected):
                return f"rows: {len(expected)} in the panel, {len(found)} written"
            if [row[1] for row in found] != [str(int(row[1])) for row in expected]:
                return "rows: other positions"
        return IMPUTED


def _text_case(which: str, kind: str) -> Callable[[Workbench, Random], str]:
    def case(bench: Workbench, rng: Random) -> str:
        text = bench.panel_text if which == "panel" else bench.target_text
        path = bench.bad / f"{which}.{kind}"
        content = mutate_vcf(rng, text).encode("utf-8", "surrogateescape")
        path.write_bytes(content if kind == "vcf" else bgzf(content))
        files = {"panel": bench.good / "panel.vcf", "target": bench.good / "target.vcf"} | {which: path}
        return bench.impute(files["panel"], files["target"])

    return case


def _map_case(bench: Workbench, rng: Random) -> str:
    path = bench.bad / "plink.map"
    good = map_text(points=((0, 1), (0.1, 100_000), (0.15, 150_000), (0.2, 200_000), (0.4, 300_000)))
    if rng.random() < 0.5:
        path.write_text(mutate_map(rng, good))
    else:
        data = mutate_bytes(rng, good.encode())
        path.write_bytes(data if rng.random() < 0.7 else mutate_bytes(rng, gzip.compress(data)))
    return bench.impute(bench.good / "panel.vcf", bench.good / "target.vcf", map=path)


def _file_case(which: str, kind: str, inside: bool) -> Callable[[Workbench, Random], str]:
    """Damage to a packed file, or inside of it before it is packed."""

    def case(bench: Workbench, rng: Random) -> str:
        path = bench.bad / f"{which}.{kind}"
        data = (bench.good / path.name).read_bytes()
        if inside:
            data = bgzf(mutate_bytes(rng, gzip.decompress(data)))
        elif rng.random() < 0.3:
            data = mutate_bytes(rng, gzip.compress(gzip.decompress(data)))
        else:
            data = mutate_bytes(rng, data)
        path.write_bytes(data)
        files = {"panel": bench.good / "panel.vcf", "target": bench.good / "target.vcf"} | {which: path}
        return bench.impute(files["panel"], files["target"])

    return case


def _index_case(bench: Workbench, rng: Random) -> str:
    name, ending = rng.choice([("panel.vcf.gz", ".tbi"), ("panel.bcf", ".csi")])
    shutil.copy(bench.good / name, bench.bad)
    data = (bench.good / (name + ending)).read_bytes()
    inside = rng.random() < 0.7
    data = bgzf(mutate_bytes(rng, gzip.decompress(data))) if inside else mutate_bytes(rng, data)
    (bench.bad / (name + ending)).write_bytes(data)
    chrom = rng.choice([None, "20", "20:100000-200000", "20:-50000", "20:150000-"])
    return bench.impute(bench.bad / name, bench.good / "target.vcf", chrom=chrom)


def _prepared_case(bench: Workbench, rng: Random) -> str:
    path = bench.bad / "panel.spanel"
    good = bench.good / path.name
    if rng.random() < 0.4:
        path.write_bytes(mutate_bytes(rng, good.read_bytes()))
    else:
        # A member changed and given a checksum that fits.
        with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
            members = old.infolist()
            chosen = rng.choice(members[1:]).filename
            for member in members:
                data = old.read(member)
                data = mutate_bytes(rng, data) if member.filename == chosen else data
                new.writestr(member.filename, data, member.compress_type)
    with suppress(SpinImputeError):
        verify_panel(path)
    return bench.impute(path, bench.good / "target.vcf")


def _zarr_case(bench: Workbench, rng: Random) -> str:
    store = bench.bad / "panel.vcz"
    shutil.copytree(bench.good / store.name, store)
    files = sorted(path for path in store.rglob("*") if path.is_file())
    path = rng.choice(files)
    if rng.random() < 0.2:
        path.unlink()
    else:
        path.write_bytes(mutate_bytes(rng, path.read_bytes()))
    return bench.impute(store, bench.good / "target.vcf")


def _model_case(bench: Workbench, rng: Random) -> str:
    model = bench.bad / "model"
    shutil.copytree(bench.good / "model", model)
    config, weights = model / "config.toml", model / "weights.safetensors"
    kind = rng.randrange(3)
    if kind == 0:
        config.write_bytes(mutate_bytes(rng, config.read_bytes()))
    else:
        data = mutate_bytes(rng, weights.read_bytes())
        weights.write_bytes(data)
        if kind == 2:
            digest = hashlib.sha256(data).hexdigest()
            config.write_text(re.sub('"[0-9a-f]{64}"', f'"{digest}"', config.read_text()))
    return bench.impute(bench.good / "panel.vcf", bench.good / "target.vcf", model=str(model))


def _parts_case(bench: Workbench, rng: Random) -> str:
    files = [bench.good / "job.plan", *sorted(bench.good.glob(f"*{PART_SUFFIX}"))]
    chosen = rng.choice(files)
    for file in files:
        data = file.read_bytes()
        (bench.bad / file.name).write_bytes(mutate_bytes(rng, data) if file == chosen else data)
    out = str(bench.bad / "out")
    return bench.finish(lambda: merge(Plan.load(bench.bad / "job.plan"), [bench.bad], out))


def _resume_case(bench: Workbench, rng: Random) -> str:
    kept = bench.bad / _KEPT
    shutil.copytree(bench.good / _KEPT, kept)
    path = rng.choice(sorted(kept.iterdir()))
    if rng.random() < 0.2:
        path.unlink()
    else:
        path.write_bytes(mutate_bytes(rng, path.read_bytes()))
    return bench.finish(lambda: impute(bench.job("out", resume=True)))


_CASES: dict[str, Callable[[Workbench, Random], str]] = {
    "panel text": _text_case("panel", "vcf"),
    "target text": _text_case("target", "vcf"),
    "panel text, BGZF": _text_case("panel", "vcf.gz"),
    "target text, BGZF": _text_case("target", "vcf.gz"),
    "map": _map_case,
    "panel BCF, inside": _file_case("panel", "bcf", True),
    "target BCF, inside": _file_case("target", "bcf", True),
    "panel BCF, packed": _file_case("panel", "bcf", False),
    "target VCF, packed": _file_case("target", "vcf.gz", False),
    "index": _index_case,
    "prepared panel": _prepared_case,
    "VCF Zarr": _zarr_case,
    "model": _model_case,
    "plan and parts": _parts_case,
    "kept windows": _resume_case,
}
KINDS = list(_CASES)


def _rows(path: Path) -> list[list[str]] | None:
    """The rows of a VCF file as plain text tells them; None for other kinds."""
    if path.suffix not in (".vcf", ".gz"):
        return None
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace")
    lines = re.split("\r?\n", text)
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def _rows_by_bcftools(path: Path) -> list[list[str]] | None:
    done = subprocess.run(
        ["bcftools", "query", "-f", "%CHROM\t%POS\n", path], capture_output=True, text=True, check=False
    )
    bad = done.returncode or "[E::" in done.stderr
    return None if bad else [line.split("\t") for line in done.stdout.splitlines()]


def _write_zarr(path: Path, text: str) -> None:
    import numpy as np

    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    samples = text[text.index("#CHROM") :].splitlines()[0].split("\t")[9:]
    strings = np.dtypes.StringDType()
    codes = [[[int(code) for code in cell.split("|")] for cell in row[9:]] for row in rows]
    arrays = {
        "contig_id": np.array(["20"], strings),
        "sample_id": np.array(samples, strings),
        "variant_contig": np.zeros(len(rows), np.int8),
        "variant_position": np.array([int(row[1]) for row in rows], np.int32),
        "variant_allele": np.array([row[3:5] for row in rows], strings),
        "variant_id": np.array([row[2] for row in rows], strings),
        "call_genotype": np.array(codes, np.int8),
        "call_genotype_phased": np.ones((len(rows), len(samples)), np.bool_),
    }
    group = zarr.create_group(zarr.storage.LocalStore(path), zarr_format=2)
    for name, array in arrays.items():
        chunk = 20 if name.startswith(("variant", "call")) else len(array)
        group.create_array(name, data=array, chunks=(chunk, *array.shape[1:]))
