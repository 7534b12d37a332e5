"""What panel and target must have in common before anything is imputed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from spinimpute.errors import SpinImputeError
from spinimpute.sites import Fate, FateTable, resolve_contig

_SHOWN = 3  # names or positions in a message
_FEWEST = 10  # mismatched records below which their share says little


def check_samples(panel: Collection[str], target: Sequence[str], panel_path: Path, target_path: Path) -> None:
    """Raise SpinImputeError if a sample is in both files: it would be imputed from itself."""
    held = set(panel)
    shared = [name for name in target if name in held]
    if shared:
        raise SpinImputeError(
            "panel and target must not share samples",
            where=f"panel {panel_path}, target {target_path}",
            found=f"{len(shared)}: {_some(shared)}",
            remedy="--allow-overlap leaves them out of the panel",
        )


def shared_chromosomes(
    panel: Collection[str], target: Sequence[str], panel_path: Path, target_path: Path
) -> dict[str, str]:
    """The panel's name of each target chromosome that it has; SpinImputeError if there is none."""
    names = {chrom: resolve_contig(chrom, panel) for chrom in target}
    shared = {chrom: name for chrom, name in names.items() if name is not None}
    if not shared:
        raise SpinImputeError(
            "panel and target must share a chromosome",
            where=f"panel {panel_path}, target {target_path}",
            found=f"{_some(list(panel))} in the panel, {_some(list(target))} in the target",
        )
    return shared


def check_shared_sites(tables: Sequence[FateTable], panel_path: Path, target_path: Path) -> None:
    """Raise SpinImputeError if no target record of any chromosome could be used."""
    if any(table.used for table in tables):
        return
    counts = sum(len(table.sites) for table in tables), sum(table.panel_records for table in tables)
    target = [f"{table.sites.chrom}:{pos}" for table in tables for pos in table.sites.pos[:_SHOWN].tolist()]
    panel = [f"{table.sites.chrom}:{pos}" for table in tables for pos in table.panel_first]
    found = f"{counts[1]} panel records ({_some(panel)}) and {counts[0]} target records ({_some(target)})"
    raise SpinImputeError(
        "panel and target must share a site",
        where=f"panel {panel_path}, target {target_path}",
        found=f"none among {found}: {_reasons(tables)}",
        remedy="check that both use the same genome build",
    )


def check_alleles(tables: Sequence[FateTable], target_path: Path, limit: float = 0.1) -> None:
    """Raise SpinImputeError if a larger share of the matching records is swapped or flipped, unmended."""
    unmended = sum(table.unmended for table in tables)
    total = unmended + sum(table.used for table in tables)
    if unmended >= _FEWEST and unmended > limit * total:
        raise SpinImputeError(
            f"at most {limit:.0%} of the shared records may have REF and ALT swapped or on the other strand",
            where=f"target {target_path}",
            found=f"{unmended} of {total}",
            remedy="--fix swap,strand mends them; or check the genome build",
        )


def _reasons(tables: Sequence[FateTable]) -> str:
    counts = {fate: sum(table.counts[fate] for table in tables) for fate in Fate}
    met = [f"{count} {fate.value}" for fate, count in counts.items() if count]
    return ", ".join(met)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "") or "none"
