"""Run the commands that the pages show, and write what they print into the pages: python -m docs.refresh

Blocks that begin with ```console hold commands ($ at the start, \\ at the end of a line that goes on) and
what they print; a line of ... stands for any lines. All pages run in one copy of examples/, in the order of
PAGES, so that a page can use what an earlier one made. tests/test_docs.py runs them too.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from docs.faults import write_faulty_files

DOCS = Path(__file__).parent
PAGES = tuple(
    DOCS / name
    for name in (
        "tutorial.md", "troubleshooting.md", "migrating.md", "python.md", "models.md", "large-jobs.md",
        "new-species.md", "citing.md",
    )
)  # fmt: skip
IMAGES = DOCS / "images"
_WIDTH = "100"
_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
_PROGRESS = re.compile(r"\d\d:\d\d:\d\d ")  # of the meter, on stderr
_SHELL = re.compile(r"[|<>;&*$`]")


@dataclass(frozen=True)
class Shown:
    """A command as the page has it, and the lines that it shows as printed."""

    text: str
    printed: tuple[str, ...]

    @property
    def line(self) -> str:
        """The command on one line."""
        return re.sub(r"\s*\\\n(> )?\s*", " ", self.text)


@dataclass(frozen=True)
class Ran:
    """What became of a command: its exit status and the lines that it printed, progress aside."""

    shown: Shown
    status: int
    printed: tuple[str, ...]


def commands(block: str) -> list[Shown]:
    """The commands of a console block."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif found and found[-1][0][-1].endswith("\\") and not found[-1][1]:
            found[-1][0].append(line)
        elif found:
            found[-1][1].append(line)
        else:
            raise ValueError(f"a console block must begin with a command; found {line!r}")
    return [Shown("\n".join(command), tuple(printed)) for command, printed in found]


def run(shown: Shown, folder: Path) -> Ran:
    """Run a command in a folder, in this process if it is a plain spinimpute command."""
    if shown.line.startswith("spinimpute ") and not _SHELL.search(shown.line):
        status, text = _run_here(shlex.split(shown.line)[1:], folder)
    else:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", shown.line],
            cwd=folder, env=os.environ | {"COLUMNS": _WIDTH, "PATH": path}, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        status, text = done.returncode, done.stdout
    lines = [line.rstrip() for line in text.splitlines()]
    return Ran(shown, status, tuple(line for line in lines if not _PROGRESS.match(line)))


def _run_here(words: Sequence[str], folder: Path) -> tuple[int, str]:
    from typer.testing import CliRunner

    from spinimpute.cli import app

    before = sys.argv
    sys.argv = ["spinimpute", *words]
    try:
        with contextlib.chdir(folder):
            result = CliRunner().invoke(app, words, env={"COLUMNS": _WIDTH})
    finally:
        sys.argv = before
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def page_commands(page: Path) -> list[Shown]:
    """All commands of a page."""
    return [shown for block in _BLOCK.findall(page.read_text()) for shown in commands(block)]


@contextlib.contextmanager
def examples_copy() -> Iterator[Path]:
    """A folder with the example data and the faulty files that pages speak of."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in (DOCS.parent / "examples").iterdir():
            if path.is_file():
                shutil.copy(path, folder)
        write_faulty_files(folder)
        yield folder


def refreshed(text: str, folder: Path) -> str:
    """A page with what its commands print now; shortened outputs stay as they are."""

    def block(match: re.Match[str]) -> str:
        lines = []
        for shown in commands(match[0]):
            ran = run(shown, folder)
            lines += [f"$ {shown.text}", *(shown.printed if "..." in shown.printed else ran.printed)]
        return "".join(f"{line}\n" for line in lines)

    return _BLOCK.sub(block, text)


def main() -> None:
    """Run everything and write the pages, and the picture that the Python example draws."""
    with examples_copy() as folder:
        for page in PAGES:
            page.write_text(refreshed(page.read_text(), folder))
        shutil.copy(folder / "api" / "api.png", IMAGES)


if __name__ == "__main__":
    main()
