"""What the containers run on: a Debian with Python, Java and Redis, made of its packages."""

from __future__ import annotations

import tempfile
from pathlib import Path

from engines.cache import folder_of
from engines.cluster.programs import run

PACKAGES = (
    "python3-minimal",
    "python3-venv",
    "passwd",  # Containerfiles add users
    "openjdk-17-jre-headless",
    "redis-server",
)
SUITE = "bookworm"
PYTHON = "3.11"
"""The version of Python in that Debian, for which packages are fetched."""
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
MAKE_PLACE = 'mkdir -p "$1/usr/share/man/man1"'
"""Java's package stops where it finds no folder for its manual page."""


def archive(root: Path) -> Path:
    """The tar file of its root folder."""
    return folder_of(root, "cluster-base", [Path(__file__)]) / "base.tar"


def make(root: Path) -> Path:
    """Make it where it is missing, and return it. Needs Debian's archive. Raises EngineProblem."""
    target = archive(root)
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="work-") as work:
            made = Path(work, target.name)
            excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
            options = ["--quiet", "--variant=essential", "--mode=root", f"--include={','.join(PACKAGES)}"]
            hook = f"--essential-hook={MAKE_PLACE}"
            run(["mmdebstrap", *options, *excluded, hook, SUITE, str(made)], target.parent / "build.log")
            made.replace(target)
    return target
