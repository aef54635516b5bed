"""Variables in the text of a Configuration file, as Go's `os.Expand` fills them in. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["expand_variables"]

VARIABLE: Final = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*|[*#$@!?0-9-]))")


def expand_variables(text: str, environment: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """`text` with its variables filled in, and the names of those that are not set, which become empty."""
    missing: dict[str, None] = {}

    def value(match: re.Match[str]) -> str:
        name = match[1] if match[2] is None else match[2]
        if name not in environment:
            missing[name] = None
        return environment.get(name, "")

    return VARIABLE.sub(value, text), tuple(missing)
