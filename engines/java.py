"""The Java of this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from engines.problem import EngineProblem

MINIMUM = 17
"""The oldest Java that Kafka 4 runs on."""


def find_java(environment: Mapping[str, str]) -> Path:
    """The executable of a Java that is new enough, JAVA_HOME's before the path's. Raises EngineProblem."""
    found = in_java_home(environment) or shutil.which("java", path=environment.get("PATH"))
    if found is None:
        raise EngineProblem(f"it needs Java {MINIMUM} or newer: {how_to_get_it()}")
    version = version_of(found)
    if version is None or version < MINIMUM:
        seen = f"is Java {version}" if version else "does not start"
        raise EngineProblem(f"it needs Java {MINIMUM} or newer, and {found} {seen}: {how_to_get_it()}")
    return Path(found)


def in_java_home(environment: Mapping[str, str]) -> str | None:
    """The `java` in JAVA_HOME, if there is one."""
    home = environment.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home, "bin"))) if home else None


def version_of(java: str) -> int | None:
    """The major version that `java -version` tells, or None where it does not run."""
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return major(said.stderr) if said.returncode == 0 else None


def major(said: str) -> int | None:
    """17 of `openjdk version "17.0.15" 2025-04-15`; 8 of `java version "1.8.0_402"`."""
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else None


def how_to_get_it() -> str:
    """Where a Java comes from, on each platform."""
    return (
        "apt-get install openjdk-17-jre-headless, brew install openjdk, "
        "or winget install EclipseAdoptium.Temurin.21.JRE"
    )
