"""What --keep-target-only and --fix make of target records that the panel does not match."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import Rec
from numpy.typing import NDArray
from test_edge_cases import N_PANEL, N_RECORDS, config, fates, haplotypes, model, panel, rows, run, target

from spinimpute.config import ImputeConfig
from spinimpute.errors import SpinImputeError
from spinimpute.io.inputs import read_target
from spinimpute.pipeline import impute

__all__ = ["config", "model"]  # fixtures


class TestKeepTargetOnly:
    @pytest.fixture
    def gt(self) -> list[Rec]:
        """More sites than the panel, before and after its own ones too; some alleles missing."""
        records = target(rows=slice(None))
        records[1] = replace(records[1], columns=("0|.", ".|.", "1|0"), id="rs1")
        return records

    @pytest.mark.parametrize("name", ["out", "out.bcf"])
    def test_kept_in_position_order_as_given(self, config: ImputeConfig, gt: list[Rec], name: str) -> None:
        ref = panel()[2:-3:4]
        plain = rows(run(config, ref, gt).output)
        config = replace(config, keep_target_only=True, gp=True, out=str(config.ref.parent / name))
        done = run(config, ref, gt)
        if name.endswith("bcf"):
            whole = read_target(done.output)["20"].sites.pos
            assert whole.tolist() == [each.pos for each in gt]
            return
        found = rows(done.output)
        assert [int(row[1]) for row in found] == [each.pos for each in gt]
        assert [row[:8] for row in found if row[7] != "TYPED_ONLY"] == [row[:8] for row in plain]
        own = [row for row in found if row[7] == "TYPED_ONLY"]
        assert len(own) == len(gt) - len(ref)
        given = {each.pos: each for each in gt}
        for row in own:
            assert [cell.split(":")[0] for cell in row[9:]] == list(given[int(row[1])].columns)
            assert {cell.split(":", 1)[1] for cell in row[9:]} == {".:.:.:."}
            assert row[8] == "GT:DS:AP1:AP2:GP"
        assert own[1][2] == "rs1"
        assert done.records == len(ref)

    def test_the_fate_table_tells(self, config: ImputeConfig, gt: list[Rec]) -> None:
        ref = panel()[::4]
        run(config, ref, gt)
        assert {detail for _, fate, detail in fates(config) if fate == "target-only"} == {"."}
        run(replace(config, keep_target_only=True), ref, gt)
        assert {detail for _, fate, detail in fates(config) if fate == "target-only"} == {"kept"}

    def test_other_chromosomes_and_unmatched_alleles_are_not_kept(self, config: ImputeConfig) -> None:
        ref = [*panel(1, "20"), *panel(2, "21")]
        gt = [*target(2, "chr21"), *target(3, "chr22"), *target(1, "chr20")]
        gt[0] = replace(gt[0], alt="G")
        gt.insert(1, replace(gt[0], pos=gt[0].pos + 1))
        done = run(replace(config, keep_target_only=True), ref, gt)
        own = [row for row in rows(done.output) if row[7] == "TYPED_ONLY"]
        assert [(row[0], int(row[1])) for row in own] == [("21", gt[1].pos)]
        assert done.fates["multiallelic"] == 1

    @pytest.mark.skipif(shutil.which("bcftools") is None, reason="needs bcftools")
    def test_bcftools_reads_it(self, config: ImputeConfig, gt: list[Rec]) -> None:
        done = run(replace(config, keep_target_only=True), panel()[::4], gt)
        command = ["bcftools", "query", "-i", "TYPED_ONLY=1", "-f", "[%DS]\n", str(done.output)]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        assert (found.stderr, set(found.stdout.split())) == ("", {"..."})


def _disguise(records: list[Rec], swapped: slice, flipped: slice) -> list[Rec]:
    """Some A>C records with REF and ALT swapped, some from the other strand."""
    records = list(records)
    for row in range(len(records))[swapped]:
        other = tuple(each.translate(str.maketrans("01", "10")) for each in records[row].columns)
        records[row] = replace(records[row], ref="C", alt="A", columns=other)
    for row in range(len(records))[flipped]:
        records[row] = replace(records[row], ref="T", alt="G")
    return records


class TestFix:
    SWAPPED, FLIPPED = slice(0, 12), slice(12, 23)

    def test_unasked_they_are_counted_and_refused(self, config: ImputeConfig) -> None:
        gt = _disguise(target(), self.SWAPPED, self.FLIPPED)
        with pytest.raises(SpinImputeError, match=r"found 23 of 60; --fix swap,strand mends them"):
            run(config, panel(), gt)

    def test_both(self, config: ImputeConfig) -> None:
        plain = rows(run(config, panel(), target()).output)
        gt = _disguise(target(), self.SWAPPED, self.FLIPPED)
        done = run(replace(config, fix=("swap", "strand")), panel(), gt)
        assert rows(done.output) == plain
        assert done.fates == {"swapped": 12, "strand-flipped": 11, "used": 37}
        details = {(fate, detail) for _, fate, detail in fates(config)}
        assert details == {(fate, "panel has A>C, fixed") for fate in ("swapped", "strand-flipped")} | {
            ("used", ".")
        }

    @pytest.mark.parametrize(("word", "message"), [("swap", "11 of 60"), ("strand", "12 of 60")])
    def test_one_of_them(self, config: ImputeConfig, word: str, message: str) -> None:
        gt = _disguise(target(), self.SWAPPED, self.FLIPPED)
        with pytest.raises(SpinImputeError, match=message):
            run(replace(config, fix=(word,)), panel(), gt)

    @pytest.mark.parametrize("fix", [(), ("swap",), ("strand",), ("swap", "strand")])
    def test_ambiguous_records(self, config: ImputeConfig, fix: tuple[str, ...]) -> None:
        """A>T in the panel and T>A in the target: one rare in both codings, one rare in one, one balanced."""
        people = 30
        pos, alleles = haplotypes()
        share = np.arange(2 * people) % 10 == 0
        doses = np.stack([share, ~share, np.arange(2 * people) % 2 == 0]).astype(np.int8)
        ref = panel()
        for row in range(4, 7):
            rare = np.arange(2 * N_PANEL) % 10 == 0
            ref[row] = replace(ref[row], ref="A", alt="T", columns=_columns(rare.astype(np.int8)))
        gt = [replace(r, columns=_columns(np.tile(alleles[0, -6:], 10))) for r in target(rows=[0, 8])]
        own = [replace(r, ref="T", alt="A") for r in target(rows=[4, 5, 6])]
        own = [replace(r, columns=_columns(dose)) for r, dose in zip(own, doses, strict=True)]
        done = run(replace(config, fix=fix), ref, [gt[0], *own, gt[1]])
        assert done.fates == {"used": 2, "ambiguous": 3}
        details = [detail for _, fate, detail in fates(config) if fate == "ambiguous"]
        ends = [", fixed by frequency" if word in fix else "" for word in ("strand", "swap")]
        assert details == [f"panel has A>T{end}" for end in (*ends, "")]
        written = [[cell.split(":")[0] for cell in row[9:]] for row in rows(done.output)[4:7]]
        if len(fix) == 2:  # in the panel's coding both are the rare allele
            assert written[0] == written[1] == list(_columns(doses[0]))
        assert done.typed == 2 + ("strand" in fix) + ("swap" in fix)
        assert len(pos) == N_RECORDS == done.records

    def test_other_words_are_refused(self, config: ImputeConfig) -> None:
        with pytest.raises(SpinImputeError, match="--fix must be swap, strand or both; found turn"):
            replace(config, fix=("turn",))


def _columns(alleles: NDArray[np.int8]) -> tuple[str, ...]:
    return tuple(f"{a}|{b}" for a, b in zip(alleles[0::2], alleles[1::2], strict=True))


def test_windows_do_not_matter_to_what_is_kept(config: ImputeConfig, tmp_path: Path) -> None:
    config = replace(config, keep_target_only=True)
    run(config, panel()[::5], target(rows=slice(None)))
    kept = []
    for window in (0.01, 0.3, 5.0):
        done = impute(replace(config, window=window, out=str(tmp_path / f"w{window}")))
        kept.append([(row[1], row[7] == "TYPED_ONLY") for row in rows(done.output)])
    assert kept[0] == kept[1] == kept[2]
    assert len(kept[0]) == N_RECORDS
