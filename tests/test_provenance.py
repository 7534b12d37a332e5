from __future__ import annotations

import hashlib
from pathlib import Path

from spinimpute import __version__
from spinimpute.provenance import command_line, fingerprint, header_lines, sha256


def test_sha256(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 1_000_000)
    assert sha256(path) == hashlib.sha256(b"abc" * 1_000_000).hexdigest()


def test_command_line_can_be_pasted_into_a_shell() -> None:
    assert command_line(["spinimpute", "--out", "my run"]) == "spinimpute --out 'my run'"
    assert "\n" not in command_line(["a\nb"])


def test_header_lines() -> None:
    lines = header_lines("spinimpute impute", {"model": "small", "panel": "sha256:ab", "seed": 7})
    assert lines == [
        f"##source=spinimpute-{__version__}",
        "##spinimputeCommand=spinimpute impute",
        "##spinimputeModel=small",
        "##spinimputePanel=sha256:ab",
        "##spinimputeSeed=7",
    ]


def test_digest_of_a_folder_depends_on_names_and_contents(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abcd"]
    for folder, (name, text) in zip(folders, [("x", "1"), ("x", "1"), ("y", "1"), ("x", "2")], strict=True):
        (folder / "in").mkdir(parents=True)
        (folder / "in" / name).write_text(text)
    first, same, renamed, changed = map(sha256, folders)
    assert first == same
    assert len({first, renamed, changed}) == 3


def test_fingerprints_tell_files_apart(tmp_path: Path) -> None:
    """By size, and by what is at the beginning, in the middle and at the end; names of files alone do not."""
    size = 5 << 20
    path = tmp_path / "file"
    seen = set()
    for at in (None, 0, size // 2, size - 1):
        content = bytearray(size)
        if at is not None:
            content[at] = 1
        path.write_bytes(content)
        seen.add(fingerprint(path))
    path.write_bytes(bytes(size + 1))
    seen.add(fingerprint(path))
    assert len(seen) == 5
    path.write_bytes(b"")
    assert fingerprint(path).startswith("0:")
    assert fingerprint(path) == fingerprint(path.rename(tmp_path / "other"))


def test_a_folder_s_fingerprint_is_that_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "a").write_bytes(b"1")
    before = fingerprint(folder)
    (folder / "a").rename(folder / "b")
    assert fingerprint(folder) != before
