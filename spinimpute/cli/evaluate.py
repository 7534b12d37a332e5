"""The command that compares imputed genotypes with the truth."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from spinimpute import __version__
from spinimpute.cli.meter import open_meter
from spinimpute.cli.report import print_table, show
from spinimpute.evaluation.comparison import Files
from spinimpute.io.integrity import check_output
from spinimpute.provenance import command_line

if TYPE_CHECKING:
    from spinimpute.evaluation.run import Evaluation, Measures


@dataclass(frozen=True)
class AccuracyNames:
    """Where one evaluation writes."""

    measures: Path
    calibration: Path
    sites: Path
    page: Path

    @staticmethod
    def of(prefix: str, files: Files) -> AccuracyNames:
        """Names for --out; SpinImputeError if they cannot be written."""
        ends = "accuracy.tsv", "calibration.tsv", "sites.tsv.gz", "accuracy.html"
        paths = [Path(f"{prefix}.{end}") for end in ends]
        for path in paths:
            check_output(path, [files.truth, files.imputed])
        return AccuracyNames(*paths)


def run_evaluate(files: Files, edges: tuple[float, ...], out: str, quiet: bool) -> None:
    """Compare, write tables and page, print the measures; SpinImputeError as `evaluation.run.evaluate`."""
    from spinimpute.evaluation.run import evaluate
    from spinimpute.evaluation.tables import write_calibration, write_measures
    from spinimpute.report.evaluation_page import evaluation_page
    from spinimpute.report.page import write_page

    names = AccuracyNames.of(out, files)
    with open_meter(quiet) as meter:
        found = evaluate(files, edges, names.sites, meter.update)
    write_measures(names.measures, found.rows())
    write_calibration(names.calibration, found.rows())
    page = evaluation_page(found, _details(files))
    write_page(names.page, page)
    for warning in page.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if not quiet:
        _print(found)
        print_table(
            {"page": str(names.page), "tables": f"{names.measures}, {names.calibration}, {names.sites}"}
        )


def _details(files: Files) -> dict[str, str]:
    given = {
        "command": command_line(sys.argv),
        "version": __version__,
        "time": time.strftime("%Y-%m-%d %H:%M:%S"),
        "truth": str(files.truth),
        "imputed": str(files.imputed),
    }
    return given | {
        name: str(path) for name, path in (("panel", files.panel), ("typed", files.typed)) if path
    }


def _print(found: Evaluation) -> None:
    show(_table("MAF", (*found.by_maf, found.overall)))
    if len(found.by_type) > 1:
        show(_table("type", found.by_type))
    print_table({fate.value: f"{count:,}" for fate, count in found.fates.items()})


def _table(first: str, rows: Iterable[Measures]) -> Table:
    from spinimpute.report.evaluation_page import HEADS, cells, maf_label

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first)
    for head in HEADS:
        table.add_column(head, justify="right")
    for row in rows:
        table.add_row(maf_label(row.name), *cells(row))
    return table
