"""What is built is kept in `.engines`, in a folder that is named after its inputs."""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections.abc import Sequence
from pathlib import Path

LIFETIME = 7 * 24 * 3600.0
"""Seconds for which what was built of other inputs is kept: another branch may still want it."""


IN_USE = 3600.0
"""Seconds for which nobody removes what a test of another clone may just be reading."""


def folder_of(root: Path, name: str, inputs: Sequence[Path]) -> Path:
    """Where the clone at `root` keeps the engine `name` made of the files `inputs`, for this platform."""
    content = b"\0".join(file.read_bytes() for file in inputs)
    target = f"{platform.system()}-{platform.machine()}"
    return root / ".engines" / name / hashlib.sha256(content + target.encode()).hexdigest()[:12]


def remove_outdated(root: Path, name: str, used: Path, now: float) -> list[Path]:
    """Remove what was built for the engine `name`, but `used`, more than a week before `now`: what is gone.

    `now` is in seconds since the epoch.
    """
    kept = root / ".engines" / name
    if not kept.is_dir():
        return []
    old = [each for each in sorted(kept.iterdir()) if each not in (used, *used.parents)]
    outdated = [each for each in old if each.stat().st_mtime < now - LIFETIME]
    for folder in outdated:
        shutil.rmtree(folder)
    return outdated


def remove_all_but(count: int, folder: Path, now: float) -> list[Path]:
    """Remove what is in `folder`, but the `count` that were used last and what was used within the last hour
    before `now`, in seconds since the epoch: what is gone. Whoever uses one touches it."""
    if not folder.is_dir():
        return []
    ages = sorted((now - each.stat().st_mtime, each) for each in folder.iterdir())
    unused = [each for age, each in ages[count:] if age > IN_USE]
    for each in unused:
        shutil.rmtree(each)
    return unused
