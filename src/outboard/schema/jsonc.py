"""A value put into JSON with comments, as editors keep their settings, and nothing else of it changed. Pure.

Source: "JSON with Comments" of Visual Studio Code: `//`, `/* */`, and a comma before a closing bracket.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

__all__ = ["NotReadable", "with_entries"]

SPACE: Final = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.S)
STRING: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"')
SCALAR: Final = re.compile(r"true|false|null|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
INDENT: Final = re.compile(r"\n([ \t]+)\"")
USUAL_INDENT: Final = "    "
DEEPEST: Final = 100


class NotReadable(Exception):
    """The text is not what it should be; the message says where and what."""


@dataclass(frozen=True, slots=True)
class JsonMember:
    """One entry of an object: where its value begins and ends."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object: its entries by key, where it opens and closes, and where something may be added.

    `last` is behind the last value, and `comma` whether one follows it.
    """

    entries: dict[str, JsonMember]
    start: int
    end: int
    last: int
    comma: bool


def with_entries(text: str, key: str, entries: dict[str, object]) -> str:
    """`text` with `entries` in the object that is at `key` of the outermost one, each replacing its former.

    All else stays as it is written. An empty text becomes an object. Raises NotReadable.
    """
    if not text.strip():
        return json.dumps({key: entries}, indent=4, ensure_ascii=False) + "\n"
    for name, value in entries.items():
        text = _with_entry(text, key, name, value)
    return text


def _with_entry(text: str, key: str, name: str, value: object) -> str:
    outer = _outermost(text)
    found = INDENT.search(text)
    indent = found[1] if found else USUAL_INDENT
    if key not in outer.entries:
        return _added(text, outer, key, {name: value}, indent, 1)
    place = outer.entries[key].start
    if not text.startswith("{", place):
        raise NotReadable(f"line {_line(text, place)}: `{key}` is no object")
    inner = _object(text, place, 0)
    if name not in inner.entries:
        return _added(text, inner, name, value, indent, 2)
    member = inner.entries[name]
    written = _written(value, indent, 2)
    if _loads(text[member.start : member.end]) == value:
        return text
    return text[: member.start] + written + text[member.end :]


def _added(text: str, members: JsonObject, key: str, value: object, indent: str, depth: int) -> str:
    """`text` with one more entry at the end of an object."""
    entry = f"\n{indent * depth}{json.dumps(key, ensure_ascii=False)}: {_written(value, indent, depth)}"
    content = text[: members.end - 1].rstrip()  # a comment at the end stays with what it stands behind
    closing = text[len(content) :] if "\n" in text[len(content) : members.end] else ""
    closing = closing or f"\n{indent * (depth - 1)}{text[members.end - 1 :]}"
    if members.entries and not members.comma:
        content = f"{content[: members.last]},{content[members.last :]}"
    return f"{content}{entry}{closing}"


def _written(value: object, indent: str, depth: int) -> str:
    lines = json.dumps(value, indent=indent, ensure_ascii=False).split("\n")
    return f"\n{indent * depth}".join(lines)


def _loads(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


# Where what is


def _outermost(text: str) -> JsonObject:
    start = _skip(text, 1 if text.startswith("\ufeff") else 0)
    if not text.startswith("{", start):
        raise NotReadable(f"line {_line(text, start)}: there is no object")
    members = _object(text, start, 0)
    if _skip(text, members.end) != len(text):
        raise NotReadable(f"line {_line(text, members.end)}: something follows the object")
    return members


def _object(text: str, start: int, depth: int) -> JsonObject:
    entries: dict[str, JsonMember] = {}
    place, last, comma = _skip(text, start + 1), start + 1, False
    while not text.startswith("}", place):
        if entries and not comma:
            raise NotReadable(f"line {_line(text, place)}: a comma is missing")
        key = STRING.match(text, place)
        if key is None:
            raise NotReadable(f"line {_line(text, place)}: no key in quotes")
        place = _expect(text, _skip(text, key.end()), ":")
        begin = _skip(text, place)
        last = _value(text, begin, depth + 1)
        entries[str(_loads(key[0]))] = JsonMember(begin, last)
        place = _skip(text, last)
        comma = text.startswith(",", place)
        place = _skip(text, place + 1) if comma else place
    return JsonObject(entries, start, place + 1, last, comma)


def _value(text: str, start: int, depth: int) -> int:
    """Where the value that begins at `start` ends."""
    if depth > DEEPEST:
        raise NotReadable(f"line {_line(text, start)}: it is nested too deeply")
    if text.startswith("{", start):
        return _object(text, start, depth).end
    if text.startswith("[", start):
        return _array(text, start, depth)
    found = STRING.match(text, start) or SCALAR.match(text, start)
    if found is None:
        raise NotReadable(f"line {_line(text, start)}: no value of JSON")
    return found.end()


def _array(text: str, start: int, depth: int) -> int:
    place = _skip(text, start + 1)
    while not text.startswith("]", place):
        place = _skip(text, _value(text, place, depth + 1))
        if not text.startswith("]", place):
            place = _skip(text, _expect(text, place, ","))
    return place + 1


def _expect(text: str, place: int, mark: str) -> int:
    if not text.startswith(mark, place):
        raise NotReadable(f"line {_line(text, place)}: `{mark}` is missing")
    return place + 1


def _skip(text: str, place: int) -> int:
    """Behind the blanks and comments at `place`."""
    found = SPACE.match(text, place)
    return found.end() if found else place


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
