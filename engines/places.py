"""Where a PostgreSQL, a Redis or a browser of the Chromium family lives on Linux, macOS and Windows."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

BROWSER_COMMANDS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge")
MAC_BROWSERS = ("Chromium", "Google Chrome", "Microsoft Edge")
WINDOWS_BROWSERS = (r"Chromium\Application\chrome.exe", r"Google\Chrome\Application\chrome.exe")
EDGE = r"Microsoft\Edge\Application\msedge.exe"
POSTGRESQL_FOLDERS = (
    ("/usr/lib/postgresql", "*/bin"),  # Debian, Ubuntu: only the clients are on the path there
    ("/usr", "pgsql-*/bin"),  # PostgreSQL's own packages for Red Hat
    ("/opt/homebrew/opt", "postgresql*/bin"),
    ("/usr/local/opt", "postgresql*/bin"),
    ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
)


def find_browser(environment: Mapping[str, str]) -> Path | None:
    """The executable of a browser that Playwright can drive as Chromium, or None."""
    for name in BROWSER_COMMANDS:
        if found := shutil.which(name, path=environment.get("PATH")):
            return Path(found)
    return next((path for path in browser_candidates(environment) if path.is_file()), None)


def browser_candidates(environment: Mapping[str, str]) -> list[Path]:
    """Where macOS and Windows install browsers, which do not put them on the path."""
    bundles = [Path("/Applications", f"{name}.app", "Contents", "MacOS", name) for name in MAC_BROWSERS]
    roots = [environment.get(name) for name in ("ProgramFiles", "ProgramFiles(x86)", "LOCALAPPDATA")]
    return bundles + [Path(root, place) for place in (*WINDOWS_BROWSERS, EDGE) for root in roots if root]


def find_redis(environment: Mapping[str, str]) -> Path | None:
    """The executable of a Redis server, or of a Valkey server, or None."""
    names = ("redis-server", "valkey-server")
    found = (shutil.which(name, path=environment.get("PATH")) for name in names)
    return next((Path(path) for path in found if path), None)


def find_postgresql(environment: Mapping[str, str]) -> Path | None:
    """The folder that holds `initdb` and `pg_ctl` of the newest PostgreSQL server, or None."""
    folders = [Path(part) for part in environment.get("PATH", "").split(os.pathsep) if part]
    for root, pattern in POSTGRESQL_FOLDERS:
        folders += Path(root).glob(pattern)
    if programs := environment.get("ProgramFiles"):
        folders += Path(programs, "PostgreSQL").glob("*/bin")
    return newest(folder for folder in folders if is_server(folder))


def is_server(folder: Path) -> bool:
    """Whether `folder` holds a PostgreSQL server and not only its clients."""
    names = ("initdb", "pg_ctl")
    return all((folder / name).is_file() or (folder / f"{name}.exe").is_file() for name in names)


def newest(folders: Iterable[Path]) -> Path | None:
    """The folder with the highest version number in its path; the first one where they are equal."""

    def version(folder: Path) -> tuple[int, ...]:
        return tuple(int(number) for number in re.findall(r"\d+", folder.parent.name))

    return max(folders, key=version, default=None)
