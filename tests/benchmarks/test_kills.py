"""The benchmark of killed runs, with one kill: nothing partial, and the bytes of an undisturbed run."""

from __future__ import annotations

from pathlib import Path

from benchmarks.reliability.kills import Counts, check_complete, torture

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_killed_run_is_resumed(tmp_path: Path) -> None:
    counts = torture(EXAMPLES, tmp_path, wanted=1, seed=2)
    assert counts.kills >= 1
    assert counts.completed >= 1
    assert (counts.partial_outputs, counts.other_bytes, counts.leftovers) == (0, 0, 0)
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {"whole"}


def test_faults_are_counted(tmp_path: Path) -> None:
    out = tmp_path / "killed.vcf.gz"
    out.write_bytes(b"other")
    (tmp_path / "killed.vcf.gz.partial").touch()
    counts = Counts()
    check_complete(out, b"expected", counts)
    assert (counts.completed, counts.other_bytes, counts.leftovers) == (1, 1, 1)
    assert not list(tmp_path.iterdir())
