"""Names of members that look like those of secrets, where no model says what is `Sensitive`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from outboard.wire.sensitive import Masking, masked_by_name

__all__ = ["looks_secret", "without_secrets"]

LOOKS_SECRET: Final = re.compile(
    r"passw|secret|token|api[_-]?key|private[_-]?key|credential|authori[sz]ation|cookie|^pin$|^cvv$", re.I
)


def looks_secret(name: str) -> bool:
    """Whether what has this name is one, as far as a name can tell."""
    return LOOKS_SECRET.search(name) is not None


def without_secrets(value: object) -> object:
    """A value of JSON, in which each member whose name looks like that of a secret is masked."""
    return masked_by_name(value, {name for name in _names(value) if looks_secret(name)}, Masking())


def _names(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield str(name)
            yield from _names(member)
    elif isinstance(value, list):
        for member in value:
            yield from _names(member)
