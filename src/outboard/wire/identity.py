"""Ids of events."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Final

__all__ = ["new_id", "raw_event_id"]

VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""The first two bits of this digit are 10."""


def new_id(randbytes: Callable[[int], bytes] = os.urandom) -> str:
    """A random UUID, as text, of 16 bytes that `randbytes` gives. Source: RFC 9562, "UUID Version 4".

    `uuid.uuid4` makes an object first, which takes twice as long.
    """
    text = randbytes(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{VARIANT[text[16]]}{text[17:20]}-{text[20:]}"


def raw_event_id(topic: str, partition: str, offset: str, payload: bytes) -> str:
    """The id of the event that is made of a raw payload, by where it lies on its broker: 32 hex digits.

    It stays the same however often it is delivered. The payload is part of it, as a topic that is deleted
    and made anew has the same places again.
    """
    position = f"{topic}/{partition}/{offset}".encode("utf-8", "replace")
    return hashlib.sha256(position + b"\n" + payload).hexdigest()[:32]
