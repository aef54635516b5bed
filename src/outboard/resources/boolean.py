"""Go's booleans, as `strconv.ParseBool` reads them. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["parse"]

TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def parse(text: str) -> bool:
    """What `text` says. Raises ValueError for what Go does not take, as `yes`, `TRue` and the empty text."""
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise ValueError(f"{text!r} is not a boolean: write `true` or `false`")
