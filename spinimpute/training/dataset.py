"""A simulated imputation problem on disk: panel, array-typed target, its truth and a genetic map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.training.simulation import RegionSpec, SimulatedRegion, simulate_region

ARRAY_MIN_MAF = 0.02  # in the panel; array designs choose common variants
MAP_SPACING = 2_000  # bp between the genetic map's lines
PARTNERS = {"A": "GCT", "C": "TAG", "G": "ACT", "T": "CAG"}  # the transition first


@dataclass(frozen=True)
class DatasetSpec:
    """How many people and chromosomes, and how the target is typed; `region.people` counts the panel only."""

    region: RegionSpec = field(default_factory=RegionSpec)
    targets: int = 40
    chromosomes: tuple[str, ...] = ("1",)
    typed_spacing: int = 3_500  # mean bp between typed sites
    missing: float = 0.005  # share of typed genotypes
    target_population: str | None = None  # of the region's model; None takes targets from all

    def __post_init__(self) -> None:
        if self.targets < 1 or not self.chromosomes or self.typed_spacing < 1:
            raise SpinImputeError("a data set needs a target person, a chromosome and a positive spacing")
        if not 0 <= self.missing <= 1:
            raise SpinImputeError("missing is a share between 0 and 1", found=str(self.missing))


@dataclass(frozen=True)
class DatasetFiles:
    """Where a data set lies; each VCF has its tabix index beside it."""

    panel: Path
    target: Path
    truth: Path
    map: Path


def write_dataset(folder: Path, spec: DatasetSpec, seed: int) -> DatasetFiles:
    """Simulate and write a data set, byte-identical for the same seed; SpinImputeError as simulate_region."""
    import pysam

    rng = np.random.default_rng(seed)
    everyone = RegionSpec(**{**vars(spec.region), "people": spec.region.people + spec.targets})
    regions = [simulate_region(everyone, int(rng.integers(2**31))) for _ in spec.chromosomes]
    chosen = np.sort(rng.choice(_eligible(spec, regions[0]), spec.targets, replace=False))
    is_target = np.isin(np.arange(everyone.people), chosen)
    files = DatasetFiles(
        *(folder / name for name in ("panel.vcf.gz", "target.vcf.gz", "truth.vcf.gz", "plink.map"))
    )
    folder.mkdir(parents=True, exist_ok=True)
    header = header_lines(spec)
    with (
        VcfText(files.panel, header, person_names("P", spec.region.people)) as panel,
        VcfText(files.target, header, person_names("T", spec.targets)) as target,
        VcfText(files.truth, header, person_names("T", spec.targets)) as truth,
        files.map.open("w") as plink,
    ):
        for chrom, region in zip(spec.chromosomes, regions, strict=True):
            plink.writelines(map_lines(chrom, region.pos, region.cm))
            frequency = region.alleles[:, np.repeat(~is_target, 2)].mean(axis=1)
            sites = SiteTable.draw(chrom, region.pos, frequency, rng)
            panel.write(sites, region.alleles[sites.rows][:, np.repeat(~is_target, 2)])
            hidden = region.alleles[sites.rows][:, np.repeat(is_target, 2)]
            truth.write(sites, hidden)
            typed = array_sites(sites, spec.typed_spacing, rng)
            target.write(sites.take(typed), drop_calls(hidden[typed], spec.missing, rng))
    for path in (files.panel, files.target, files.truth):
        pysam.tabix_index(str(path), preset="vcf", force=True)
    return files


def _eligible(spec: DatasetSpec, region: SimulatedRegion) -> NDArray[np.int64]:
    """Which people may be targets."""
    wanted = spec.target_population
    eligible = np.array([i for i, name in enumerate(region.population) if wanted in {None, name}], np.int64)
    if len(eligible) < spec.targets:
        known = ", ".join(sorted(set(region.population)))
        raise SpinImputeError(
            f"{spec.targets} targets need as many people of population {wanted}",
            found=str(len(eligible)),
            remedy=f"populations: {known}",
        )
    return eligible


@dataclass(frozen=True)
class SiteTable:
    """Sites of one chromosome: rows (V,) of the region, pos (V,) bp, maf (V,) in the panel, letters."""

    chrom: str
    rows: NDArray[np.int64]
    pos: NDArray[np.int64]
    maf: NDArray[np.float64]
    letters: tuple[str, ...]  # "A\tG"

    @classmethod
    def draw(
        cls,
        chrom: str,
        pos: NDArray[np.int64],
        frequency: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> SiteTable:
        """The sites that vary in the panel, from each row's (V,) position and ALT frequency there."""
        rows = np.flatnonzero((frequency > 0) & (frequency < 1))
        refs = rng.choice(list("ACGT"), size=len(rows))
        partners = rng.choice(3, size=len(rows), p=[2 / 3, 1 / 6, 1 / 6])
        letters = tuple(f"{ref}\t{PARTNERS[ref][i]}" for ref, i in zip(refs, partners, strict=True))
        return cls(chrom, rows, pos[rows], np.minimum(frequency, 1 - frequency)[rows], letters)

    def take(self, chosen: NDArray[np.int64]) -> SiteTable:
        """The chosen sites, by number."""
        letters = tuple(self.letters[i] for i in chosen)
        return SiteTable(self.chrom, self.rows[chosen], self.pos[chosen], self.maf[chosen], letters)


class VcfText:
    """A phased VCF written as BGZF text, one fixed-width byte matrix per chromosome."""

    def __init__(self, path: Path, header: Sequence[str], samples: Sequence[str]) -> None:
        import pysam

        self._file = pysam.BGZFile(str(path), "wb", None)
        columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
        self._file.write("".join([*header, "\t".join([*columns, *samples]), "\n"]).encode())

    def __enter__(self) -> VcfText:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, sites: SiteTable, alleles: NDArray[np.uint8]) -> None:
        """alleles: (V, N) 0 or 1, and 2 for a missing one."""
        text = np.full((*alleles.shape, 2), ord("|"), np.uint8)
        text[:, :, 0] = np.frombuffer(b"01.", np.uint8)[alleles]
        text[:, 1::2, 1] = ord("\t")
        text[:, -1, 1] = ord("\n")
        for pos, letters, row in zip(sites.pos, sites.letters, text, strict=True):
            self._file.write(f"{sites.chrom}\t{pos}\t.\t{letters}\t.\tPASS\t.\tGT\t".encode() + row.tobytes())


def array_sites(sites: SiteTable, spacing: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Typed sites: at random places, the next common enough variant."""
    common = np.flatnonzero(sites.maf >= ARRAY_MIN_MAF)
    if not len(common):
        raise SpinImputeError(
            "no common variant to type", found=sites.chrom, remedy="simulate a longer region"
        )
    places = rng.uniform(0, sites.pos[-1], size=max(1, int(sites.pos[-1] / spacing)))
    after = np.searchsorted(sites.pos[common], places).clip(max=len(common) - 1)
    return np.unique(common[after])


def drop_calls(alleles: NDArray[np.uint8], share: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """alleles (V, T) with a share of the people's genotypes missing, as 2."""
    lost = rng.random((alleles.shape[0], alleles.shape[1] // 2)) < share
    return np.where(np.repeat(lost, 2, axis=1), np.uint8(2), alleles)


def map_lines(chrom: str, pos: NDArray[np.int64], cm: NDArray[np.float64]) -> list[str]:
    """A PLINK map through some of the sites."""
    _, first = np.unique(pos // MAP_SPACING, return_index=True)
    kept = np.union1d(first, [len(pos) - 1])
    return [f"{chrom} . {at:.6f} {bp}\n" for bp, at in zip(pos[kept], cm[kept], strict=True)]


def header_lines(spec: DatasetSpec) -> list[str]:
    """A VCF header without its column names."""
    contigs = [f"##contig=<ID={chrom},length={spec.region.length}>\n" for chrom in spec.chromosomes]
    meaning = '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    return [
        "##fileformat=VCFv4.3\n",
        '##FILTER=<ID=PASS,Description="All filters passed">\n',
        *contigs,
        meaning,
    ]


def person_names(letter: str, count: int) -> list[str]:
    """P0001, P0002, ..."""
    return [f"{letter}{i + 1:04d}" for i in range(count)]
