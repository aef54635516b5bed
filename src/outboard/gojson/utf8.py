"""Bytes as text, as Go reads them: each byte that is no UTF-8 becomes one U+FFFD."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["text_of"]

NOT_DECODED: Final = re.compile("[\udc80-\udcff]")


def text_of(data: bytes) -> str:
    """Python's own "replace" would make one U+FFFD of several bytes."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return NOT_DECODED.sub("\ufffd", data.decode("utf-8", "surrogateescape"))
