"""Which dead letters have one cause, as far as one can tell from what they say. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Final

__all__ = ["group_id", "pattern_of"]

LONGEST: Final = 500
DIGITS: Final = 8

# In this order: what a later one would find in the text of an earlier one is gone by then.
PARTS: Final = (
    (re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"), "<uuid>"),
    (re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"), "<time>"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<email>"),
    (re.compile(r"""(?<!\w)(?:'[^']*'|"[^"]*"|`[^`]*`)(?!\w)"""), "<text>"),
    (re.compile(r"(?<![\w.])[+-]?\d+(?:[.,]\d+)*(?!\w)"), "<n>"),
    (re.compile(r"\b\w*\d\w*\b"), "<id>"),
)
"""What differs from one event to the next: ids, times, numbers, and what is quoted."""


def pattern_of(reason: str) -> str:
    """`reason` with a placeholder for each part that may be of one event alone.

    "task 17 has no 'owner'" becomes "task <n> has no <text>".
    """
    text = reason
    for part, placeholder in PARTS:
        text = part.sub(placeholder, text)
    return " ".join(text.split())[:LONGEST]


def group_id(*parts: str) -> str:
    """A short name for what has all of these in common."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]
