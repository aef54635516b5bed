"""What a name may be, before it becomes part of a URL, a header or a broker's key."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from outboard.errors import InvalidName

__all__ = ["check_name", "check_state_key", "check_text", "path_segment"]

MAX_LENGTH: Final = 250
KEY_SEPARATOR: Final = "||"


def check_name(kind: str, name: str) -> str:
    """Give back the name of a topic, a component or an app, if it can be one.

    `kind` says in the message what is named. Raises InvalidName.
    """
    if not name:
        raise InvalidName(kind, name, "is empty")
    if len(name) > MAX_LENGTH:
        raise InvalidName(kind, f"{name[:20]}…", f"has {len(name)} characters, more than {MAX_LENGTH}")
    if name != name.strip():
        raise InvalidName(kind, name, "begins or ends with a space")
    if KEY_SEPARATOR in name:
        raise InvalidName(kind, name, f"holds '{KEY_SEPARATOR}', which Dapr reserves")
    if any(part in (".", "..") for part in name.replace("\\", "/").split("/")):
        raise InvalidName(kind, name, "has '.' or '..' for a part of its path")
    return check_text(kind, name)


def check_text(kind: str, text: str) -> str:
    """Give back a value that travels in a header or a query, if it has no control character in it.

    Raises InvalidName: such a value would block the partition that its event lies in.
    """
    if not text.isprintable():
        found = next(character for character in text if not character.isprintable())
        raise InvalidName(kind, text, f"holds U+{ord(found):04X}, which cannot be printed")
    return text


def check_state_key(key: str) -> str:
    """Give back the key of a state item, if Dapr takes it as one. Raises InvalidName."""
    if not key:
        raise InvalidName("state key", key, "is empty")
    if KEY_SEPARATOR in key:
        raise InvalidName("state key", key, f"holds '{KEY_SEPARATOR}', which Dapr reserves")
    return check_text("state key", key)


def path_segment(text: str) -> str:
    """Percent-encode `text` as one segment of a URL's path, also where it is "." or ".."."""
    encoded = quote(text, safe="")
    return encoded.replace(".", "%2E") if encoded in (".", "..") else encoded
