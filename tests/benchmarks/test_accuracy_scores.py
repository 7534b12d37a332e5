"""The accuracy score, against a dictionary-and-loop reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.scores import read_truth, score, squared_correlation
from spinimpute.config import MAF_EDGES
from spinimpute.errors import SpinImputeError

HEADER = "##fileformat=VCFv4.3\n##contig=<ID=1>\n##contig=<ID=2>\n" + "".join(
    f'##FORMAT=<ID={key},Number={number},Type={kind},Description="x">\n'
    for key, number, kind in (("GT", "1", "String"), ("DS", "A", "Float"))
)


def write(path: Path, samples: list[str], form: str, rows: dict[tuple[str, int, str], list[str]]) -> Path:
    """A VCF of (chrom, pos, ALT) rows."""
    columns = "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])
    lines = [
        f"{c}\t{p}\t.\tA\t{alt}\t.\t.\t.\t{form}\t" + "\t".join(calls) for (c, p, alt), calls in rows.items()
    ]
    path.write_text(HEADER + "\n".join([columns, *lines]) + "\n")
    return path


@pytest.fixture
def problem(tmp_path: Path) -> dict[str, Path]:
    rng = np.random.default_rng(0)
    sites = [(c, p, "C") for c in ("1", "2") for p in range(100, 160)]
    frequency = rng.choice([0.004, 0.03, 0.3], size=len(sites))

    def calls(people: int) -> dict[tuple[str, int, str], list[str]]:
        alleles = (rng.random((len(sites), people, 2)) < frequency[:, None, None]).astype(int)
        return {site: [f"{a}|{b}" for a, b in row] for site, row in zip(sites, alleles, strict=True)}

    truth, panel = calls(9), calls(200)
    truth["1", 500, "C,G"] = panel["1", 500, "C,G"] = ["0|1"] * 9
    panel["1", 500, "C,G"] = ["0|2"] * 200
    people = [f"S{i}" for i in range(9)]
    imputed = {
        site: [
            f"0|0:{min(2, max(0, sum(map(int, call.split('|'))) + rng.normal(0, 0.3))):.3f}" for call in row
        ][::-1]
        for site, row in list(truth.items())[:-11]
    }
    return {
        "truth": write(tmp_path / "truth.vcf", people, "GT", truth),
        "panel": write(tmp_path / "panel.vcf", [f"P{i}" for i in range(200)], "GT", panel),
        "target": write(tmp_path / "target.vcf", people, "GT", {s: truth[s] for s in sites[::4]}),
        "imputed": write(tmp_path / "imputed.vcf", people[::-1], "GT:DS", imputed),
    }


def rows(path: Path) -> dict[tuple[str, str], list[str]]:
    """The calls of each biallelic site, by (chrom, pos)."""
    fields = [line.split("\t") for line in path.read_text().splitlines() if not line.startswith("#")]
    return {(f[0], f[1]): f[9:] for f in fields if "," not in f[4]}


def test_score_agrees_with_a_plain_loop(problem: dict[str, Path]) -> None:
    truth, panel, target, imputed = (rows(problem[name]) for name in ("truth", "panel", "target", "imputed"))
    pairs: dict[int, list[tuple[float, float]]] = {i: [] for i in range(-1, len(MAF_EDGES) - 1)}
    for site, calls in truth.items():
        if site in target:
            continue
        frequency = float(np.mean([int(a) for call in panel[site] for a in call.split("|")]))
        maf = min(frequency, 1 - frequency)
        where = next((i for i in range(len(MAF_EDGES) - 1) if MAF_EDGES[i] < maf <= MAF_EDGES[i + 1]), -1)
        doses = (
            [float(c.split(":")[1]) for c in imputed[site][::-1]] if site in imputed else [2 * frequency] * 9
        )
        pairs[where] += [(d, sum(map(int, c.split("|")))) for d, c in zip(doses, calls, strict=True)]
    accuracy = score(read_truth(problem["truth"], problem["panel"], problem["target"]), problem["imputed"])
    for i, r2 in enumerate(accuracy.by_maf):
        x, y = np.array(pairs[i]).reshape(-1, 2).T
        defined = len(x) and x.std() > 0 and y.std() > 0
        assert r2 == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2 if defined else np.nan, rel=1e-5, nan_ok=True)
        assert accuracy.sites[i] == len(x) / 9
    x, y = np.array([pair for values in pairs.values() for pair in values]).T
    assert accuracy.overall == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2, rel=1e-5)
    assert accuracy.missing == sum(site not in imputed and site not in target for site in truth) > 0


def test_lacking_dosages_and_samples_are_refused(problem: dict[str, Path]) -> None:
    truth = read_truth(problem["truth"], problem["panel"], problem["target"])
    with pytest.raises(SpinImputeError, match="no DS field"):
        score(truth, problem["truth"])
    with pytest.raises(SpinImputeError, match="found S0"):
        score(truth, problem["panel"])
    with pytest.raises(SpinImputeError, match="no site"):
        read_truth(problem["target"], problem["panel"], problem["target"])


def test_constant_values_have_no_correlation() -> None:
    one = np.ones(4, np.float32)
    assert np.isnan(squared_correlation(one, np.arange(4, dtype=np.float32)))
