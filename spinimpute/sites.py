"""Sites of a variant file: which alleles stand where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinimpute.alleles import MENDING, RANK, Alleles, Fate, compare

__all__ = [
    "BlockMatch",
    "Fate",
    "FateTable",
    "SiteMatch",
    "SiteMatcher",
    "Sites",
    "match_sites",
    "resolve_contig",
]

# Tells of a panel and a target record, by index, whether the latter is SWAPPED, STRAND_FLIPPED or either.
Orient = Callable[[int, int], Fate | None]

_SHOWN = 3  # panel positions kept for messages


@dataclass(frozen=True)
class Sites:
    """Records of one chromosome in file order; pos (R,) is 1-based, ids hold "." where there is none.

    Raises ValueError if the columns differ in length.
    """

    chrom: str
    pos: NDArray[np.int64]
    ref: list[str]
    alts: list[tuple[str, ...]]
    ids: list[str]

    def __post_init__(self) -> None:
        lengths = {len(self.pos), len(self.ref), len(self.alts), len(self.ids)}
        if len(lengths) > 1:
            raise ValueError(f"the columns of Sites must be equally long; found {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.ref)

    @property
    def n_variants(self) -> int:
        """V, the number of ALT alleles over all records."""
        return sum(map(len, self.alts))

    def record(self) -> NDArray[np.int32]:
        """Return the record index of each variant (V,), ascending."""
        counts = np.fromiter(map(len, self.alts), np.int64, len(self))
        return np.repeat(np.arange(len(self), dtype=np.int32), counts)

    def take(self, rows: slice | NDArray[np.integer] | NDArray[np.bool_]) -> Sites:
        """Return the records chosen by a slice, indices or a mask (R,)."""
        chosen = np.arange(len(self))[rows].tolist()
        return Sites(
            self.chrom,
            self.pos[rows],
            [self.ref[i] for i in chosen],
            [self.alts[i] for i in chosen],
            [self.ids[i] for i in chosen],
        )

    @staticmethod
    def concatenate(parts: Sequence[Sites]) -> Sites:
        """Join parts of one chromosome; ValueError if there are none or they differ in chromosome."""
        chroms = {part.chrom for part in parts}
        if len(chroms) != 1:
            raise ValueError(f"Sites to join must share one chromosome; found {sorted(chroms)}")
        return Sites(
            parts[0].chrom,
            np.concatenate([part.pos for part in parts]),
            list(chain.from_iterable(part.ref for part in parts)),
            list(chain.from_iterable(part.alts for part in parts)),
            list(chain.from_iterable(part.ids for part in parts)),
        )

    def named(self, names: Collection[str]) -> NDArray[np.bool_]:
        """Mark the records (R,) whose identifier or CHROM:POS is in names."""
        found = (
            identifier in names or f"{self.chrom}:{position}" in names
            for identifier, position in zip(self.ids, self.pos.tolist(), strict=True)
        )
        return np.fromiter(found, np.bool_, len(self))


def resolve_contig(name: str, available: Collection[str]) -> str | None:
    """Return how available spells a chromosome, reconciling chr20 with 20 and chrM with MT, or None."""
    if name in available:
        return name
    wanted = _plain_contig(name)
    return next((other for other in available if _plain_contig(other) == wanted), None)


def _plain_contig(name: str) -> str:
    plain = name[3:] if name[:3].lower() == "chr" and len(name) > 3 else name
    return "MT" if plain == "M" else plain


@dataclass(frozen=True)
class BlockMatch:
    """The P matches of a panel block: panel_record (P,) int64 ascending, and target_record (P,) int64.

    allele_map (P, C) int8 gives the panel's code for each target code; its last column is -1, for missing.
    """

    panel_record: NDArray[np.int64]
    target_record: NDArray[np.int64]
    allele_map: NDArray[np.int8]

    def translate(self, alleles: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return the matched rows of all target alleles (R, T) in the panel's codes (P, T)."""
        rows = alleles[self.target_record]
        return np.take_along_axis(
            self.allele_map, np.where(rows < 0, self.allele_map.shape[1] - 1, rows), axis=1
        )


@dataclass(frozen=True)
class FateTable:
    """Fate and detail (R,) of the target records of one chromosome, after all of the panel was seen.

    used counts those that the panel matched, mended ones among them, and unmended the swapped or flipped
    ones that were left; panel_first holds the panel's first positions.
    """

    sites: Sites
    fates: list[Fate]
    details: list[str]
    used: int
    unmended: int
    panel_records: int
    panel_first: tuple[int, ...]

    @property
    def counts(self) -> dict[Fate, int]:
        """How many records met each fate."""
        found = Counter(self.fates)
        return {fate: found[fate] for fate in Fate}


@dataclass(frozen=True)
class SiteMatch:
    """Matches of whole files: panel_record (R,) int64 of each target record, -1 if unused; its allele map."""

    panel_record: NDArray[np.int64]
    allele_map: NDArray[np.int8]
    table: FateTable


class SiteMatcher:
    """Matches one chromosome's target records to a panel given in blocks that never part a position.

    A record is used if the panel has one with its position, REF and all its ALTs, in any order. excluded (R,)
    marks records to filter; fix names the fates, SWAPPED or STRAND_FLIPPED, that are mended and used. A
    record that could be either is used where its frequency tells which one it is, and fix has that one.
    """

    def __init__(
        self, target: Sites, excluded: NDArray[np.bool_] | None = None, fix: Collection[Fate] = ()
    ) -> None:
        self._target = target
        self._fix = frozenset(fix)
        self._fates = [Fate.TARGET_ONLY] * len(target)
        self._details = [""] * len(target)
        self._used = 0
        self._unmended = 0
        self._handed_out = 0  # rows that target_only has passed
        self._panel_records = 0
        self._panel_first: tuple[int, ...] = ()
        for row in [] if excluded is None else np.flatnonzero(excluded).tolist():
            self._fates[row] = Fate.FILTERED
        self._mark_duplicates()

    def match(self, panel: Sites, orient: Orient | None = None) -> BlockMatch:
        """Match the next block of the panel; orient judges its ambiguous records."""
        self._panel_records += len(panel)
        if len(self._panel_first) < _SHOWN:
            self._panel_first = (*self._panel_first, *panel.pos.tolist())[:_SHOWN]
        target = self._target
        low, high = np.searchsorted(target.pos, [panel.pos[0], panel.pos[-1] + 1]) if len(panel) else (0, 0)
        begin = np.searchsorted(panel.pos, target.pos[low:high], "left")
        end = np.searchsorted(panel.pos, target.pos[low:high], "right")
        pairs: list[_Pair] = []
        taken: set[int] = set()
        for offset in np.flatnonzero(end > begin).tolist():
            candidates = range(int(begin[offset]), int(end[offset]))
            pair = self._judge(panel, candidates, int(low) + offset, taken, orient)
            if pair is not None:
                taken.add(pair.panel)
                pairs.append(pair)
        self._used += len(pairs)
        return _block_match(sorted(pairs))

    def finish(self) -> FateTable:
        """The fate of every target record."""
        fates, details = list(self._fates), list(self._details)
        counts = self._used, self._unmended, self._panel_records
        return FateTable(self._target, fates, details, *counts, self._panel_first)

    def target_only(self, position: int | None) -> NDArray[np.int64]:
        """Return the rows that the panel lacks up to a position it has passed (None: all), once each."""
        end = len(self._target) if position is None else np.searchsorted(self._target.pos, position, "right")
        rows = [row for row in range(self._handed_out, int(end)) if self._fates[row] is Fate.TARGET_ONLY]
        for row in rows:
            self._details[row] = "kept"
        self._handed_out = int(end)
        return np.array(rows, np.int64)

    def _mark_duplicates(self) -> None:
        again = np.flatnonzero(np.diff(self._target.pos) == 0)
        seen: set[tuple[int, str, frozenset[str]]] = set()
        for row in np.union1d(again, again + 1).tolist():
            ref, alts = _alleles(self._target, row)
            key = int(self._target.pos[row]), ref, frozenset(alts)
            if self._fates[row] is Fate.TARGET_ONLY and key in seen:
                self._fates[row], self._details[row] = Fate.DUPLICATE, "same alleles as an earlier record"
            elif self._fates[row] is Fate.TARGET_ONLY:
                seen.add(key)

    def _judge(
        self, panel: Sites, candidates: range, row: int, taken: set[int], orient: Orient | None
    ) -> _Pair | None:
        """Settle the fate of one target record that shares its position with some panel records."""
        if self._fates[row] is not Fate.TARGET_ONLY:
            return None
        given = _alleles(self._target, row)
        verdicts = [(*compare(_alleles(panel, i), given), i) for i in candidates]
        fate, codes, found = min(verdicts, key=lambda verdict: RANK[verdict[0]])
        if fate is Fate.AMBIGUOUS and orient:
            mended = orient(found, row)
            codes = MENDING[mended] if mended in self._fix else ()
            verdicts = [(fate, codes, found)]
        usable = fate is Fate.USED or fate in self._fix or (fate is Fate.AMBIGUOUS and bool(codes))
        if usable:
            free = [v for v in verdicts if v[0] is fate and v[2] not in taken]
            if free:
                _, codes, found = free[0]
            else:
                fate, usable = Fate.DUPLICATE, False
        self._unmended += fate in MENDING and not usable
        self._fates[row] = fate
        self._details[row] = _detail(fate, usable, panel, found)
        return _Pair(found, row, codes) if usable else None


def match_sites(panel: Sites, target: Sites) -> SiteMatch:
    """Match the target records of a chromosome to a whole panel."""
    matcher = SiteMatcher(target)
    block = matcher.match(panel)
    record = np.full(len(target), -1, np.int64)
    record[block.target_record] = block.panel_record
    allele_map = np.full((len(target), block.allele_map.shape[1]), -1, np.int8)
    allele_map[block.target_record] = block.allele_map
    return SiteMatch(record, allele_map, matcher.finish())


class _Pair(NamedTuple):
    panel: int
    target: int
    codes: tuple[int, ...]


def _block_match(pairs: list[_Pair]) -> BlockMatch:
    width = max((len(pair.codes) for pair in pairs), default=0) + 1
    allele_map = np.full((len(pairs), width), -1, np.int8)
    for row, pair in enumerate(pairs):
        allele_map[row, : len(pair.codes)] = pair.codes
    return BlockMatch(
        np.array([pair.panel for pair in pairs], np.int64),
        np.array([pair.target for pair in pairs], np.int64),
        allele_map,
    )


def _alleles(sites: Sites, row: int) -> Alleles:
    """REF and ALTs of a record; case has no meaning in a sequence."""
    return sites.ref[row].upper(), tuple(alt.upper() for alt in sites.alts[row])


def _detail(fate: Fate, usable: bool, panel: Sites, found: int) -> str:
    if fate is Fate.USED:
        return ""
    alleles = f"panel has {panel.ref[found]}>{','.join(panel.alts[found]) or '.'}"
    if fate is Fate.DUPLICATE:
        return f"{alleles}, matched by an earlier record"
    how = " by frequency" if fate is Fate.AMBIGUOUS else ""
    return f"{alleles}, fixed{how}" if usable else alleles
