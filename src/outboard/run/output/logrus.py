"""A line of daprd's log, taken apart.

Source: the text format of dapr/kit's logger, which is that of logrus:
`time="…" level=info msg="…" app_id=api scope=dapr.runtime type=log ver=1.18.1`.
"""

from __future__ import annotations

import json
import re
from typing import Final

__all__ = ["parse_line"]

FIELD: Final = re.compile(r'(?P<name>\w+)=(?P<value>"(?:[^"\\]|\\.)*"|[^\s"]*)(?: |$)')
GO_ESCAPE: Final = re.compile(r"\\(?:(\\)|x([0-9a-f]{2})|U([0-9a-f]{8})|([av]))")
WITHOUT_JSON: Final = {"a": "\a", "v": "\v"}


def parse_line(line: str) -> tuple[str, str]:
    """Its level ("info") and its message. A line of another form, as of a panic, is its own message, without
    a level."""
    if not line.startswith("time="):
        return "", line
    fields = {found["name"]: found["value"] for found in FIELD.finditer(line)}
    if "msg" not in fields:
        return "", line
    level = fields.get("level", "")
    return ("warn" if level == "warning" else level), _unquoted(fields["msg"])


def _unquoted(value: str) -> str:
    """What a quoted string of Go's `strconv.Quote` says; a bare word is itself."""
    if not value.startswith('"'):
        return value
    try:
        text = json.loads(GO_ESCAPE.sub(_for_json, value))
    except ValueError:
        return value[1:-1]
    return str(text)


def _for_json(escape: re.Match[str]) -> str:
    """The escapes that JSON does not have, as those that it has."""
    backslash, byte, wide, letter = escape.groups()
    if backslash:
        return escape[0]
    character = WITHOUT_JSON[letter] if letter else chr(int(byte or wide, 16))
    return json.dumps(character)[1:-1]
