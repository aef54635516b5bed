"""Installing packages on Debian, as root; elsewhere that is left to the person."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def can_install(os_release: Path = Path("/etc/os-release"), is_root: bool | None = None) -> bool:
    """Whether packages may be installed here: on Debian, as root.

    Not on Ubuntu, although it has apt: its `chromium` is a snap, which does not work in containers.
    """
    if is_root is None:
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    try:
        lines = os_release.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return is_root and "ID=debian" in lines


def commands(packages: Sequence[str]) -> list[list[str]]:
    """What is run to install `packages`."""
    return [
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages],
    ]


def install(packages: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Install `packages`, whose output goes to standard error; whether that worked."""
    quiet = {**environment, "DEBIAN_FRONTEND": "noninteractive"}
    return all(
        subprocess.run(command, env=quiet, stdin=subprocess.DEVNULL, stdout=2, check=False).returncode == 0
        for command in commands(packages)
    )
