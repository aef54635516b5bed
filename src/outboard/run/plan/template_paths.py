"""The paths that a run file names: relative to a base, and there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from outboard.resources.finding import Finding
from outboard.resources.node import Node

__all__ = ["existing_path", "folder_of", "resources_paths"]

RESOURCES_KEYS: Final = ("resourcesPaths", "resourcesPath")


def resources_paths(node: Node, base: Path, findings: list[Finding]) -> tuple[str, ...] | None:
    """The folders of both keys, each once; None where none is named."""
    folders: dict[str, int] = {}
    for key in RESOURCES_KEYS:
        found = node.get(key)
        for each, written in () if found is None else _written_paths(found):
            folder = folder_of(each, written, base)
            if folder in folders:
                problem = f"`{key}` names {written}, which line {folders[folder]} names too; it counts once"
                findings.append(Finding(str(node.path), each.key_line, problem, "Remove one of them."))
            folders.setdefault(folder, each.key_line)
    return tuple(folders) or None


def _written_paths(node: Node) -> list[tuple[Node, str]]:
    # Dapr's page shows one path, or several separated by commas; the type is a list.
    if isinstance(node.value, tuple):
        written = [(item, item.as_string()) for item in node.items()]
    else:
        written = [(node, part.strip()) for part in node.as_string().split(",")]
    return [(each, path) for each, path in written if path]


def folder_of(node: Node, written: str, base: Path) -> str:
    folder = existing_path(node, written, base)
    if not Path(folder).is_dir():
        key = f"`{node.key}` names " if node.key else ""
        raise node.error(f"{key}{written}, which is a file", f"Name its folder: {Path(written).parent}.")
    return folder


def existing_path(node: Node, written: str, base: Path) -> str:
    path = (base / Path(written).expanduser()).resolve()
    if not path.exists():
        named = f"`{node.key}` names " if node.key else ""
        advice = f"It is looked for relative to {base}. Correct the path, or create it."
        raise node.error(f"{named}{written}, which does not exist", advice)
    return str(path)
