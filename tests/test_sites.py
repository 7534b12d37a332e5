from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinimpute.sites import Fate, FateTable, SiteMatcher, Sites, match_sites, resolve_contig

Row = tuple[int, str, tuple[str, ...]]
BASES = "ACGT"


def make(rows: list[Row], chrom: str = "20") -> Sites:
    pos, ref, alts = zip(*rows, strict=True) if rows else ((), (), ())
    ids = [f"{chrom}:{p}" for p in pos]
    return Sites(chrom, np.array(pos, np.int64), list(ref), list(alts), ids)


def fate(panel: list[Row], target: list[Row]) -> list[Fate]:
    return match_sites(make(panel), make(target)).table.fates


class TestSites:
    SITES = make([(5, "A", ("C",)), (9, "AT", ("A", "ATT")), (9, "G", ()), (12, "G", ("T",))])

    def test_size(self) -> None:
        assert len(self.SITES) == 4
        assert self.SITES.n_variants == 4

    def test_record_of_each_variant(self) -> None:
        assert self.SITES.record().tolist() == [0, 1, 1, 3]

    @pytest.mark.parametrize(
        "rows", [slice(1, 3), np.array([1, 2]), np.array([False, True, True, False]), slice(1, -1)]
    )
    def test_take(self, rows: slice) -> None:
        taken = self.SITES.take(rows)
        assert taken.pos.tolist() == [9, 9]
        assert (taken.ref, taken.alts, taken.ids) == (["AT", "G"], [("A", "ATT"), ()], ["20:9", "20:9"])

    def test_concatenate_undoes_take(self) -> None:
        whole = Sites.concatenate([self.SITES.take(slice(0, 1)), self.SITES.take(slice(1, None))])
        assert whole.pos.tolist() == self.SITES.pos.tolist()
        assert (whole.ref, whole.alts, whole.ids) == (self.SITES.ref, self.SITES.alts, self.SITES.ids)

    def test_concatenate_of_two_chromosomes(self) -> None:
        with pytest.raises(ValueError, match="one chromosome; found"):
            Sites.concatenate([make([]), make([], "21")])

    def test_columns_of_unequal_length(self) -> None:
        with pytest.raises(ValueError, match="equally long"):
            Sites("20", np.zeros(2, np.int64), ["A"], [("C",)], ["."])

    def test_named(self) -> None:
        sites = Sites("20", np.array([5, 9, 12]), ["A"] * 3, [("C",)] * 3, ["rs1", ".", "rs3"])
        assert sites.named({"rs3", "20:5", "21:9"}).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("name", "available", "found"),
    [
        ("20", ["20", "chr20"], "20"),
        ("chr20", ["2", "20"], "20"),
        ("20", ["chr2", "chr20"], "chr20"),
        ("CHR20", ["chr20"], "chr20"),
        ("MT", ["chrM"], "chrM"),
        ("chrX", ["X"], "X"),
        ("20", ["2", "chr2"], None),
        ("chr", ["20"], None),
        ("20", [], None),
    ],
)
def test_resolve_contig(name: str, available: list[str], found: str | None) -> None:
    assert resolve_contig(name, available) == found


class TestFates:
    @pytest.mark.parametrize(
        ("panel", "target", "expected"),
        [
            (("A", "C"), ("A", "C"), Fate.USED),
            (("A", "C"), ("a", "c"), Fate.USED),
            (("A", "C"), ("C", "A"), Fate.SWAPPED),
            (("A", "C"), ("T", "G"), Fate.STRAND_FLIPPED),
            (("A", "C"), ("G", "T"), Fate.STRAND_FLIPPED),
            (("A", "T"), ("A", "T"), Fate.USED),
            (("A", "T"), ("T", "A"), Fate.AMBIGUOUS),
            (("C", "G"), ("G", "C"), Fate.AMBIGUOUS),
            (("A", "C"), ("A", "G"), Fate.MULTIALLELIC),
            (("AT", "A"), ("A", "AT"), Fate.SWAPPED),
            (("AT", "A"), ("TA", "T"), Fate.MULTIALLELIC),
            (("A", "C,G"), ("A", "C"), Fate.USED),
            (("A", "C,G"), ("A", "G,C"), Fate.USED),
            (("A", "C"), ("A", "C,G"), Fate.MULTIALLELIC),
            (("A", "C"), ("A", ""), Fate.USED),
            (("A", "C"), ("C", ""), Fate.MULTIALLELIC),
            (("A", ""), ("A", "C"), Fate.MULTIALLELIC),
        ],
    )
    def test_one_record(self, panel: tuple[str, str], target: tuple[str, str], expected: Fate) -> None:
        given_panel = [(5, panel[0], tuple(panel[1].split(",")) if panel[1] else ())]
        given_target = [(5, target[0], tuple(target[1].split(",")) if target[1] else ())]
        assert fate(given_panel, given_target) == [expected]

    def test_other_position(self) -> None:
        assert fate([(5, "A", ("C",))], [(4, "A", ("C",)), (6, "A", ("C",))]) == [Fate.TARGET_ONLY] * 2

    def test_best_of_several_records(self) -> None:
        panel = [(5, "A", ("G",)), (5, "AT", ("A",)), (5, "A", ("C",))]
        match = match_sites(make(panel), make([(5, "A", ("C",))]))
        assert match.panel_record.tolist() == [2]

    def test_duplicates(self) -> None:
        panel = [(5, "A", ("C", "G"))]
        target = [(4, "A", ("C",)), (4, "A", ("C",)), (5, "A", ("C",)), (5, "A", ("C",)), (5, "A", ("G",))]
        assert fate(panel, target) == [
            Fate.TARGET_ONLY,
            Fate.DUPLICATE,
            Fate.USED,
            Fate.DUPLICATE,
            Fate.DUPLICATE,
        ]

    def test_filtered_records_are_not_used_and_have_no_duplicates(self) -> None:
        target = make([(5, "A", ("C",)), (5, "A", ("C",)), (9, "A", ("C",))])
        matcher = SiteMatcher(target, np.array([True, False, False]))
        assert matcher.match(make([(5, "A", ("C",))])).target_record.tolist() == [1]
        assert matcher.finish().fates == [Fate.FILTERED, Fate.USED, Fate.TARGET_ONLY]

    def test_details_name_the_panel_alleles(self) -> None:
        table = match_sites(make([(5, "A", ("C", "G"))]), make([(5, "T", ("C",))])).table
        assert table.details == ["panel has A>C,G"]

    def test_table(self) -> None:
        table = match_sites(make([(p, "A", ("C",)) for p in range(5, 20)]), make([(5, "A", ("C",))])).table
        assert (table.used, table.panel_records, table.panel_first) == (1, 15, (5, 6, 7))
        assert table.counts[Fate.USED] == 1
        assert sum(table.counts.values()) == 1
        assert set(table.counts) == set(Fate)


class TestFix:
    PANEL = make([(5, "A", ("C",)), (6, "A", ("C",)), (7, "A", ("C",)), (8, "A", ("T",))])
    TARGET = make([(5, "C", ("A",)), (6, "T", ("G",)), (7, "G", ("T",)), (8, "T", ("A",))])

    def mend(self, *fates: Fate) -> tuple[list[int], list[list[int]], FateTable]:
        matcher = SiteMatcher(self.TARGET, fix=fates)
        block = matcher.match(self.PANEL)
        alleles = np.array([[0, 1, -1]] * 4, np.int8)
        return block.target_record.tolist(), block.translate(alleles).tolist(), matcher.finish()

    def test_nothing_is_mended_unasked(self) -> None:
        used, alleles, table = self.mend()
        assert used == alleles == []
        assert table.used == 0

    def test_swaps(self) -> None:
        used, alleles, table = self.mend(Fate.SWAPPED)
        assert (used, alleles) == ([0], [[1, 0, -1]])
        assert table.fates[0] is Fate.SWAPPED
        assert table.details[0] == "panel has A>C, fixed"

    def test_flips(self) -> None:
        used, alleles, _ = self.mend(Fate.STRAND_FLIPPED)
        assert (used, alleles) == ([1, 2], [[0, 1, -1], [1, 0, -1]])

    def test_ambiguous_ones_stay_out(self) -> None:
        used, _, table = self.mend(Fate.SWAPPED, Fate.STRAND_FLIPPED)
        assert used == [0, 1, 2]
        assert table.used == 3


def test_translate_reorders_alleles() -> None:
    panel = make([(5, "A", ("C",)), (6, "A", ("C", "G", "T"))])
    target = make([(5, "A", ("C",)), (6, "A", ("T", "C"))])
    alleles = np.array([[0, 1, -1], [0, 1, 2]], np.int8)
    assert SiteMatcher(target).match(panel).translate(alleles).tolist() == [[0, 1, -1], [0, 3, 1]]


# Against a dictionary: positions few, so that records of one position abound.
alleles = st.tuples(st.sampled_from(BASES), st.lists(st.sampled_from(BASES), max_size=3, unique=True))
rows = st.lists(
    st.tuples(st.integers(1, 6), alleles).map(
        lambda row: (row[0], row[1][0], tuple(a for a in row[1][1] if a != row[1][0]))
    ),
    max_size=12,
).map(lambda found: sorted(found, key=lambda row: row[0]))


def dictionary_match(panel: list[Row], target: list[Row]) -> dict[int, int]:
    """The panel record of each usable target record: the first with its REF and ALTs, not yet taken."""
    by_position: dict[int, list[int]] = {}
    for i, (pos, _, _) in enumerate(panel):
        by_position.setdefault(pos, []).append(i)
    found: dict[int, int] = {}
    seen: set[tuple[int, str, frozenset[str]]] = set()
    for j, (pos, ref, alts) in enumerate(target):
        if (pos, ref, frozenset(alts)) in seen:
            continue
        seen.add((pos, ref, frozenset(alts)))
        for i in by_position.get(pos, []):
            if panel[i][1] == ref and set(alts) <= set(panel[i][2]) and i not in found.values():
                found[j] = i
                break
    return found


@given(rows, rows, st.integers(1, 4))
def test_against_a_dictionary(panel: list[Row], target: list[Row], positions: int) -> None:
    panel = list(dict.fromkeys(panel))
    expected = dictionary_match(panel, target)
    matcher = SiteMatcher(make(target))
    found: dict[int, int] = {}
    for begin in range(1, 7, positions):
        offset = sum(row[0] < begin for row in panel)
        block = matcher.match(make([row for row in panel if begin <= row[0] < begin + positions]))
        assert (np.diff(block.panel_record) > 0).all()
        for i, j, codes in zip(block.panel_record, block.target_record, block.allele_map, strict=True):
            found[int(j)] = offset + int(i)
            given_alleles, wanted = (
                (target[j][1], *target[j][2]),
                (panel[offset + i][1], *panel[offset + i][2]),
            )
            assert [wanted[codes[k]] for k in range(len(given_alleles))] == list(given_alleles)
            assert codes[-1] == -1
    table = matcher.finish()
    assert found == expected
    assert [j for j, f in enumerate(table.fates) if f is Fate.USED] == sorted(expected)
    assert table.used == len(expected)
    shared = {pos for pos, _, _ in panel}
    assert all(
        (f is Fate.TARGET_ONLY) <= (row[0] not in shared) for f, row in zip(table.fates, target, strict=True)
    )


def test_one_pass_equals_blocks() -> None:
    rng = np.random.default_rng(1)
    pos = np.sort(rng.choice(10**6, 5000, replace=False))
    panel = make([(int(p), "A", ("C",)) for p in pos])
    target = panel.take(np.sort(rng.choice(5000, 500, replace=False)))
    whole = match_sites(panel, target)
    matcher = SiteMatcher(target)
    parts = [matcher.match(panel.take(slice(i, i + 100))).panel_record + i for i in range(0, 5000, 100)]
    assert np.concatenate(parts).tolist() == whole.panel_record.tolist()
    assert matcher.finish().fates == whole.table.fates == [Fate.USED] * 500
