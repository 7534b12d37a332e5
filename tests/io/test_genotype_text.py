"""The compiled decoder against a slow parser of the same text."""

from __future__ import annotations

import numpy as np
import pytest
from builders import rec
from hypothesis import given, settings
from hypothesis import strategies as st

from spinimpute.io import genotype_text
from spinimpute.io.genotype_text import Decoded, decode
from spinimpute.io.records import MOST_POSITION

ALLELES = st.sampled_from([".", "0", "1", "2", "9", "10", "12"])
SEPARATORS = st.sampled_from("|/")
GENOTYPES = st.one_of(
    st.just("."),
    st.builds(lambda a, sep, b: f"{a}{sep}{b}", ALLELES, SEPARATORS, ALLELES),
    st.sampled_from(["0|0", "0|1", "1|0", "1|1"]),
)
TAILS = st.sampled_from(["", ":", ":7", ":7:a,b"])
ALTS = ",".join("C" * n for n in range(1, 13))


Sites = list[tuple[str, ...]]


def run(text: str, columns: list[int], rows: int = 100) -> tuple[Decoded, np.ndarray, np.ndarray, Sites]:
    """What decode reports, alleles and phased of the rows filled, and their CHROM, POS, ID, REF and ALT."""
    kept = max(columns) + 1
    alleles = np.full((rows, 2 * kept), 99, np.int8)
    phased = np.zeros((rows, kept), np.bool_)
    pos = np.zeros(rows, np.int64)
    data = np.frombuffer(text.encode(), np.uint8)
    names = np.zeros_like(data)
    done = Decoded(*decode(data, 0, 0, np.array(columns, np.int64), alleles, phased, pos, names))
    chroms, *others = (names[: done.names].tobytes().decode().split("\t")[first:-1:4] for first in range(4))
    sites = list(zip(chroms, map(str, pos[: done.rows]), *others, strict=True))
    return done, alleles[: done.rows], phased[: done.rows], sites


def slow(genotype: str) -> tuple[int, int, bool]:
    """Two allele codes and whether they are phased."""
    text = genotype.split(":")[0]
    if text == ".":
        return -1, -1, False
    first, second = (-1 if a == "." else int(a) for a in text.replace("/", "|").split("|"))
    return first, second, "|" in text


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_against_a_slow_parser(data: st.DataObject) -> None:
    samples = data.draw(st.integers(1, 5))
    site = st.tuples(
        st.sampled_from(["20", "chrX", ""]), st.integers(0, MOST_POSITION), st.sampled_from([".", "rsé", ""])
    )
    row = st.tuples(st.lists(GENOTYPES, min_size=samples, max_size=samples), TAILS, site)
    rows = data.draw(st.lists(row, min_size=1, max_size=8))
    end = data.draw(st.sampled_from(["\n", "\r\n", "\n\n"]))
    dropped = data.draw(st.sets(st.integers(0, samples - 1), max_size=samples - 1))
    columns = [-1] * samples
    for place, sample in enumerate(s for s in range(samples) if s not in dropped):
        columns[sample] = place
    lines = [
        rec(pos, "A", ALTS, *(g + tail for g in row), chrom=chrom, id=name, fmt="GT:DP").row()
        for row, tail, (chrom, pos, name) in rows
    ]
    text = end.join(lines) + end

    done, alleles, phased, sites = run(text, columns)

    assert (done.rows, done.lines, done.position) == (len(rows), text.count("\n"), len(text.encode()))
    assert done.fault == genotype_text.OK
    expected = [[slow(g) for s, g in enumerate(row) if s not in dropped] for row, _, _ in rows]
    assert alleles.tolist() == [[code for a, b, _ in row for code in (a, b)] for row in expected]
    assert phased.tolist() == [[bar for _, _, bar in row] for row in expected]
    assert sites == [tuple(line.split("\t")[:5]) for line in lines]


def test_stops_when_the_arrays_are_full() -> None:
    text = "".join(rec(i, "A", "C", "0|1").row() + "\n" for i in range(9))
    done, alleles, _, _ = run(text, [0], rows=4)
    assert (done.rows, done.lines, done.fault) == (4, 4, genotype_text.OK)
    assert text[done.position :].startswith("20\t4\t")
    assert alleles.tolist() == [[0, 1]] * 4


@pytest.mark.parametrize(
    ("genotypes", "alt", "fault", "sample"),
    [
        (("0|1|1", "0|1"), "C", genotype_text.POLYPLOID, 0),
        (("0|1", "0|2"), "C", genotype_text.OUT_OF_RANGE, 1),
        (("0|1", "0|1"), ".", genotype_text.OUT_OF_RANGE, 0),
        (("0|1", "10|0"), "C,G", genotype_text.OUT_OF_RANGE, 1),
        (("0|1", "0|128"), ",".join(["C"] * 130), genotype_text.OUT_OF_RANGE, 1),
        (("0|1", "0|99999999999999999999"), "C", genotype_text.OUT_OF_RANGE, 1),
        (("0|1", "0|x"), "C", genotype_text.MALFORMED, 1),
        (("0|1", "0|"), "C", genotype_text.MALFORMED, 1),
        (("", "0|1"), "C", genotype_text.MALFORMED, 0),
        (("0|1", "0|1x"), "C", genotype_text.MALFORMED, 1),
        (("0|1", "0-1"), "C", genotype_text.MALFORMED, 1),
        (("0|1",), "C", genotype_text.COLUMNS, 0),
        (("0|1", "0|1", "0|1"), "C", genotype_text.COLUMNS, 1),
    ],
)
def test_faults(genotypes: tuple[str, ...], alt: str, fault: int, sample: int) -> None:
    good = rec(5, "A", "C", "0|1", "1|1").row() + "\n"
    done, _, _, _ = run(good + "\n" + rec(9, "A", alt, *genotypes).row() + "\n" + good, [0, 1])
    assert (done.rows, done.lines, done.position) == (1, 2, len(good) + 1)
    assert (done.fault, done.sample) == (fault, sample)


@pytest.mark.parametrize("position", ["", "x", "5x", "-5", "+5", "5.0", " 5", "²", "2147483648", "9" * 30])
def test_no_position(position: str) -> None:
    good = rec(5, "A", "C", "0|1", id="rs5").row() + "\n"
    done, _, _, sites = run(good + good.replace("\t5\t", f"\t{position}\t") + good, [0])
    assert (done.rows, done.lines, done.position, done.fault) == (1, 1, len(good), genotype_text.POSITION)
    assert sites == [("20", "5", "rs5", "A", "C")]


@pytest.mark.parametrize(
    ("alt", "code", "fault"),
    [("C,.", 2, False), (",", 2, False), ("", 1, False), (".", 0, False), (".", 1, True)],
)
def test_dots_in_alt(alt: str, code: int, fault: bool) -> None:
    done, _, _, _ = run(rec(5, "A", alt, f"0|{code}").row() + "\n", [0])
    assert done.fault == (genotype_text.OUT_OF_RANGE if fault else genotype_text.OK)


def test_haploid() -> None:
    text = rec(5, "A", "C,G", "0", "2:7", ".", ".:1", "1\r", fmt="GT:DP").row() + "\n"
    done, alleles, phased, _ = run(text, [0, 1, 2, 3, 4])
    assert done.fault == genotype_text.OK
    assert alleles.tolist() == [[0, -2, 2, -2, -1, -1, -1, -1, 1, -2]]
    assert phased.tolist() == [[True, True, False, False, True]]


@pytest.mark.parametrize("fmt", ["DP", "DP:GT", "GTX", "G", "GL", ""])
def test_no_genotypes(fmt: str) -> None:
    done, _, _, _ = run(rec(5, "A", "C", "0|1", fmt=fmt).row() + "\n", [0])
    assert done.fault == genotype_text.NO_GENOTYPES


@pytest.mark.parametrize(
    "text", ["20\t5\tA\n", "x\n", "20\t5\t.\tA\tC\t.\tPASS\t.\tGT\n", "\t\t\t\t\t\t\t\t\n"]
)
def test_rows_without_samples(text: str) -> None:
    done, _, _, _ = run(text, [0])
    assert done.fault in {genotype_text.COLUMNS, genotype_text.NO_GENOTYPES}
