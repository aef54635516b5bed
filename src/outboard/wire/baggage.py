"""W3C baggage: whether it can be read. Pure.

Source: W3C Baggage; OpenTelemetry's Go library, which daprd asks, for what is wrong in words.
"""

from __future__ import annotations

import json
import re
from typing import Final

__all__ = ["problem_of"]

KEY: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
VALUE: Final = re.compile(r"[!#-+\--:<-\[\]-~]*\Z")
BLANK: Final = " \t\r\n\v\f"


def problem_of(baggage: str) -> str:
    """What is wrong with it; empty where nothing is. That of nothing is fine."""
    if not baggage:
        return ""
    return "\n".join(filter(None, map(_problem_of_member, baggage.split(","))))


def _problem_of_member(member: str) -> str:
    pair, *properties = member.split(";")
    for each in properties:
        key, _, value = (part.strip(BLANK) for part in each.partition("="))
        if not KEY.match(key) or not VALUE.match(value):
            return f"invalid baggage list-member property: {_quoted(each)}"
    key, equals, value = pair.partition("=")
    if not equals:
        return f"invalid baggage list-member: {_quoted(member)}"
    if not KEY.match(key.strip(BLANK)):
        return f"invalid key: {_quoted(key.strip(BLANK))}"
    if not VALUE.match(value.strip(BLANK)):
        return f"invalid value: {_quoted(value)}"
    return ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
