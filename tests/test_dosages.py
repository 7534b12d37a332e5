from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spinimpute.dosages import (
    DoseSums,
    PairSums,
    allele_frequency,
    dr2,
    genotype_probabilities,
    most_probable,
)

doses = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 12).map(lambda n: 2 * n)),
    elements=st.floats(0, 1, width=32),
)


class TestDr2:
    @settings(deadline=None)  # the first example compiles
    @given(doses)
    def test_is_the_variance_ratio(self, dosages: np.ndarray) -> None:
        p = dosages.astype(np.float64).mean(axis=1)
        spread = p * (1 - p)
        varies = spread > 1e-3
        expected = np.var(dosages.astype(np.float64), axis=1)[varies] / spread[varies]
        np.testing.assert_allclose(dr2(dosages)[varies], expected, atol=1e-5)

    @settings(deadline=None)  # the first example compiles
    @given(doses)
    def test_range_and_frequency(self, dosages: np.ndarray) -> None:
        assert ((dr2(dosages) >= 0) & (dr2(dosages) <= 1)).all()
        np.testing.assert_allclose(
            allele_frequency(dosages), dosages.mean(axis=1, dtype=np.float64), atol=1e-9
        )

    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            ([0, 0, 0, 0], 0),  # monomorphic
            ([1, 1, 1, 1], 0),
            ([0.25, 0.25, 0.25, 0.25], 0),  # no information about anyone
            ([0, 1, 0, 0], 1),  # certain
            # S1 = 1, S2 = 0.5, n = 4: (2 - 1) / (4 - 1)
            ([0.5, 0.5, 0, 0], 1 / 3),
        ],
    )
    def test_by_hand(self, row: list[float], expected: float) -> None:
        assert dr2(np.array([row], np.float32))[0] == pytest.approx(expected, abs=1e-9)

    @given(doses, st.randoms(use_true_random=False))
    def test_batches_in_any_order_make_exactly_the_same(self, dosages: np.ndarray, random: object) -> None:
        whole = DoseSums.of(dosages)
        order = np.random.default_rng(random.getrandbits(32)).permutation(dosages.shape[1])  # type: ignore[attr-defined]
        cut = len(order) // 2
        parts = DoseSums.of(dosages[:, order[cut:]]) + DoseSums.of(dosages[:, order[:cut]])
        assert parts.n == whole.n
        assert (parts.s1 == whole.s1).all()
        assert (parts.s2 == whole.s2).all()


class TestMostProbable:
    def test_biallelic(self) -> None:
        dosages = np.array([[[0.2, 0.5, 0.51, 1]]], np.float32)
        assert most_probable(dosages).tolist() == [[0, 0, 1, 1]]

    def test_multiallelic(self) -> None:
        # Of REF, 1, 2: .5 .3 .2; .3 .4 .3; .1 .1 .8; 1 0 0
        dosages = np.array([[[0.3, 0.4, 0.1, 0], [0.2, 0.3, 0.8, 0]]], np.float32)
        assert most_probable(dosages).tolist() == [[0, 1, 2, 0]]

    def test_no_alt(self) -> None:
        assert most_probable(np.zeros((1, 0, 4), np.float32)).tolist() == [[0, 0, 0, 0]]


class TestGenotypeProbabilities:
    def test_biallelic_by_hand(self) -> None:
        found = genotype_probabilities(np.array([[[0.2, 0.5]]], np.float32))
        np.testing.assert_allclose(found[0, :, 0], [0.8 * 0.5, 0.2 * 0.5 + 0.8 * 0.5, 0.2 * 0.5], rtol=1e-6)

    @given(st.integers(0, 3), st.integers(0, 100))
    def test_against_enumeration(self, n_alts: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        alleles = rng.dirichlet(np.ones(n_alts + 1), (2, 6)).astype(np.float32)  # R T A+1
        found = genotype_probabilities(np.moveaxis(alleles[:, :, 1:], 2, 1))
        expected = np.zeros_like(found)
        for record in range(2):
            for sample in range(3):
                for a in range(n_alts + 1):
                    for b in range(n_alts + 1):
                        low, high = min(a, b), max(a, b)
                        place = high * (high + 1) // 2 + low  # the order of the VCF specification
                        expected[record, place, sample] += (
                            alleles[record, 2 * sample, a] * alleles[record, 2 * sample + 1, b]
                        )
        np.testing.assert_allclose(found, expected, atol=1e-6)
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


class TestPairSums:
    @given(st.integers(0, 10_000))
    @settings(deadline=None, max_examples=30)
    def test_against_numpy_in_any_batches(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        doses = rng.random((4, 40)).astype(np.float32)
        alt = (rng.random((4, 40)) < 0.4).astype(np.float32)
        seen = rng.random((4, 40)) < 0.8
        seen[:, :8], alt[:, 0], alt[:, 4] = True, 0, 1
        whole = PairSums.of(doses, alt, seen)
        expected = [np.corrcoef(doses[v, seen[v]], alt[v, seen[v]])[0, 1] ** 2 for v in range(4)]
        np.testing.assert_allclose(whole.r2, expected, rtol=1e-5, atol=1e-7)
        parts = [
            PairSums.of(doses[:, part], alt[:, part], seen[:, part]) for part in (slice(0, 7), slice(7, 40))
        ]
        np.testing.assert_array_equal((parts[1] + parts[0]).r2, whole.r2)

    def test_nothing_varies(self) -> None:
        doses = np.array([[0.5, 0.5, 0.5], [0.1, 0.9, 0.2], [0.1, 0.4, 0.9]], np.float32)
        alt = np.array([[0, 1, 1], [1, 1, 1], [0, 0, 1]], np.float32)
        seen = np.array([[True] * 3, [True] * 3, [False] * 3])
        assert PairSums.of(doses, alt, seen).r2.tolist() == [0, 0, 0]
