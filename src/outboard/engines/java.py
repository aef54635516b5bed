"""The Java of this machine, which Kafka runs on."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from outboard.errors import EngineUnavailable

__all__ = ["MINIMUM", "find_java", "installed_version", "major_version"]

MINIMUM: Final = 17
"""The oldest Java that Kafka 4 runs on."""
KEGS: Final = ("/opt/homebrew/opt/openjdk/bin", "/usr/local/opt/openjdk/bin")
"""Where Homebrew installs Java: it does not put it on PATH."""
ADVICE: Final = (
    f"Install Java {MINIMUM} or newer: `sudo apt-get install openjdk-17-jre-headless`, "
    "`brew install openjdk`, or `winget install EclipseAdoptium.Temurin.21.JRE`. Then run the same command "
    "again."
)
Versions: TypeAlias = Callable[[str], "int | None"]


def find_java(environment: Mapping[str, str], versions: Versions | None = None) -> Path:
    """The first `java` that is new enough, of JAVA_HOME, PATH and Homebrew's folders.

    `versions` tells the major version of an executable, None for one that does not run.
    Raises EngineUnavailable.
    """
    tell = versions or installed_version
    seen = []
    for java in _candidates(environment):
        version = tell(java)
        if version is not None and version >= MINIMUM:
            return Path(java)
        seen.append(f"{java} is Java {version}" if version else f"{java} does not run")
    problem = f"it needs Java {MINIMUM} or newer, and " + (", ".join(seen) or "there is no Java on PATH")
    raise EngineUnavailable("kafka", problem, ADVICE)


def _candidates(environment: Mapping[str, str]) -> list[str]:
    home = environment.get("JAVA_HOME")
    paths = [*([str(Path(home, "bin"))] if home else []), environment.get("PATH", ""), *KEGS]
    found = (shutil.which("java", path=path) for path in paths)
    return list(dict.fromkeys(java for java in found if java))


def installed_version(java: str) -> int | None:
    """The major version that `java -version` tells, or None where it does not run."""
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return major_version(said.stderr) if said.returncode == 0 else None


def major_version(said: str) -> int | None:
    """17 of `openjdk version "17.0.15" 2025-04-15`; 8 of `java version "1.8.0_402"`."""
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else None
