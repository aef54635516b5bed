"""Schemas and settings written to files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from outboard.facts.reading import catalogue
from outboard.schema.choosing import every_schema, schema_of
from outboard.schema.keywords import JsonSchema
from outboard.schema.vscode import FOLDER, SETTINGS, mapping, merged

__all__ = ["schema_text", "write_all", "write_settings"]

FOR_EDITORS: Final = ("resource.schema.json", "run-file.schema.json")


def schema_text(word: str) -> str:
    """The schema that `word` asks for. Raises CommandError."""
    return _text(schema_of(word, catalogue()))


def write_all(folder: Path) -> list[Path]:
    """Write every schema into `folder`; the files that are other than before. Raises OSError."""
    return _write(folder, every_schema(catalogue()))


def write_settings(workspace: Path, resources: Iterable[Path]) -> list[Path]:
    """Write the schemas and the settings that name them below `workspace`; the files that changed.

    `resources` are folders with resources. Raises CommandError where the settings cannot be read, before
    anything is written, and OSError.
    """
    file = workspace / SETTINGS
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    below = [
        each.resolve().relative_to(workspace.resolve()).as_posix()
        for each in resources
        if _is_below(each, workspace)
    ]
    after = merged(before, mapping(below))
    every = every_schema(catalogue())
    changed = _write(workspace / FOLDER, {name: every[name] for name in FOR_EDITORS})
    if after != before:
        _replace(file, after)
        changed.append(file)
    return changed


def _is_below(folder: Path, workspace: Path) -> bool:
    return folder.resolve().is_relative_to(workspace.resolve())


def _write(folder: Path, schemas: Mapping[str, JsonSchema]) -> list[Path]:
    changed = []
    for name, schema in schemas.items():
        file, content = folder / name, _text(schema)
        if not file.is_file() or file.read_text(encoding="utf-8") != content:
            _replace(file, content)
            changed.append(file)
    return changed


def _replace(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="\n") as opened:
        opened.write(content)


def _text(schema: JsonSchema) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
