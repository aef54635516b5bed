"""Which module an app is, as it is said (`module:app`) or as the command that starts it tells. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["AppTarget", "named_target", "target_of_command"]

MODULE: Final = r"(?P<module>[A-Za-z_]\w*(?:\.\w+)*)"
ATTRIBUTE: Final = r"(?P<attribute>[A-Za-z_][\w.]*)(?:\(\))?"
NAMED: Final = re.compile(rf"(?:(?P<id>[\w][\w.-]*)=)?{MODULE}(?::{ATTRIBUTE})?\Z")
OF_SERVER: Final = re.compile(rf"{MODULE}:{ATTRIBUTE}\Z")
SERVERS: Final = frozenset({"uvicorn", "fastapi", "hypercorn", "gunicorn", "granian", "coverage", "debugpy"})
PYTHON: Final = re.compile(r"(?:.*[/\\])?(?:python[\d.]*|py|uv|poetry)(?:\.exe)?\Z")
SCRIPT: Final = ".py"


@dataclass(frozen=True, slots=True)
class AppTarget:
    """A module, or the file of one, and what the app is called in it (empty: whatever app it has)."""

    module: str
    attribute: str = ""
    app_id: str = ""

    def __str__(self) -> str:
        return f"{self.module}:{self.attribute}" if self.attribute else self.module


def named_target(written: str) -> AppTarget | None:
    """What `[APP_ID=]MODULE[:APP]` means; None where it is not of that form."""
    found = NAMED.match(written)
    return AppTarget(found["module"], found["attribute"] or "", found["id"] or "") if found else None


def target_of_command(command: Sequence[str]) -> AppTarget | None:
    """The module that `command` runs; None where it does not look like one of Python."""
    for word in command:
        if found := OF_SERVER.match(word):
            return AppTarget(found["module"], found["attribute"])
    words = [word for word in command if word]
    if not words or not (PYTHON.match(words[0]) or words[0] in SERVERS):
        return None
    for before, word in itertools.pairwise(words):
        if before == "-m" and word not in SERVERS:
            return AppTarget(word)
        if word.endswith(SCRIPT):
            return AppTarget(word)
    return None
