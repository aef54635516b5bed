"""What a release has: the sdist, which makes the same wheel, and how much is downloaded and installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import dev
from support.wheels import environment_with, install_by_uv, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MOST_DOWNLOADED = 25_000_000
MOST_INSTALLED = 60_000_000
"""Bytes of files without byte code: it is what there is today, with a little room."""
SIZES = """
import sys
from importlib.metadata import distributions
for each in distributions():
    files = [file.locate() for file in each.files or () if file.suffix != ".pyc"]
    print(each.name, sum(file.stat().st_size for file in files if file.is_file()))
"""


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, dev.ROOT)
    (built,) = folder.glob("*.tar.gz")
    return built


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it depends on, no extra."""
    return environment_with(wheel, tmp_path_factory.mktemp("base") / "venv", by=install_by_uv)


def names_of(wheel: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def test_the_sdist_makes_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, sdist)
    (made,) = tmp_path.glob("*.whl")
    assert names_of(made) == names_of(wheel)


def test_the_sdist_has_what_its_own_tests_need(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "dev.py",
        "mkdocs.yml",
        "tests/conftest.py",
        "examples/todo/dapr.yaml",
        "CONTRIBUTING.md",
    } <= names
    assert not [name for name in names if re.search(r"(^|/)(\.venv|\.engines|__pycache__)(/|$)", name)]


def test_the_wheel_has_the_templates_of_a_new_service(base: Path, tmp_path: Path) -> None:
    outboard = dev.scripts_of(base) / "outboard"
    run(outboard, "new", "orders", venv=base, cwd=tmp_path)
    assert run(outboard, "check", venv=base, cwd=tmp_path / "orders").startswith("nothing found")
    assert "outboard " in run(outboard, "info", venv=base, cwd=tmp_path / "orders")


def test_the_base_install_is_small(base: Path, wheel: Path, tmp_path: Path) -> None:
    """What pip downloads for it, and what is then on the disk."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(tmp_path), str(wheel)]
    subprocess.run(command, check=True, env=os.environ)
    downloaded = {each.name: each.stat().st_size for each in tmp_path.iterdir()}
    assert len(downloaded) > 20
    assert sum(downloaded.values()) < MOST_DOWNLOADED, downloaded
    lines = run(dev.python_of(base), "-c", SIZES, venv=base).splitlines()
    installed = {name: int(size) for name, size in map(str.split, lines)}
    assert sum(installed.values()) < MOST_INSTALLED, installed


def test_the_base_install_is_what_the_page_tells(base: Path) -> None:
    page = (dev.ROOT / "docs" / "reference" / "packages.md").read_text(encoding="utf-8")
    lines = run(dev.python_of(base), "-c", SIZES, venv=base).splitlines()
    told = {each.lower().replace("_", "-") for each in re.findall(r"`([\w.-]+)`", page)}
    installed = {line.split()[0].lower().replace("_", "-") for line in lines}
    assert installed - told == {"outboard"} - told


def test_a_shell_can_complete(base: Path, tmp_path: Path) -> None:
    """What the script that `--install-completion` writes asks for: the commands, options, rules."""
    outboard = str(dev.scripts_of(base) / "outboard")

    def completed(words: str) -> str:
        asked = {
            "_OUTBOARD_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        }
        environment = {**dev.environment_for(os.environ, base), **asked}
        done = subprocess.run(
            [outboard], cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False
        )
        assert done.stderr == ""
        return done.stdout

    assert {"new", "run", "check", "info"} <= set(completed("outboard ").split())
    assert "--attach" in completed("outboard run --at")
    script = {"_OUTBOARD_COMPLETE": "source_bash"}
    done = subprocess.run(
        [outboard], env={**os.environ, **script}, capture_output=True, encoding="utf-8", check=True
    )
    assert "complete -o default -F" in done.stdout


def test_the_version_is_that_of_pyproject(base: Path, tmp_path: Path) -> None:
    version = tomllib.loads((dev.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    shown = run(dev.scripts_of(base) / "outboard", "--version", venv=base, cwd=tmp_path)
    assert shown == f"outboard {version}\n"
