"""Finished windows kept beside the output, so that an imputation that was cut off goes on from them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from spinimpute import __version__
from spinimpute.config import ImputeConfig
from spinimpute.errors import SpinImputeError
from spinimpute.imputed import ImputedWindow
from spinimpute.io.inputs import TargetChromosome
from spinimpute.io.outputs import PARTIAL, OutputNames, atomic_output, writing
from spinimpute.io.parcels import ParcelFile, ParcelWriter
from spinimpute.provenance import fingerprint
from spinimpute.windows import Window

T = TypeVar("T")

_JOB, _ENTRY = "job.json", "work"
# Settings that change no dose.
_FREE = {"nthreads", "resume"}


@dataclass(frozen=True)
class _Phased:
    """The target after phasing."""

    chromosomes: list[TargetChromosome]


class KeptWork:
    """The folder OUT.partial.d, private to the user; job (name to value) is what its work was done for.

    SpinImputeError if the folder holds work of another job.
    """

    def __init__(self, names: OutputNames, job: dict[str, str]) -> None:
        self.folder = names.vcf.with_name(names.vcf.name + PARTIAL + ".d")
        self._remedy = f"remove {self.folder} to begin anew"
        with writing(names.vcf):
            self.folder.mkdir(mode=0o700, exist_ok=True)
        if not any(path.suffix != PARTIAL for path in self.folder.iterdir()):
            with atomic_output(self.folder / _JOB) as unfinished:
                unfinished.write_text(json.dumps(job, indent=1) + "\n")
        self._check(job)

    @staticmethod
    def of(config: ImputeConfig, names: OutputNames, network: str) -> KeptWork:
        """The work kept for a job with a network on its device; files are known by a fingerprint and the time
        of their last change.
        """
        settings = {name: str(value) for name, value in asdict(config).items() if name not in _FREE}
        contents = {
            f"content of {path}": f"{fingerprint(path)} {path.stat().st_mtime_ns}" for path in config.files
        }
        job = {"version": __version__, **settings, **contents, "network": network}
        return KeptWork(names, job)

    def phased(self, compute: Callable[[], dict[str, TargetChromosome]]) -> dict[str, TargetChromosome]:
        """The phased target, computed unless it is here."""
        path = self.folder / "phased"
        if path.exists():
            found = self._read(path, _Phased).chromosomes
        else:
            found = list(compute().values())
            self._write(path, _Phased(found))
        return {each.sites.chrom: each for each in found}

    def windows(
        self, impute: Callable[[Window], ImputedWindow], windows: Iterable[Window]
    ) -> Iterator[ImputedWindow]:
        """Yield windows as imputed, computed unless they are here."""
        for number, window in enumerate(windows, 1):
            path = self.folder / f"window-{number:06d}"
            if path.exists():
                yield self._read(path, ImputedWindow)
            else:
                imputed = impute(window)
                self._write(path, imputed)
                yield imputed

    def remove(self) -> None:
        """Remove the folder once the output is complete."""
        shutil.rmtree(self.folder)

    def _check(self, job: dict[str, str]) -> None:
        try:
            found = json.loads((self.folder / _JOB).read_text())
            changed = [name for name in {**job, **found} if job.get(name) != found.get(name)]
        except (OSError, ValueError, TypeError) as error:
            raise SpinImputeError(
                "only an interrupted run can be resumed",
                where=str(self.folder),
                found="something else",
                remedy=self._remedy,
            ) from error
        if changed:
            raise SpinImputeError(
                "a run can be resumed with the same inputs, options and version only",
                where=str(self.folder),
                found=f"changed: {', '.join(changed)}",
                remedy=f"repeat them, or {self._remedy}",
            )

    def _read(self, path: Path, kind: type[T]) -> T:
        with ParcelFile(path, self._remedy) as file:
            return file.read(_ENTRY, kind)

    def _write(self, path: Path, value: object) -> None:
        with atomic_output(path) as unfinished, ParcelWriter(unfinished) as parcels:
            parcels.add(_ENTRY, value)
