"""The commands on prepared panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from spinimpute.cli import options
from spinimpute.cli.once import OnceCommand
from spinimpute.cli.report import print_table

if TYPE_CHECKING:
    from spinimpute.prepare import PanelSummary

app = typer.Typer(no_args_is_help=True, help="Prepare, describe and check a reference panel for fast reuse.")


@app.command(cls=OnceCommand)
def build(ref: options.PanelSource, out: options.PanelOut, chrom: options.Chrom = None) -> None:
    """Prepare a panel: smaller, read faster and by region, used as --ref like the panel itself."""
    from spinimpute.io.region import Region
    from spinimpute.prepare import build_panel

    build_panel(ref, out, Region.parse(chrom) if chrom else None)
    info(out)


@app.command()
def info(file: options.PreparedFile) -> None:
    """Describe a prepared panel."""
    from spinimpute.io.prepared import PreparedPanel
    from spinimpute.prepare import summarise

    with PreparedPanel(file) as panel:
        print_table(_rows(summarise(panel)))


@app.command(cls=OnceCommand)
def verify(file: options.PreparedFile, ref: options.VerifySource = None) -> None:
    """Check that a prepared panel is whole; with --ref, that it holds what its source does."""
    from spinimpute.prepare import verify_panel

    same_file = verify_panel(file, ref)
    print_table({"checksums": "as written"})
    if ref:
        digest = "the panel's source" if same_file else "another file than the panel's source"
        print_table({"records": f"as in {ref}", "--ref": digest})


def _rows(summary: PanelSummary) -> dict[str, str]:
    details = summary.details
    rows = {
        "samples": f"{len(details.samples):,}",
        "haplotypes": f"{2 * len(details.samples):,}",
        "records": f"{sum(summary.records.values()):,}",
    }
    for chrom, count in summary.records.items():
        first, last = summary.span[chrom]
        rows[f"  {chrom}"] = f"{count:,} in {first:,}-{last:,}"
    return rows | {
        "size": f"{summary.size / 1e6:,.2f} MB, {summary.bits:.3f} bits per genotype",
        "stored sparsely": f"{summary.sparse:.1%} of the variants",
        "source": details.source + (f", {details.region}" if details.region else ""),
        "source SHA-256": details.sha256,
        "created": f"{details.created} by spinimpute {details.software}",
    }
