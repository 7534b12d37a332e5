from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spinimpute.agreement import check_alleles, check_samples, check_shared_sites, shared_chromosomes
from spinimpute.errors import SpinImputeError
from spinimpute.sites import Fate, FateTable, SiteMatcher, Sites

PANEL, TARGET = Path("p.bcf"), Path("t.vcf")


def sites(pos: list[int], ref: str = "A", alt: str = "C") -> Sites:
    return Sites("20", np.array(pos, np.int64), [ref] * len(pos), [(alt,)] * len(pos), ["."] * len(pos))


def table(panel: Sites, target: Sites, *fix: Fate) -> FateTable:
    matcher = SiteMatcher(target, fix=fix)
    matcher.match(panel)
    return matcher.finish()


def test_samples() -> None:
    check_samples(["a", "b"], ["c"], PANEL, TARGET)
    with pytest.raises(SpinImputeError) as caught:
        check_samples(["a", "b", "c", "d", "e"], ["e", "d", "x", "b", "a"], PANEL, TARGET)
    assert str(caught.value) == (
        "panel p.bcf, target t.vcf: panel and target must not share samples; found 4: e, d, b ...; "
        "--allow-overlap leaves them out of the panel"
    )


def test_chromosomes() -> None:
    assert shared_chromosomes(["1", "20"], ["chr20", "chr21"], PANEL, TARGET) == {"chr20": "20"}
    with pytest.raises(SpinImputeError, match="found 1, 2 in the panel, 20 in the target"):
        shared_chromosomes(["1", "2"], ["20"], PANEL, TARGET)


def test_shared_sites() -> None:
    check_shared_sites([table(sites([5]), sites([9])), table(sites([5]), sites([5]))], PANEL, TARGET)
    with pytest.raises(SpinImputeError) as caught:
        check_shared_sites([table(sites([5, 6]), sites([8, 9, 10, 11]))], PANEL, TARGET)
    assert str(caught.value) == (
        "panel p.bcf, target t.vcf: panel and target must share a site; found none among 2 panel records "
        "(20:5, 20:6) and 4 target records (20:8, 20:9, 20:10): 4 target-only; "
        "check that both use the same genome build"
    )


class TestAlleles:
    PANEL_SITES = sites(list(range(1, 101)))

    def mixed(self, swapped: int, *fix: Fate) -> FateTable:
        good, bad = sites(list(range(1, 101 - swapped))), sites(list(range(101 - swapped, 101)), "C", "A")
        return table(self.PANEL_SITES, Sites.concatenate([good, bad]), *fix)

    def test_few(self) -> None:
        check_alleles([self.mixed(9)], TARGET)
        check_alleles([self.mixed(10)], TARGET)

    def test_many(self) -> None:
        with pytest.raises(SpinImputeError, match=r"at most 10% .* found 11 of 100; --fix"):
            check_alleles([self.mixed(11)], TARGET)

    def test_mended(self) -> None:
        check_alleles([self.mixed(50, Fate.SWAPPED)], TARGET)

    def test_small_targets_are_let_through(self) -> None:
        check_alleles([table(self.PANEL_SITES, sites([1, 2, 3], "C", "A"))], TARGET)
