"""Manifests written into a folder, whose edited files are left alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from outboard.errors import CommandError
from outboard.facts.reading import catalogue
from outboard.manifests.assembling import FileSet, ManifestOptions, file_set
from outboard.manifests.ownership import Decision, FileState, decided
from outboard.manifests.system import System

__all__ = ["carry_out", "decide", "make_files"]

SUFFIXES: Final = frozenset({".yaml", ".yml", ".Containerfile"})
FOLDERS: Final = ("", "base", "overlays/production")
TEMPLATES: Final = ("kafka", "redis")


def make_files(system: System, folder: Path, run_file: Path, options: ManifestOptions) -> FileSet:
    """What is to stand in `folder`. Raises CommandError for what cannot be in a cluster."""
    base = run_file if run_file.is_dir() else run_file.parent
    paths = {
        app.app_id: _seen_from(folder / f"{app.app_id}.Containerfile", base / app.context)
        for app in system.apps
    }
    return file_set(system, catalogue(), _templates(), paths, options)


def _seen_from(file: Path, folder: Path) -> str:
    """Raises CommandError where no relative path leads from one to the other: another drive of Windows."""
    try:
        return Path(os.path.relpath(file.absolute(), folder.absolute())).as_posix()
    except ValueError as error:
        raise CommandError(
            f"{file} and {folder} are on two drives", "Write into a folder of the same."
        ) from error


def decide(made: FileSet, folder: Path, *, force: bool) -> tuple[Decision, ...]:
    """What becomes of the files in `folder`. Raises OSError."""
    there = {
        file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8")
        for below in FOLDERS
        for file in _files(folder / below)
    }
    return decided(made.files, there, made.once, force=force)


def carry_out(decisions: Sequence[Decision], folder: Path) -> None:
    """Write and remove. Raises OSError."""
    for each in decisions:
        file = folder / each.name
        if each.text is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("w", encoding="utf-8", newline="\n") as opened:
                opened.write(each.text)
        elif each.state is FileState.removed:
            file.unlink()


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES and file.is_file())


def _templates() -> Mapping[str, str]:
    folder = files("outboard.manifests").joinpath("templates")
    return {name: folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8") for name in TEMPLATES}
