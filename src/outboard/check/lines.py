"""The lines of a text, as YAML counts them. Pure."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["lines_of"]

LINE: Final = re.compile("[^\r\n\x85\u2028\u2029]*(?:\r\n|[\r\n\x85\u2028\u2029]|$)")


def lines_of(text: str) -> list[str]:
    """The lines of `text`, with what ends them."""
    return [each for each in LINE.findall(text) if each]
