"""What a name may be, before it becomes part of a URL, a header or a broker's key."""

from __future__ import annotations

from typing import Final, TypeAlias
from urllib.parse import quote
from uuid import UUID

from outboard.errors import InvalidName
from outboard.kit.arguments import shown

__all__ = ["Key", "check_name", "check_optional", "check_state_key", "check_text", "key_text", "path_segment"]

Key: TypeAlias = str | int | UUID
"""The key of an event or a state item. A number is written in decimal, a UUID in lower case with hyphens."""

MAX_LENGTH: Final = 250
KEY_SEPARATOR: Final = "||"


def check_name(kind: str, name: str) -> str:
    """Give back the name of a topic, a component or an app, if it can be one.

    `kind` says in the message what is named. Raises InvalidName.
    """
    kind = f"{kind} name"
    _check_type(kind, name)
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


def check_optional(kind: str, name: str | None, default: str) -> str:
    """As `check_name`, of `default` where None or no text is given."""
    return check_name(kind, default if name is None or name == "" else name)


def check_text(kind: str, text: str) -> str:
    """Give back a value that travels in a header or a query, if it has no control character in it.

    Raises InvalidName: such a value would block the partition that its event lies in.
    """
    _check_type(kind, text)
    if not text.isprintable():
        found = next(character for character in text if not character.isprintable())
        raise InvalidName(kind, text, f"holds U+{ord(found):04X}, which cannot be printed")
    return text


def key_text(kind: str, key: Key) -> str:
    """The text of a key. Raises InvalidName for what is no `Key`; a bool is none."""
    if isinstance(key, str):
        return key
    if isinstance(key, UUID):
        return str(key)
    if isinstance(key, bool) or not isinstance(key, int):
        raise InvalidName(kind, shown(key), "is no text, no whole number and no UUID")
    try:
        return int.__repr__(key)
    except ValueError:
        raise InvalidName(kind, "a number", "has more digits than Python writes") from None


def check_state_key(state_key: Key) -> str:
    """Give back the text of a state item's key, if Dapr takes it as one. Raises InvalidName."""
    key = key_text("state key", state_key)
    if not key:
        raise InvalidName("state key", key, "is empty")
    if KEY_SEPARATOR in key:
        raise InvalidName("state key", key, f"holds '{KEY_SEPARATOR}', which Dapr reserves")
    return check_text("state key", key)


def _check_type(kind: str, text: object) -> None:
    if not isinstance(text, str):
        raise InvalidName(kind, shown(text), "is no text")


def path_segment(text: str) -> str:
    """Percent-encode `text` as one segment of a URL's path, also where it is "." or ".."."""
    encoded = quote(text, safe="")
    return encoded.replace(".", "%2E") if encoded in (".", "..") else encoded
