"""Switches of the phasing benchmark, counted by hand."""

from __future__ import annotations

from pathlib import Path

from builders import rec, write_vcf

from benchmarks.phasing.switches import Switches, count_switches


def test_switches_by_hand(tmp_path: Path) -> None:
    truth = [
        rec(1, "A", "C", "0|1", "0|1"),
        rec(2, "A", "C", "0|0", "0|1"),
        rec(3, "A", "C", "1|0", "0|1"),
        rec(4, "A", "C", "0|1", "1|0"),
        rec(5, "A", "C,G", "0|1", "0|2"),  # not biallelic
        rec(6, "A", "C", "0|1", "0|1"),
    ]
    found = [
        rec(1, "A", "C", "1|0", "0|1"),
        rec(2, "A", "C", "0|0", "0|1"),
        rec(3, "A", "C", "0|1", "1|0"),
        rec(4, "A", "C", "0|1", "0|0"),  # another genotype of s1
        rec(5, "A", "C,G", "1|0", "2|0"),
        rec(6, "A", "C", "0|1", "1|0"),
        rec(7, "A", "C", "0|1", "0|1"),
    ]
    paths = write_vcf(tmp_path / "t.vcf", truth), write_vcf(tmp_path / "f.vcf", found)
    # s0: 1, 3 swapped, then 4, 6 straight; s1: 1, 2 straight, then 3, 6 swapped.
    assert count_switches(*paths) == Switches(errors=2, pairs=6)
    assert count_switches(paths[0], paths[0]).errors == 0
