"""The examples of --help, and completion by the shell."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from spinimpute.cli import app
from spinimpute.cli.examples import EXAMPLES


def commands(group: Any, before: str = "") -> dict[str, Any]:
    """All commands by their full names."""
    found = {}
    for name, command in group.commands.items():
        full = f"{before} {name}".strip()
        found |= commands(command, full) if hasattr(command, "commands") else {full: command}
    return found


COMMANDS = commands(typer.main.get_command(app))


def test_every_command_has_examples_and_every_example_a_command() -> None:
    assert COMMANDS.keys() == EXAMPLES.keys()
    assert all(EXAMPLES.values())


@pytest.mark.parametrize(
    ("command", "line"), [(name, example.line) for name, many in EXAMPLES.items() for example in many]
)
def test_examples_parse(command: str, line: str) -> None:
    COMMANDS[command].make_context(command, shlex.split(line))


@pytest.mark.parametrize("command", EXAMPLES)
def test_help_shows_the_examples_as_they_are(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    shown = [line.strip() for line in result.stdout.splitlines()]
    for example in EXAMPLES[command]:
        assert f"# {example.does}" in shown
        assert f"$ spinimpute {command} {example.line}".strip() in shown


def complete(words: str, shell: str = "bash") -> list[str]:
    """What the shell is offered for the last of some words."""
    environment = {
        "_SPINIMPUTE_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    result = CliRunner().invoke(app, env=environment, prog_name="spinimpute")
    return result.stdout.split()


def test_the_shell_completes_commands_options_and_models() -> None:
    assert complete("spinimpute im") == ["impute"]
    assert complete("spinimpute panel ") == ["build", "info", "verify"]
    assert complete("spinimpute impute --exc") == ["--excludesamples", "--excludemarkers"]
    assert "spin-small" in complete("spinimpute impute --model spin-s")
    assert complete("spinimpute train --init nothing-like-it") == []


def test_completion_installs_itself(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("spinimpute")
    environment = {**os.environ, "HOME": str(tmp_path)}
    # The shell must not give way to its last command, or it is not there to be recognised.
    line = f"{program} --install-completion && true"
    subprocess.run(["bash", "-c", line], env=environment, check=True, capture_output=True)
    started = tmp_path / ".bashrc"
    assert "spinimpute" in started.read_text()
    script = f"source {started}; complete -p spinimpute"
    shown = subprocess.run(
        ["bash", "-c", script], env=environment, check=True, capture_output=True, text=True
    )
    assert "-F" in shown.stdout
