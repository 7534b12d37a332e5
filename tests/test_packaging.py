"""What is built from a checkout: an installed wheel works on its own, the sdist makes the same wheel, and the
recipes agree with pyproject.toml.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from spinimpute import __version__

ROOT = Path(__file__).parents[1]
# pip installs it beside the interpreter, which need not be on the PATH.
HADOLINT = shutil.which("hadolint", path=Path(sys.executable).parent) or shutil.which("hadolint")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Names on conda-forge that differ.
CONDA = {"matplotlib": "matplotlib-base", "torch": "pytorch", "zlib-ng": "python-zlib-ng"}
SHIPPED = {
    path.relative_to(ROOT).as_posix()
    for kind in ("config.toml", "weights.safetensors", "MODEL_CARD.md")
    for path in (ROOT / "models").glob(f"*/{kind}")
}


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build a wheel or sdist."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    subprocess.run(words, cwd=source, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


def files(wheel: Path) -> dict[str, int]:
    """Names and checksums of a wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return {each.filename: each.CRC for each in archive.infolist()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment with the wheel; its dependencies are those of this environment."""
    place = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    program = place / "bin" / "python"
    words = ["-m", "pip", "--python", str(program), "install", "--no-deps", "--no-index", "-q", str(wheel)]
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    # A line of a .pth file is a folder to import from; .pth files in that folder, of editable installs, are
    # not followed.
    libraries = sysconfig.get_path("purelib")
    (packages,) = (place / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{libraries}\n")
    return place / "bin"


def test_the_wheel_has_models_types_and_templates(wheel: Path) -> None:
    names = set(files(wheel))
    assert SHIPPED
    assert {f"spinimpute/{name}" for name in SHIPPED} <= names
    assert {"spinimpute/py.typed", "spinimpute/report/page.html.j2"} <= names
    assert not [name for name in names if name.startswith(("tests/", "docs/")) or "__pycache__" in name]


def test_the_sdist_makes_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    source = tmp_path / f"spinimpute-{__version__}"
    assert {"tests/test_packaging.py", "docs/tutorial.md", "LICENSE"} <= {
        path.relative_to(source).as_posix() for path in source.rglob("*")
    }
    again = build("wheel", source, tmp_path / "again")
    assert files(again) == files(wheel)


def test_an_installed_wheel_imputes(installed: Path, tmp_path: Path) -> None:
    for name in ("panel.vcf.gz", "target.vcf.gz", "plink.map"):
        shutil.copy(ROOT / "examples" / name, tmp_path)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*words: str) -> str:
        done = subprocess.run(
            [installed / words[0], *words[1:]],
            cwd=tmp_path, env=environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    where = Path(run("python", "-c", "import spinimpute; print(spinimpute.__file__)").strip())
    assert where.is_relative_to(installed.parent)
    assert str(where.parent / "models") in run("spinimpute", "models")
    inputs = ["--ref", "panel.vcf.gz", "--gt", "target.vcf.gz", "--map", "plink.map", "--chrom", "1:1-100000"]
    assert "mean DR2" in run("spinimpute", "impute", *inputs, "--out", "imputed", "--report")
    assert {"imputed.vcf.gz", "imputed.vcf.gz.tbi", "imputed.log", "imputed.report.html"} <= {
        path.name for path in tmp_path.iterdir()
    }


def recipe() -> dict[str, Any]:
    """The Bioconda recipe as conda-build reads it."""
    text = (ROOT / "packaging" / "bioconda" / "meta.yaml").read_text()
    rendered = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text).render(
        PYTHON="python", pin_subpackage=lambda name, max_pin: f"{name} {max_pin}"
    )  # fmt: skip
    read: dict[str, Any] = yaml.safe_load(rendered)
    return read


def test_the_bioconda_recipe_agrees_with_the_project() -> None:
    read = recipe()
    assert read["package"] == {"name": PROJECT["name"], "version": __version__}
    wanted = {f"python {PROJECT['requires-python']}"}
    for requirement in PROJECT["dependencies"]:
        match = re.fullmatch(r"([\w-]+)(.*)", requirement)
        assert match
        wanted.add(f"{CONDA.get(match[1], match[1])} {match[2]}")
    assert set(read["requirements"]["run"]) == wanted
    assert read["build"]["entry_points"] == [f"{name} = {at}" for name, at in PROJECT["scripts"].items()]
    assert (ROOT / read["about"]["license_file"]).is_file()


def lint(read: dict[str, Any], text: str) -> set[str]:
    """The checks of Bioconda's linter that a recipe fails, of those that concern a recipe of pure Python.

    The linter itself needs conda, so these are its rules, by its names.
    """
    build, about, source = read["build"], read["about"], read["source"]
    requirements = [each for section in read["requirements"].values() for each in section]
    failed = {
        "missing_build_number": "number" not in build,
        "should_be_noarch_generic": build.get("noarch") != "python",
        "missing_run_exports": not build.get("run_exports"),
        "missing_home": not about.get("home"),
        "missing_license": not about.get("license"),
        "missing_summary": not about.get("summary"),
        "summary_too_long": len(about.get("summary", "")) >= 120,
        "missing_tests": not {"commands", "imports"} & set(read.get("test", {})),
        "missing_hash": "sha256" not in source,
        "uses_vcs_url": any(key.startswith(("git", "hg", "svn")) for key in source),
        "should_not_use_fn": "fn" in source,
        "uses_setuptools": any(each.split()[0] == "setuptools" for each in read["requirements"]["run"]),
        "setup_py_install_args": "setup.py" in str(build.get("script")),
        "pip_install_args": not {"--no-deps", "--no-build-isolation"} <= set(build["script"].split()),
        "version_constraints_missing_whitespace": any(
            re.match(r"[\w.-]+[<>=!~]", each) for each in requirements
        ),
        "invalid_identifiers": not all(
            re.match(r"(doi|biotools|usegalaxy-eu):\S", each) for each in read["extra"]["identifiers"]
        ),
        "has_selectors": re.search(r"#\s*\[", text) is not None,
        "trailing_whitespace": re.search(r"[ \t]$", text, flags=re.MULTILINE) is not None,
    }
    return {name for name, fails in failed.items() if fails}


def test_the_bioconda_recipe_lacks_only_what_a_release_gives() -> None:
    text = (ROOT / "packaging" / "bioconda" / "meta.yaml").read_text()
    assert lint(recipe(), text) == {"missing_home", "missing_hash"}
    keys = re.findall(r"^[a-z]+(?=:)", text, flags=re.MULTILINE)
    assert keys == ["package", "source", "build", "requirements", "test", "about", "extra"]
    released = recipe()
    released["source"] = {"url": "https://example.org/spinimpute-0.1.0.tar.gz", "sha256": "0" * 64}
    released["about"]["home"] = "https://example.org"
    assert lint(released, text) == set()
    spoilt = recipe()
    spoilt["requirements"]["run"].append("numpy>=2.0")
    assert "version_constraints_missing_whitespace" in lint(spoilt, text)


def test_the_dockerfile_copies_what_the_wheel_is_made_of(wheel: Path, tmp_path: Path) -> None:
    text = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().split()
    for words in re.findall(r"^COPY (?!--from)(.*) \./", text, flags=re.MULTILINE):
        for name in words.split():
            assert f"!{name}" in ignored
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, tmp_path / name)
    assert files(build("wheel", tmp_path, tmp_path / "built")) == files(wheel)


def test_the_image_has_the_tested_torch_and_no_root() -> None:
    text = (ROOT / "Dockerfile").read_text()
    version = re.search(r"TORCH_VERSION=(.*)", text)
    assert version
    assert f"torch=={version[1]}" in (ROOT / "constraints.txt").read_text()
    users = re.findall(r"^USER (\d+)", text, flags=re.MULTILINE)
    assert users
    assert int(users[-1]) > 0


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing() -> None:
    assert HADOLINT
    found = subprocess.run([HADOLINT, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")
