"""What was found before, and is to be left alone for now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from outboard.check.report import FoundPlace
from outboard.errors import CommandError

__all__ = ["read_baseline", "write_baseline"]

VERSION: Final = 1


def read_baseline(path: Path) -> frozenset[str]:
    """The fingerprints in the file at `path`. Raises CommandError where it is not there, or is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        advice = f"Make it with `outboard check --write-baseline {path}`."
        raise CommandError(f"the baseline {path} cannot be read: {error.strerror}", advice) from error
    except ValueError as error:
        raise CommandError(
            f"{path} is no baseline: {error}", "Make it anew with `--write-baseline`."
        ) from error
    listed = found.get("findings") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise CommandError(f"{path} is no baseline", "Make it anew with `--write-baseline`.")
    return frozenset(str(each.get("fingerprint")) for each in listed)


def write_baseline(path: Path, places: tuple[FoundPlace, ...]) -> None:
    """Write what was found to the file at `path`. Raises OSError."""
    listed = [
        {
            "fingerprint": each.fingerprint,
            "code": each.finding.rule.code,
            "file": each.finding.hit.file.replace("\\", "/"),
            "message": each.finding.hit.message,
        }
        for each in places
    ]
    path.write_text(json.dumps({"version": VERSION, "findings": listed}, indent=2) + "\n", encoding="utf-8")
