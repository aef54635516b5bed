"""Ids of events."""

from __future__ import annotations

import os

__all__ = ["new_id"]


def new_id() -> str:
    """A random UUID, as text. Source: RFC 9562, "UUID Version 4".

    `uuid.uuid4` makes an object first, which takes twice as long.
    """
    octets = bytearray(os.urandom(16))
    octets[6] = octets[6] & 0x0F | 0x40
    octets[8] = octets[8] & 0x3F | 0x80
    text = octets.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
