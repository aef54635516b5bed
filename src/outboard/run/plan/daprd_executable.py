"""Where daprd is on this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from outboard.errors import CommandError

__all__ = ["find_daprd"]

NAME: Final = "daprd"
INSTALLED: Final = Path(".dapr", "bin")
"""The folder that `dapr init` puts it into, in the home folder and below a `--runtime-path`."""
HOW: Final = (
    "Get it with the Dapr CLI, without containers: `dapr init --slim` "
    "(https://docs.dapr.io/getting-started/install-dapr-cli/). Or name it with `--daprd-path FILE`, "
    "or leave `--engine daprd` out"
)


def find_daprd(named: Path | None, environment: Mapping[str, str], home: Path) -> Path:
    """The executable: `named` (a file, or a folder that holds it), on PATH, or where `dapr init` puts it.

    Raises CommandError that says how to get it.
    """
    if named is not None:
        return _named(named)
    found = shutil.which(NAME, path=environment.get("PATH")) or _in(home / INSTALLED)
    if found is None:
        raise CommandError("there is no daprd on PATH, and none in ~/.dapr/bin", f"{HOW}.")
    return Path(found)


def _named(path: Path) -> Path:
    if path.is_dir():
        found = _in(path) or _in(path / INSTALLED)
        if found is None:
            raise CommandError(f"--daprd-path {path}: there is no {NAME} in this folder", f"{HOW}.")
        return Path(found).absolute()
    if not path.is_file():
        raise CommandError(f"--daprd-path {path}: there is no such file", f"{HOW}.")
    if not os.access(path, os.X_OK):
        raise CommandError(f"--daprd-path {path}: it may not be executed", f"Allow it: `chmod +x {path}`.")
    return path.absolute()


def _in(folder: Path) -> str | None:
    return shutil.which(NAME, path=str(folder))
