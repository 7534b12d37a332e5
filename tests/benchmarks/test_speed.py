"""The speed benchmark: simulated sets, table, results on disk, fit of the cost model."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.tools import Cost
from benchmarks.speed.dry_run import repeatable
from benchmarks.speed.fit_estimate import Run, fit
from benchmarks.speed.measurements import Measurement, Results, Size, table
from spinimpute.config import ImputeConfig
from spinimpute.estimate import COEFFICIENTS, Coefficients, predict
from spinimpute.io.contents import Kind
from spinimpute.io.inputs import read_panel, read_target
from spinimpute.workload import Windows, Workload

SIZE = Size(panel_haplotypes=4000, targets=200, records=1000, typed=30, megabases=1.0)


def measurement(tool: str, *seconds: float, prepare: Cost | None = None) -> Measurement:
    repeats = tuple(Cost(s, 100 * s, 2 * s) for s in seconds)
    return Measurement("set", tool, SIZE, repeats, 2.5, prepare)


def test_table_has_medians_and_ratios(tmp_path: Path) -> None:
    measured = (
        measurement("spinimpute", 1.0, 9.0, 2.0),
        measurement("beagle", 4.0),
        measurement("minimac4", 1.0, prepare=Cost(3.0, 50.0)),
    )
    results = Results({"threads": "2"}, measured, ("set: x failed",))
    lines = table(results).splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:5]]
    assert rows[2] == [
        "set", "spinimpute", "2.0", "4.0", "200", "2.5", "0.50", "0.50", "2.00", "2.00",
    ]  # fmt: skip
    assert rows[3][6:] == ["", "", "4.00", "4.00"]
    assert rows[4][2] == "1.0 (+ 3.0 to prepare)"
    assert lines[-1] == "- failed: set: x failed"
    results.write(tmp_path / "results.json")
    assert Results.read(tmp_path / "results.json") == results


def test_sets_are_whole_and_the_same_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("msprime")
    from benchmarks.speed import simulate_sets
    from benchmarks.speed.simulate_sets import SetSpec, _spec, write_part, write_set

    monkeypatch.setattr(simulate_sets, "ROWS", 16)
    spec = SetSpec(_spec(0.1, 30, 4), seed=1, min_count=2)
    for name in ("a", "b"):
        write_set(tmp_path / name, spec)
    for file in ("panel.vcf.gz", "target.vcf.gz", "truth.vcf.gz", "plink.map"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    panel = np.concatenate([block.alleles for block in read_panel(tmp_path / "a" / "panel.vcf.gz")])
    truth = read_target(tmp_path / "a" / "truth.vcf.gz")["1"]
    target = read_target(tmp_path / "a" / "target.vcf.gz")["1"]
    assert panel.shape == (len(truth.sites), 60)
    assert np.minimum(panel.sum(axis=1), 60 - panel.sum(axis=1)).min() >= 2
    rows = np.searchsorted(truth.sites.pos, target.sites.pos)
    assert 0 < len(rows) < len(panel)
    assert (truth.alleles[rows] == target.alleles).all()
    monkeypatch.setitem(simulate_sets.SETS, "a", spec)
    write_part(tmp_path, "one", replace(spec, data=_spec(0.1, 30, 1), first_of="a"))
    one = read_target(tmp_path / "one" / "target.vcf.gz")["1"]
    assert one.samples == target.samples[:1]
    assert (one.alleles == target.alleles[:, :2]).all()


def test_runs_from_prepared_panels_are_had_again_from_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = tuple(measurement(tool, 1.0) for tool in ("spinimpute", "beagle", "spinimpute-prepared"))
    results = Results({"threads": "2"}, measured)
    assert [run.name for run in repeatable(results, tmp_path, tmp_path / "out")] == ["set"]
    prepared = tmp_path / "out" / "set" / "panel.spanel"
    assert capsys.readouterr().err == f"set, spinimpute-prepared left out: no {prepared}\n"
    prepared.parent.mkdir(parents=True)
    prepared.touch()
    again = list(repeatable(results, tmp_path, tmp_path / "out"))
    assert [run.config.ref for run in again] == [tmp_path / "set" / "panel.vcf.gz", prepared]


def test_fit_finds_the_coefficients_that_made_the_runs() -> None:
    true = Coefficients(**{name: 1.5 * value for name, value in asdict(COEFFICIENTS).items()})
    runs = []
    shapes = [(200, 4000, 100_000), (1, 4000, 100_000), (5000, 4000, 20_000), (200, 100_000, 30_000)]
    shapes.append((20, 900, 1000))
    for (samples, haplotypes, records), kind in product(shapes, (Kind.TEXT, Kind.PREPARED)):
        windows = Windows(3, records // 30, 64 * (records // 110), 64 * (records // 250), 0.4, 0.6)
        work = Workload(
            samples, haplotypes, records, True, records, 0.05, kind, windows, 1 << 14, 2, "cpu", "m"
        )
        config = ImputeConfig(ref=Path("r"), gt=Path("g"), out="o")
        made = predict(work, config, true)
        cost = Cost(made.seconds, made.memory_megabytes)
        measured = Measurement("set", "spinimpute", SIZE, (cost,), made.output_megabytes)
        runs.append(Run("set", work, config, measured))
    fitted = fit(runs)
    for run in runs:
        again = predict(run.work, run.config, fitted)
        assert again.seconds == pytest.approx(run.measured.cost.seconds, rel=0.05)
        assert again.memory_megabytes == pytest.approx(run.measured.cost.megabytes, rel=0.05)
        assert again.output_megabytes == pytest.approx(run.measured.output_megabytes, rel=0.05)
