"""The Galaxy tool of `impute`: Galaxy's linter and template engine, where they are installed, find it right.

pip install galaxy-tool-util edam-ontology; they are no requirement of development.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from spinimpute import __version__, cli
from spinimpute.config import FIXES
from spinimpute.model_store import shipped_models

ROOT = Path(__file__).parents[1]
TOOL = ROOT / "packaging" / "galaxy" / "spinimpute_impute.xml"
TREE = ElementTree.parse(TOOL).getroot()


def test_galaxys_linter_finds_nothing() -> None:
    pytest.importorskip("galaxy.tool_util", reason="needs galaxy-tool-util")
    pytest.importorskip("edam_ontology", reason="needs edam-ontology")
    script = (
        "import sys; from galaxy.tool_util.lint import *;"
        "from galaxy.tool_util.parser import get_tool_source;"
        "context = LintContext(LintLevel.WARN); lint_tool_source_with(context, get_tool_source(sys.argv[1]));"
        "sys.exit(context.found_errors or context.found_warns)"
    )
    words = [sys.executable, "-c", script, str(TOOL)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_it_agrees_with_the_command_line() -> None:
    assert TREE.findtext("macros/token[@name='@TOOL_VERSION@']") == __version__
    given = {each.get("argument", "") for each in TREE.iter("param")} - {""}
    known = {f"--{name.replace('_', '-')}" for name in inspect.signature(cli.impute).parameters}
    assert given
    assert given <= known
    for argument, values in (("--model", {model.name for model in shipped_models()}), ("--fix", set(FIXES))):
        options = TREE.findall(f"inputs/param[@argument='{argument}']/option")
        assert {option.get("value") for option in options} == values


@pytest.mark.parametrize("full", [False, True])
def test_its_command_imputes_the_examples(tmp_path: Path, full: bool) -> None:
    template = pytest.importorskip("Cheetah.Template", reason="needs Cheetah, of galaxy-tool-util")
    examples = ROOT / "examples"
    given: dict[str, Any] = dict.fromkeys(("map", "ap", "gp", "keep_target_only", "fix"), "")
    given |= {"ref": examples / "panel.vcf.gz", "gt": examples / "target.vcf.gz", "model": "spin-small"}
    given |= {"region": "1:1-100000"}
    if full:
        given |= {"map": examples / "plink.map", "ap": "--ap", "gp": "--gp", "fix": "swap,strand"}
        given |= {"keep_target_only": "--keep-target-only"}
    command = str(template.Template(TREE.findtext("command"), searchList=[given]))
    paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {**os.environ, "PATH": os.pathsep.join(paths), "PYTHONPATH": str(ROOT)}
    words = ["bash", "-ec", " ".join(command.split())]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for data in TREE.findall("outputs/data"):
        assert (tmp_path / str(data.get("from_work_dir"))).stat().st_size
    assert "  ap                   " + str(full).lower() in (tmp_path / "imputed.log").read_text()
