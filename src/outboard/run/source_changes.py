"""Changes of an app's source files."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

from watchfiles import Change, DefaultFilter, awatch

from outboard.run.plan.plan import AppPlan, RunPlan
from outboard.run.plan.plan_files import is_plan_file, named_packages, source_owners

__all__ = ["IsOwn", "is_source", "is_source_of", "source_changes"]

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
IsOwn: TypeAlias = Callable[[Path], bool]


async def source_changes(directory: Path, is_own: IsOwn) -> AsyncIterator[tuple[str, ...]]:
    """The source files below `directory` that changed, relative to it, a batch at a time; until cancelled.

    Only those count that `is_own` says yes to.
    """
    async for changes in awatch(directory, watch_filter=_SourceFilter(), step=50, debounce=400):
        own = {Path(path) for _, path in changes if is_own(Path(path))}
        if own:
            yield tuple(sorted(_relative(path, directory) for path in own))


def is_source(path: str) -> bool:
    """Whether a change of the file at `path` means that the app must be started anew."""
    file = Path(path)
    return file.suffix.lower() in SOURCES or file.name == ".env"


def is_source_of(app: AppPlan, path: Path, plan: RunPlan) -> bool:
    """Whether the source file at `path` is one of `app`, among the apps of `plan`.

    A package that is another app's is this one's too where its own packages import it.
    """
    if is_plan_file(path, plan):
        return False
    if app.app_id in {owner.app_id for owner in source_owners(path, plan)}:
        return True
    package = path.relative_to(app.directory).parts[0] if path.is_relative_to(app.directory) else ""
    return package.isidentifier() and _imports(_own_modules(app), package)


def _own_modules(app: AppPlan) -> Iterable[Path]:
    for name in named_packages(app):
        top = app.directory / name
        yield from top.rglob("*.py") if top.is_dir() else [top] if top.suffix == ".py" else ()


def _imports(modules: Iterable[Path], package: str) -> bool:
    statement = re.compile(rf"^\s*(from|import)\s+(.*,\s*)?{re.escape(package)}\b", re.MULTILINE)
    for module in modules:
        try:
            if statement.search(module.read_text(encoding="utf-8", errors="replace")):
                return True
        except OSError:  # it is gone again
            continue
    return False


class _SourceFilter(DefaultFilter):
    """Leaves out what watchfiles does (version control, caches, environments), and what is not source."""

    def __call__(self, change: Change, path: str) -> bool:
        return is_source(path) and super().__call__(change, path)


def _relative(path: Path, directory: Path) -> str:
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else str(path)
