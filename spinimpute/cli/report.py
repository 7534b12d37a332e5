"""Tables on the terminal, and the log that a run leaves beside its output."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from spinimpute import __version__
from spinimpute.io.outputs import atomic_output
from spinimpute.model_store import StoredModel

_UNFOLDED = 1 << 16  # columns
LIBRARIES = ("torch", "numpy", "numba", "cyvcf2", "pysam")


class Journal(logging.Handler):
    """Collects what a run says, with the time; as a logging handler it hears the library's loggers too."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []
        self.warnings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a log record."""
        self.add(f"{record.levelname.lower()}: {record.getMessage()}")
        if record.levelno >= logging.WARNING:
            self.warnings.append(record.getMessage())

    def add(self, message: str) -> None:
        """Keep a line."""
        self.lines.append(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {message}")


def write_log(
    path: Path,
    command: str,
    parameters: Mapping[str, str],
    journal: Journal,
    sections: Mapping[str, Mapping[str, str]],
) -> None:
    """Write the log of a finished run: command, versions, parameters, what happened, then named tables."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    lines = [
        f"spinimpute {__version__}",
        f"command: {command}",
        f"Python {platform.python_version()}, {libraries}",
        *_section("parameters", parameters),
        "",
        *journal.lines,
    ]
    for title, rows in sections.items():
        lines += _section(title, rows)
    with atomic_output(path) as partial:
        partial.write_text("\n".join(lines) + "\n")


def _section(title: str, rows: Mapping[str, str]) -> list[str]:
    return ["", title, *(f"  {name:<20} {value}" for name, value in rows.items())]


def print_table(rows: Mapping[str, str]) -> None:
    """Print names and values in two columns."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, value)
    show(table)


def show(table: Table) -> None:
    """Print a table: folded to the width of a terminal, in whole lines for whatever else reads it."""
    width = None if Console().is_terminal else _UNFOLDED
    Console(width=width).print(table, highlight=False)


def print_models(models: Iterable[StoredModel]) -> None:
    """Print each model's name and where its card is."""
    known = {model.name: str(model.card) if model.card.is_file() else str(model.folder) for model in models}
    print_table(known or {"no models": "this version comes without one; train one with `spinimpute train`"})


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
    )


def megabytes(size: float) -> str:
    """A size in MB as a person reads it."""
    return f"{size / 1000:.1f} GB" if size >= 1000 else f"{size:.0f} MB" if size >= 10 else f"{size:.1f} MB"
