"""Secrets taken out of what was seen: whatever is shown, or given to others, holds none. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "SHORTEST", "Masker", "masked"]

MASK: Final = "***"
SHORTEST: Final = 4
"""Characters: a shorter text stands everywhere by chance, and no mask could hide it."""
IN_URL: Final = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s/@]+@", re.IGNORECASE)
T = TypeVar("T")


class Masker:
    """Replaces each of `secrets` in a text, however it is written there, and passwords of URLs."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        hidden = self._pattern.sub(MASK, text) if self._pattern else text
        return IN_URL.sub(rf"\1:{MASK}@", hidden)


def masked(value: T, secrets: Iterable[str]) -> T:
    """`value`, dataclasses and collections of any depth, with all its texts masked."""
    return cast("T", _masked(value, Masker(secrets)))


def _masked(value: Any, mask: Masker) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return mask(value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{each.name: _masked(getattr(value, each.name), mask) for each in fields(value)}
        )
    if isinstance(value, tuple):
        return tuple(_masked(each, mask) for each in value)
    if isinstance(value, Mapping):
        return {mask(str(name)): _masked(each, mask) for name, each in value.items()}
    return value


def _forms(secret: str) -> Iterable[str]:
    """As it is, and as JSON, a log, or a URL writes it; each line of it, too."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield quote(secret, safe="")
    yield quote_plus(secret)
    for line in secret.splitlines():
        if len(line) >= SHORTEST and line != secret:
            yield from _forms(line)
