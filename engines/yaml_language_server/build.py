"""Bring the YAML language server from npm, with the packages that package-lock.json names by their hashes.

To move to another version: change it in package.json, run `npm install --package-lock-only
--ignore-scripts --omit-lockfile-registry-resolved` in this folder, and see `dev.py test tests/engines`.
Version 2 needs Node 22, which Debian does not have.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from engines.cache import folder_of
from engines.problem import EngineProblem

HERE = Path(__file__).resolve().parent
PACKAGE = ("package.json", "package-lock.json")
INPUTS = (*(HERE / file for file in PACKAGE), HERE / "build.py")
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev")


def program(home: Path) -> Path:
    """The module that Node runs, in the folder of the engine."""
    return home / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"


def home_of(root: Path) -> Path:
    """Where the clone at `root` keeps the server of the present inputs."""
    return folder_of(root, "yaml-language-server", INPUTS) / "server"


def built(root: Path) -> Path | None:
    """The server of the present inputs, if it is there: it appears only once it is whole."""
    home = home_of(root)
    return home if home.is_dir() else None


def build(root: Path, environment: Mapping[str, str]) -> Path:
    """Install it and return its folder. Needs Node and npm, and npm's registry. Raises EngineProblem."""
    npm = shutil.which("npm", path=environment.get("PATH"))
    if npm is None:
        raise EngineProblem("it needs Node 20 or newer with npm: apt-get install npm, or https://nodejs.org")
    home = home_of(root)
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix="work-") as made:
        work = Path(made, "server")
        work.mkdir()
        for file in PACKAGE:
            shutil.copyfile(HERE / file, work / file)
        done = subprocess.run(
            [npm, *INSTALL],
            cwd=work,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            raise EngineProblem("\n".join(["npm failed:", *done.stdout.splitlines()[-15:]]))
        work.replace(home)
    return home
