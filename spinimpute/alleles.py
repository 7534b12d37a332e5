"""How the alleles of a target record relate to those of a panel record at the same position."""

from __future__ import annotations

from enum import Enum

Alleles = tuple[str, tuple[str, ...]]  # REF and ALTs

_OTHER_STRAND = {"A": "T", "C": "G", "G": "C", "T": "A"}


class Fate(Enum):
    """What became of a target record."""

    USED = "used"
    TARGET_ONLY = "target-only"
    SWAPPED = "swapped"
    STRAND_FLIPPED = "strand-flipped"
    AMBIGUOUS = "ambiguous"
    DUPLICATE = "duplicate"
    MULTIALLELIC = "multiallelic"
    FILTERED = "filtered"


# At a shared position the best verdict counts.
RANK = {
    fate: rank
    for rank, fate in enumerate(
        (Fate.USED, Fate.SWAPPED, Fate.STRAND_FLIPPED, Fate.AMBIGUOUS, Fate.MULTIALLELIC)
    )
}

# The panel's codes for the codes of a target record that turns out to be one of these although its alleles, A
# and T or C and G, fit both.
MENDING = {Fate.SWAPPED: (1, 0), Fate.STRAND_FLIPPED: (0, 1)}


def compare(panel: Alleles, target: Alleles) -> tuple[Fate, tuple[int, ...]]:
    """Judge one pair of records at one position; the codes are the panel's for target codes 0, 1, ..."""
    (panel_ref, panel_alts), (ref, alts) = panel, target
    if ref == panel_ref:
        if alts == panel_alts:
            return Fate.USED, tuple(range(len(alts) + 1))
        if set(alts) <= set(panel_alts):
            return Fate.USED, (0, *(panel_alts.index(alt) + 1 for alt in alts))
    if len(alts) != 1 or len(panel_alts) != 1:
        return Fate.MULTIALLELIC, ()
    given, wanted = (ref, alts[0]), (panel_ref, panel_alts[0])
    flipped = (_complement(ref), _complement(alts[0]))
    swapped = given[::-1] == wanted
    if swapped and flipped == wanted:
        return Fate.AMBIGUOUS, ()
    if swapped:
        return Fate.SWAPPED, (1, 0)
    if flipped == wanted:
        return Fate.STRAND_FLIPPED, (0, 1)
    if flipped[::-1] == wanted:
        return Fate.STRAND_FLIPPED, (1, 0)
    return Fate.MULTIALLELIC, ()


def _complement(allele: str) -> str:
    """The other strand's base; longer alleles, whose flip would move them, have none."""
    return _OTHER_STRAND.get(allele, "")
