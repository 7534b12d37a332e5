"""Examples for --help, with the files of the folder examples/; the tests parse each."""

from __future__ import annotations

from dataclasses import dataclass

import typer
from rich.markup import escape


@dataclass(frozen=True)
class Example:
    """A command line and what it does."""

    does: str
    line: str


_PANEL = "--ref panel.vcf.gz"
_INPUT = f"{_PANEL} --gt target.vcf.gz"

EXAMPLES = {
    "impute": (
        Example("Impute with a genetic map", f"{_INPUT} --map plink.map --out imputed"),
        Example("One region, as BCF", f"{_INPUT} --chrom 1:1-600000 --out imputed.bcf"),
        Example("Time and memory to expect", f"{_INPUT} --out imputed --dry-run"),
        Example("Use swapped and flipped records too", f"{_INPUT} --fix swap,strand --out imputed"),
        Example("Phase the target, impute nothing", f"{_INPUT} --no-impute --out phased"),
        Example("As for Beagle", "ref=panel.vcf.gz gt=target.vcf.gz map=plink.map out=imputed"),
    ),
    "check": (
        Example("Look for faults, count what becomes of the target's records", _INPUT),
        Example("With their table", f"{_INPUT} --map plink.map --out checked"),
    ),
    "plan": (
        Example(
            "Parts of 4 windows and 100 samples",
            f"{_INPUT} --out job.json --part-windows 4 --part-samples 100",
        ),
    ),
    "run": (Example("The first part", "job.json --part 1 --out part-1.spart"),),
    "merge": (Example("All parts in a folder", "job.json parts --out imputed"),),
    "evaluate": (
        Example(
            "Score what was not typed, by the panel's MAF",
            f"--truth truth.vcf.gz --imputed imputed.vcf.gz {_PANEL} --typed target.vcf.gz --out scored",
        ),
        Example(
            "Two files, bins of your own",
            "--truth truth.vcf.gz --imputed imputed.vcf.gz --bins 0,0.01,0.5 --out scored",
        ),
    ),
    "train": (
        Example("Go on from a shipped model", f"{_PANEL} --map plink.map --init spin-small --out model"),
        Example("Simulated regions alone", "--simulate 20 --out model"),
        Example("Settings from a file, more steps", "--config train.toml --steps 20000 --out model"),
    ),
    "calibrate": (
        Example("Learn the panel's sites for an array", f"{_INPUT} --map plink.map --out calibrated"),
    ),
    "models": (Example("Names and model cards", ""),),
    "simulate": (
        Example("Two chromosomes of 1 Mb", "--people 300 --targets 20 --chromosomes 2 --out simulated"),
        Example("Another species", "--model stdpopsim:DroMel/African3Epoch_1S16 --out flies"),
    ),
    "panel build": (
        Example("Prepare a panel", f"{_PANEL} --out panel.spanel"),
        Example("One chromosome of it", f"{_PANEL} --chrom 1 --out chr1.spanel"),
    ),
    "panel info": (Example("Samples, records, size, source", "panel.spanel"),),
    "panel verify": (
        Example("Check the checksums", "panel.spanel"),
        Example("Compare with its source", f"panel.spanel {_PANEL}"),
    ),
}


def epilog(command: str) -> str:
    """The examples of a command for its help, two lines each."""
    paragraphs = ["[bold]Examples[/bold]"]
    for example in EXAMPLES.get(command, ()):
        line = f"$ spinimpute {command} {example.line}".rstrip()
        paragraphs.append(f"[dim]# {escape(example.does)}[/dim]\n{escape(line)}")
    return "\n\n".join(paragraphs)


def add_examples(app: typer.Typer, group: str = "") -> None:
    """Give each command of an app its examples; group is the app's own name if it is a part of another."""
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        command.epilog = epilog(f"{group} {name}".strip())
    for part in app.registered_groups:
        if part.typer_instance is not None:
            # Without a name of its own, a part adds its commands to the app.
            add_examples(part.typer_instance, part.name if isinstance(part.name, str) else group)
