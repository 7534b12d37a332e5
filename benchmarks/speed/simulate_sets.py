"""Write simulated sets of whole-run size, in the layout that run.py reads.

python -m benchmarks.speed.simulate_sets OUT [SET ...]

Each set is a folder with panel.vcf.gz, target.vcf.gz, truth.vcf.gz, their indices and plink.map. Genotypes
are taken from the simulated trees a few rows at a time, so memory does not grow with the region.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pysam
import pysam.bcftools
from numpy.typing import NDArray

from spinimpute.training.dataset import (
    DatasetSpec,
    SiteTable,
    VcfText,
    array_sites,
    drop_calls,
    header_lines,
    map_lines,
    person_names,
)
from spinimpute.training.demographies import history
from spinimpute.training.simulation import RegionSpec, biallelic, recombination_map, simulate_trees

if TYPE_CHECKING:
    import tskit

ROWS = 256  # taken from the trees at a time
CHROM = "1"
SPACING = 3_000  # mean bp between typed sites


@dataclass(frozen=True)
class SetSpec:
    """What to simulate; alleles with fewer copies than min_count among the panel's are left out.

    first_of names another set whose panel this one shares, with the first of its targets.
    """

    data: DatasetSpec
    seed: int
    min_count: int = 1
    first_of: str | None = None


def _spec(megabases: float, people: int, targets: int) -> DatasetSpec:
    region = RegionSpec("out_of_africa", people=people, length=round(1e6 * megabases))
    # No genotype is missing: Minimac4 4.1.2 aborts with an assertion where a phased target has a gap.
    return DatasetSpec(region, targets=targets, typed_spacing=SPACING, chromosomes=(CHROM,), missing=0)


SETS = {
    "mb10": SetSpec(_spec(10, 2_052, 200), seed=20_261_201),
    "panel20k": SetSpec(_spec(5, 10_052, 200), seed=20_261_202),
    # Without the panel's singletons, which at this size are a large share of all sites and of the text.
    "panel100k": SetSpec(_spec(1, 50_000, 200), seed=20_261_203, min_count=2),
    "one": SetSpec(_spec(10, 2_052, 1), seed=20_261_201, first_of="mb10"),
    "cohort1000": SetSpec(_spec(10, 2_052, 1_000), seed=20_261_205),
    "cohort5000": SetSpec(_spec(2, 2_052, 5_000), seed=20_261_204),
}


@dataclass(frozen=True)
class Rows:
    """Haplotypes of simulated people, as trees with some sites' REF and ALT swapped."""

    trees: tskit.TreeSequence
    swapped: NDArray[np.bool_]  # (V,)
    in_panel: NDArray[np.bool_]  # (N,)

    def blocks(self) -> Iterator[NDArray[np.uint8]]:
        """Yield all alleles (R, N), R rows at a time."""
        n_sites = len(self.swapped)
        block = np.empty((ROWS, len(self.in_panel)), np.uint8)
        for variant in self.trees.variants(copy=False):
            row = variant.site.id % ROWS
            block[row] = variant.genotypes
            if row == ROWS - 1 or variant.site.id == n_sites - 1:
                first = variant.site.id - row
                block[: row + 1] ^= self.swapped[first : first + row + 1, None]
                yield block[: row + 1]


def write_set(folder: Path, spec: SetSpec) -> None:
    """Simulate a set and write it; the same bytes for the same specification."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(spec.seed)
    everyone = replace(spec.data.region, people=spec.data.region.people + spec.data.targets)
    past = history(everyone.model)
    genetic_map = recombination_map(
        everyone.length, past.cm_per_mb if everyone.cm_per_mb is None else everyone.cm_per_mb,
        past.hotspot_share, rng,
    )  # fmt: skip
    trees = biallelic(simulate_trees(everyone, past, genetic_map, rng))
    rows = _draw_rows(trees, spec.data.targets, rng)
    pos = trees.sites_position.astype(np.int64) + 1
    cm = 100 * np.asarray(genetic_map.get_cumulative_mass(pos - 1.0))
    (folder / "plink.map").write_text("".join(map_lines(CHROM, pos, cm)))
    count = _panel_counts(rows)
    n_panel = 2 * spec.data.region.people
    kept = np.minimum(count, n_panel - count) >= spec.min_count
    sites = SiteTable.draw(CHROM, pos, np.where(kept, count, 0) / n_panel, rng)
    _write_files(folder, spec.data, sites, rows, rng)


def _draw_rows(trees: tskit.TreeSequence, targets: int, rng: np.random.Generator) -> Rows:
    """Choose the target people, and as REF the allele of a random haplotype, as a real reference does."""
    people = trees.num_samples // 2
    is_target = np.isin(np.arange(people), rng.choice(people, targets, replace=False))
    everyone = Rows(trees, np.zeros(trees.num_sites, np.bool_), np.repeat(~is_target, 2))
    frequency = np.concatenate([block.mean(axis=1) for block in everyone.blocks()])
    return replace(everyone, swapped=rng.random(trees.num_sites) < frequency)


def _panel_counts(rows: Rows) -> NDArray[np.int64]:
    """ALT alleles in the panel (V,)."""
    return np.concatenate([block.sum(axis=1, where=rows.in_panel, dtype=np.int64) for block in rows.blocks()])


def _write_files(
    folder: Path, spec: DatasetSpec, sites: SiteTable, rows: Rows, rng: np.random.Generator
) -> None:
    header = header_lines(spec)
    typed = np.isin(np.arange(len(sites.rows)), array_sites(sites, spec.typed_spacing, rng))
    names = {"panel": person_names("P", spec.region.people)}
    names |= dict.fromkeys(("target", "truth"), person_names("T", spec.targets))
    with ExitStack() as stack:
        files = {
            role: stack.enter_context(VcfText(folder / f"{role}.vcf.gz", header, people))
            for role, people in names.items()
        }
        first_row = 0
        for block in rows.blocks():
            here = np.arange(*np.searchsorted(sites.rows, [first_row, first_row + len(block)]))
            alleles = block[sites.rows[here] - first_row]
            first_row += len(block)
            hidden = alleles[:, ~rows.in_panel]
            files["panel"].write(sites.take(here), alleles[:, rows.in_panel])
            files["truth"].write(sites.take(here), hidden)
            array = typed[here]
            files["target"].write(sites.take(here[array]), drop_calls(hidden[array], spec.missing, rng))
    for role in names:
        pysam.tabix_index(str(folder / f"{role}.vcf.gz"), preset="vcf", force=True)


def write_part(out: Path, name: str, spec: SetSpec) -> None:
    """Write a set with another's panel and the first of its targets, simulating that set if need be."""
    assert spec.first_of is not None
    source, folder = out / spec.first_of, out / name
    if not (source / "truth.vcf.gz.tbi").exists():
        write_set(source, SETS[spec.first_of])
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("plink.map", "panel.vcf.gz", "panel.vcf.gz.tbi"):
        shutil.copy2(source / file, folder / file)
    chosen = ",".join(person_names("T", spec.data.targets))
    for file in ("target.vcf.gz", "truth.vcf.gz"):
        path = str(folder / file)
        pysam.bcftools.view(
            "--no-version", "-s", chosen, "-I", "-Oz", "-o", path, str(source / file), catch_stdout=False
        )
        pysam.tabix_index(path, preset="vcf", force=True)


def main() -> None:
    """Write the sets that are named, or all."""
    out, *names = sys.argv[1:]
    for name in names or SETS:
        spec = SETS[name]
        if spec.first_of is None:
            write_set(Path(out, name), spec)
        else:
            write_part(Path(out), name, spec)
        print(name, flush=True)


if __name__ == "__main__":
    main()
