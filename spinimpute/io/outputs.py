"""Output files that appear complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from spinimpute.errors import SpinImputeError

PARTIAL = ".partial"
# Formats with the suffix of their index, if they have one.
_SUFFIXES = {".vcf.gz": ".tbi", ".bcf": ".csi", ".vcz": "", ".bgen": ""}


@dataclass(frozen=True)
class OutputNames:
    """Where one run writes: the variant file, its index, the log and the fate table."""

    vcf: Path
    index: Path
    log: Path
    variants: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them, the variant file first."""
        return self.vcf, self.index, self.log, self.variants

    @staticmethod
    def from_out(out: str, out_format: str | None = None) -> OutputNames:
        """Names for --out, a prefix or a name with the ending of a format; out_format goes with a prefix."""
        suffix = next((end for end in _SUFFIXES if out.endswith(end)), None)
        prefix = out.removesuffix(suffix) if suffix else out
        wanted = f".{out_format.removeprefix('.')}" if out_format else suffix or ".vcf.gz"
        if wanted not in _SUFFIXES or (suffix and wanted != suffix) or not prefix or prefix.endswith(os.sep):
            raise SpinImputeError(
                "the output must be a prefix, or a name ending in .vcf.gz, .bcf, .vcz or .bgen",
                found=f"{out} as {wanted[1:]}",
            )
        return OutputNames(
            Path(prefix + wanted),
            Path(prefix + wanted + _SUFFIXES[wanted]),
            Path(prefix + ".log"),
            Path(prefix + ".variants.tsv.gz"),
        )


def partial_name(path: Path) -> Path:
    """The name under which path is written until it is complete."""
    return path.with_name(path.name + PARTIAL)


def publish(partial: Path, path: Path) -> None:
    """Make sure that partial is on the disk, then rename it to path."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    _rename(partial, path)


def publish_folder(partial: Path, path: Path) -> None:
    """As `publish`, for a folder."""
    for each in sorted(partial.rglob("*")):
        if each.is_file():
            with each.open("rb") as file:
                os.fsync(file.fileno())
    _rename(partial, path)


def _rename(partial: Path, path: Path) -> None:
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failure of the operating system into a SpinImputeError that names the output."""
    try:
        yield
    except OSError as error:
        raise SpinImputeError(
            "the output cannot be written",
            where=f"output {path}",
            found=error.strerror or str(error),
            remedy="check the space left on the disk",
        ) from error


@contextmanager
def atomic_output(path: Path) -> Iterator[Path]:
    """Yield the partial name to write to; rename it on success, remove it on an exception.

    SpinImputeError if the disk is full or refuses.
    """
    partial = partial_name(path)
    try:
        with writing(path):
            yield partial
            publish(partial, path)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
