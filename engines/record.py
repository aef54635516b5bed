"""`.engines/engines.json`: where the engines of this machine are, as the tests read it.

What lies beside it is named from there, so that a clone may be moved, or its `.engines` kept for another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from engines.problem import EngineProblem


def record_file(root: Path) -> Path:
    """The record of the clone at `root`."""
    return root / ".engines" / "engines.json"


def read_record(root: Path) -> dict[str, Path]:
    """Engine name → its executable or, for PostgreSQL, its folder of executables.

    What was removed from the machine since is left out. Raises EngineProblem when the record is not readable.
    """
    try:
        content = json.loads(record_file(root).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise EngineProblem(
            f"{record_file(root)} is not JSON ({error}); delete it and run: python3 dev.py engines"
        ) from error
    places = {name: record_file(root).parent / place for name, place in content.items()}
    return {name: place for name, place in places.items() if place.exists()}


def write_record(root: Path, places: Mapping[str, Path]) -> None:
    """Replace the record by `places`, at once: a reader sees the old or the new one."""
    file = record_file(root)
    file.parent.mkdir(exist_ok=True)
    fresh = file.with_suffix(".new")
    content = {name: _named(place, file.parent) for name, place in sorted(places.items())}
    fresh.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    fresh.replace(file)


def _named(place: Path, folder: Path) -> str:
    return str(place.relative_to(folder) if place.is_relative_to(folder) else place)
