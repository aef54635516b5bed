"""The settings of a project: `[tool.outboard.check]` in `pyproject.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from outboard.check.ignoring import Ignores
from outboard.check.registry import find_rule, near_rule
from outboard.check.rule import Severity
from outboard.errors import CommandError, ResourceError

__all__ = ["FILE", "CheckSettings", "read_settings", "refuse_unknown_rules"]

FILE: Final = "pyproject.toml"
KEYS: Final = ("baseline", "dapr-version", "exclude", "ignore", "per-file-ignores", "severity")


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """What a project wants of its checks. `exclude` are patterns, `folder` is where it is written."""

    ignores: Ignores = field(default_factory=Ignores)
    exclude: tuple[str, ...] = ()
    severity: Severity = Severity.note
    dapr_version: str = ""
    baseline: str = ""
    folder: Path = Path()


def read_settings(folder: Path) -> CheckSettings:
    """Those of the nearest `pyproject.toml` in `folder` or above it, if it has any.

    Raises ResourceError for a file that is no TOML, and CommandError for a setting that is not known.
    """
    for each in (folder, *folder.parents):
        file = each / FILE
        if file.is_file():
            table = _table(file)
            return CheckSettings() if table is None else _settings(table, file)
    return CheckSettings()


def refuse_unknown_rules(words: Iterable[str], where: str) -> None:
    """Raise CommandError for the first of `words` that is neither code nor name of a rule."""
    for word in words:
        if find_rule(word) is None:
            near = near_rule(word)
            advice = f"Did you mean `{near}`?" if near else "`outboard explain` lists all rules."
            raise CommandError(f"{where}: there is no rule `{word}`", advice)


def _table(file: Path) -> Mapping[str, object] | None:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ResourceError(str(file), 1, f"not valid TOML: {error}", "Correct it.") from error
    for key in ("tool", "outboard", "check"):
        inner = found.get(key)
        if not isinstance(inner, dict):
            return None
        found = inner
    return found


def _settings(table: Mapping[str, object], file: Path) -> CheckSettings:
    where = f"{file} [tool.outboard.check]"
    for key in table:
        if key not in KEYS:
            raise CommandError(f"{where}: there is no setting `{key}`", f"Known: {', '.join(KEYS)}.")
    per_file = table.get("per-file-ignores", {})
    if not isinstance(per_file, dict):
        raise CommandError(f"{where}: `per-file-ignores` is no table", 'Write `"deploy/*.yaml" = ["OB133"]`.')
    ignores = Ignores(
        _words(table, "ignore", where),
        {str(pattern): _words(per_file, pattern, where) for pattern in per_file},
    )
    refuse_unknown_rules(
        [*ignores.everywhere, *(each for words in ignores.per_file.values() for each in words)], where
    )
    severity = str(table.get("severity", Severity.note.name))
    if severity not in Severity.__members__:
        raise CommandError(f"{where}: `severity` cannot be {severity}", "Write note, warning or error.")
    return CheckSettings(
        ignores,
        _words(table, "exclude", where),
        Severity[severity],
        str(table.get("dapr-version", "")),
        str(table.get("baseline", "")),
        file.parent,
    )


def _words(table: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise CommandError(f"{where}: `{key}` is no list of texts", f'Write `{key} = ["…"]`.')
    return tuple(found)
