"""Changes of an app's source files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from watchfiles import Change, DefaultFilter, awatch

__all__ = ["is_source", "source_changes"]

SOURCES: Final = frozenset(
    {
        ".py",
        ".pyi",
        ".pyx",
        ".toml",
        ".yaml",
        ".yml",
        ".ini",
        ".cfg",
        ".env",
        ".sql",
        ".html",
        ".jinja",
        ".j2",
    }
    | {".css", ".js", ".ts", ".go", ".rs", ".java", ".kt", ".cs"}
)
"""Not: databases, logs, JSON. An app that writes such files beside its code would restart for ever."""


async def source_changes(directory: Path) -> AsyncIterator[tuple[str, ...]]:
    """The source files below `directory` that changed, relative to it, a batch at a time; until cancelled."""
    async for changes in awatch(directory, watch_filter=_SourceFilter(), step=50, debounce=400):
        yield tuple(sorted({_relative(Path(path), directory) for _, path in changes}))


def is_source(path: str) -> bool:
    """Whether a change of the file at `path` means that the app must be started anew."""
    file = Path(path)
    return file.suffix.lower() in SOURCES or file.name == ".env"


class _SourceFilter(DefaultFilter):
    """Leaves out what watchfiles does (version control, caches, environments), and what is not source."""

    def __call__(self, change: Change, path: str) -> bool:
        return is_source(path) and super().__call__(change, path)


def _relative(path: Path, directory: Path) -> str:
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else str(path)
