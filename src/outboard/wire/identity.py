"""Ids of events."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["new_id"]

VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""The first two bits of this digit are 10."""


def new_id() -> str:
    """A random UUID, as text. Source: RFC 9562, "UUID Version 4".

    `uuid.uuid4` makes an object first, which takes twice as long.
    """
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{VARIANT[text[16]]}{text[17:20]}-{text[20:]}"
