"""Genetic maps: base pairs to centimorgans."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.integrity import GZIP_MAGIC, check_input
from spinimpute.io.records import MOST_POSITION
from spinimpute.sites import resolve_contig

DEFAULT_RATE = 1.0  # cM per Mb
_SORT = "sort the map by chromosome and position, or get it again"
_LAYOUTS = "PLINK (chr id cM pos), SHAPEIT (pos chr cM), Eagle (chr pos rate cM) or Minimac (#chr pos cM)"


@dataclass(frozen=True)
class _Curve:
    """One chromosome's map: pos (P,) 1-based ascending, cm (P,) not descending."""

    pos: NDArray[np.float64]
    cm: NDArray[np.float64]

    @property
    def rate(self) -> float:
        """Mean rate in cM per base."""
        span = float(self.pos[-1] - self.pos[0])
        rate = float(self.cm[-1] - self.cm[0]) / span if span else 0.0
        return rate or DEFAULT_RATE * 1e-6

    def at(self, pos: NDArray[np.int64]) -> NDArray[np.float64]:
        inside = np.interp(pos, self.pos, self.cm)
        beyond = np.minimum(pos - self.pos[0], 0) + np.maximum(pos - self.pos[-1], 0)
        return np.asarray(inside + beyond * self.rate, np.float64)


class GeneticMap:
    """Genetic position of every base: linear between map points, at the chromosome's mean rate beyond."""

    def __init__(self, curves: Mapping[str, _Curve], where: str = "", rate: float | None = None) -> None:
        self._curves = dict(curves)
        self._where = where
        self._rate = rate

    @staticmethod
    def constant(rate: float = DEFAULT_RATE) -> GeneticMap:
        """A map of every chromosome at one rate in cM per Mb."""
        return GeneticMap({}, rate=rate)

    @staticmethod
    def read(path: Path) -> GeneticMap:
        """Read a PLINK, SHAPEIT, Eagle or Minimac map, plain or gzip; SpinImputeError names a bad line."""
        check_input(path, "map")
        where = f"map {path}"
        points: dict[str, list[tuple[int, float]]] = {}
        for number, chrom, pos, cm in _parse(path, where):
            _append(points, chrom, pos, cm, f"{where} line {number}")
        if not points:
            raise SpinImputeError("the map has no positions", where=where, remedy=f"layouts: {_LAYOUTS}")
        return GeneticMap({chrom: _curve(curve) for chrom, curve in points.items()}, where)

    @property
    def chromosomes(self) -> list[str]:
        """The chromosomes of the map; empty for a constant one."""
        return list(self._curves)

    def has(self, chrom: str) -> bool:
        """Tell whether the map has a chromosome, as a constant one has every."""
        return self._rate is not None or resolve_contig(chrom, self._curves) is not None

    def cm(self, chrom: str, pos: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return cM at 1-based positions, same shape; SpinImputeError if the map lacks the chromosome."""
        if self._rate is not None:
            return np.asarray(pos * (self._rate * 1e-6), np.float64)
        name = resolve_contig(chrom, self._curves)
        if name is None:
            raise SpinImputeError(
                f"the map lacks chromosome {chrom}",
                where=self._where,
                found=", ".join(self._curves),
                remedy="give a map of it, or leave out --map for 1 cM/Mb",
            )
        return self._curves[name].at(pos)


def _append(points: dict[str, list[tuple[int, float]]], chrom: str, pos: int, cm: float, where: str) -> None:
    """Add a point to its chromosome; SpinImputeError if it is out of order."""
    if points and chrom in points and chrom != next(reversed(points)):
        raise SpinImputeError(
            "lines of one chromosome must be together", where=where, found=f"{chrom} again", remedy=_SORT
        )
    curve = points.setdefault(chrom, [])
    last_pos, last_cm = curve[-1] if curve else (-1, -np.inf)
    if pos < last_pos or cm < last_cm:
        raise SpinImputeError(
            "a map must ascend in position and cM",
            where=where,
            found=f"{pos} at {cm:g} cM after {last_pos} at {last_cm:g} cM",
            remedy=_SORT,
        )
    if pos == last_pos and cm != last_cm:
        raise SpinImputeError(
            "a position has one cM value",
            where=where,
            found=f"{pos} at {last_cm:g} and {cm:g}",
            remedy="remove one line",
        )
    if pos > last_pos:
        curve.append((pos, cm))


def _curve(points: list[tuple[int, float]]) -> _Curve:
    pos, cm = np.array(points, np.float64).T
    return _Curve(pos, cm)


def _lines(path: Path, where: str) -> Iterator[str]:
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
    try:
        with (gzip.open if packed else open)(path, "rt", encoding="utf-8") as text:
            yield from text
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise SpinImputeError(
            "the map cannot be read", where=where, found=str(error), remedy="copy it or write it again"
        ) from error


def _parse(path: Path, where: str) -> Iterator[tuple[int, str, int, float]]:
    """Yield (line number, chrom, pos, cM)."""
    columns: tuple[int, int, int] | None = None
    for number, line in enumerate(_lines(path, where), 1):
        fields = line.split()
        if not fields:
            continue
        if columns is None or number == 1:
            columns = _columns(fields)
            if _is_header(fields):
                continue
        try:
            chrom, pos, cm = (fields[column] for column in columns)
            point = number, chrom, int(pos), float(cm)
        except (ValueError, IndexError) as error:
            raise SpinImputeError(
                "a map line is malformed",
                where=f"{where} line {number}",
                found=repr(line.strip()[:60]),
                remedy=f"layouts: {_LAYOUTS}",
            ) from error
        if not (np.isfinite(point[3]) and 0 <= point[2] <= MOST_POSITION):
            raise SpinImputeError(
                f"a map needs finite cM and positions from 0 to {MOST_POSITION}",
                where=f"{where} line {number}",
                found=repr(line.strip()[:60]),
                remedy="remove the line",
            )
        yield point


def _is_header(fields: list[str]) -> bool:
    return fields[0].startswith("#") or any(
        field.lower().strip('"') in {"pos", "position", "chr"} for field in fields
    )


def _columns(fields: list[str]) -> tuple[int, int, int]:
    """Columns of chromosome, position and cM, told from a header or the number of fields."""
    names = [field.lower().strip('"#') for field in fields]
    if _is_header(fields):
        chrom = next((i for i, name in enumerate(names) if name.startswith("chr")), 0)
        pos = next((i for i, name in enumerate(names) if name.startswith("pos")), 1)
        return chrom, pos, len(fields) - 1
    return (0, 3, 2) if len(fields) == 4 else (1, 0, 2)
