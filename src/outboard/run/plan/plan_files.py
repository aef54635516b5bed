"""Which files a run is planned from, and which source files are whose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from outboard.run.plan.plan import AppPlan, RunPlan
from outboard.run.plan.settings import CONFIG, RESOURCES_PATH

NAME: Final = re.compile(r"\w[\w.-]*")
"""Of a file or a folder directly in another one."""

__all__ = ["app_files", "is_plan_file", "named_packages", "plan_files", "source_owners"]


def app_files(app: AppPlan) -> tuple[Path, ...]:
    """The folders and files that the sidecar of `app` reads, or would read if they were there."""
    flags = zip(app.sidecar, app.sidecar[1:], strict=False)
    named = [app.directory / value for flag, value in flags if flag in {f"--{RESOURCES_PATH}", f"--{CONFIG}"}]
    own = app.directory / ".dapr"
    return (*named, own / "resources", own / "config.yaml")


def plan_files(plan: RunPlan) -> tuple[Path, ...]:
    """All that `plan` was made from, as files and folders of files."""
    paths = [path for app in plan.apps for path in app_files(app)]
    return tuple(dict.fromkeys([*([plan.run_file] if plan.run_file else []), *paths]))


def is_plan_file(path: Path, plan: RunPlan) -> bool:
    """Whether `plan` was made from the file at `path`: no app reads it as its source."""
    files = plan_files(plan)
    return path in files or path.parent in files


def source_owners(path: Path, plan: RunPlan) -> tuple[AppPlan, ...]:
    """The apps whose source file the one at `path` is, as far as folders and commands tell.

    It is not that of an app around whose folder another app has a folder of its own. Of apps that share a
    folder, a package that the command of one names alone is that one's.
    """
    around = [app for app in plan.apps if path.is_relative_to(app.directory)]
    naming = [app for app in around if path.relative_to(app.directory).parts[0] in named_packages(app)]
    if naming:
        return tuple(naming)
    nearest = max((len(app.directory.parts) for app in around), default=0)
    return tuple(app for app in around if len(app.directory.parts) == nearest)


def named_packages(app: AppPlan) -> frozenset[str]:
    """What the command of `app` may mean by folders in its own: `backend` of `python -m backend.main`."""
    words = [word.partition(":")[0] for word in app.command[1:] if not word.startswith("-")]
    parts = [part for word in words for part in (word.split(".")[0], *Path(word).parts[:1])]
    return frozenset(filter(NAME.fullmatch, parts))
