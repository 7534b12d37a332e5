"""What is known of single sites: its table, how it meets a window's variants, and what it does to odds."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinimpute.panel import Variants
from spinimpute.site_trust import SURE, AlleleTrust, WindowTrust, read_trust, write_trust
from spinimpute.sites import Sites

SITES = Sites(
    "7", np.array([10, 20, 20, 30]), ["A", "C", "C", "G"], [("T",), ("G",), ("T",), ("A", "C")], ["."] * 4
)
# The variants of SITES: the third marks REF, the last two are of one record.
VARIANTS = Variants(
    record=np.array([0, 1, 2, 3, 3], np.int32),
    allele=np.array([1, 1, 1, 1, 2], np.int8),
    cm=np.zeros(5),
    log_odds=np.zeros(5, np.float32),
    flip=np.array([False, False, True, False, False]),
)
TABLE = [
    AlleleTrust("7", 10, "A", "T", 0.5, 0.25),
    AlleleTrust("7", 20, "C", "T", 0.75, -1.0),
    AlleleTrust("7", 30, "G", "A", 0.1, 0.0),
    AlleleTrust("8", 20, "C", "G", 0.1, 0.0),
]


def test_a_table_comes_back_as_it_was_written() -> None:
    content = write_trust(TABLE)
    read = read_trust(content)
    assert read.alleles == {allele[:4]: allele[4:] for allele in TABLE}
    assert content == write_trust(TABLE)
    assert read.digest != read_trust(write_trust(TABLE[:1])).digest


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(ValueError, match="columns chrom, pos"):
        read_trust(gzip.compress(b"pos\tchrom\n"))


def test_alleles_meet_their_variants() -> None:
    """By chromosome, position, REF and ALT; those of records with several ALT are left alone."""
    found = read_trust(write_trust(TABLE)).at(SITES, VARIANTS)
    assert found is not None
    np.testing.assert_allclose(found.factor, [0.5, 1, 0.75, 1, 1])
    np.testing.assert_allclose(found.shift, [0.25, 0, 1.0, 0, 0])  # the third of not carrying ALT
    np.testing.assert_array_equal(found.touched, [True, False, True, False, False])


def test_without_alleles_there_is_nothing_to_correct() -> None:
    assert read_trust(write_trust([])).at(SITES, VARIANTS) is None
    assert read_trust(write_trust(TABLE[3:])).at(SITES, VARIANTS) is None


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1, width=32)), min_size=1, max_size=20),
    st.floats(0.0, 2.0),
    st.floats(-2.0, 2.0),
)
def test_odds_are_corrected_where_they_are_unsure(
    asked: list[tuple[int, float]], factor: float, shift: float
) -> None:
    """Against the formula written out, one query at a time; the first variant is untouched."""
    trust = WindowTrust(
        np.array([1, factor], np.float32), np.array([0, shift], np.float32), np.array([False, True])
    )
    variant = np.array([v for v, _ in asked], np.int32)
    probability = np.array([p for _, p in asked], np.float32)
    before = probability.copy()
    found = trust.correct(variant, probability)
    np.testing.assert_array_equal(probability, before)
    for v, p, q in zip(variant, before, found, strict=True):
        if v == 0 or not np.float32(SURE) < p < np.float32(1 - SURE):
            assert q == p
        else:
            odds = np.exp(factor * np.log(float(p) / (1 - float(p))) + shift)
            assert q == pytest.approx(odds / (1 + odds), abs=1e-5)
