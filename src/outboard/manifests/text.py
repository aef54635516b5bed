"""YAML with comments, written the same each time. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["Manifest", "Noted", "Quoted", "Value", "Yaml", "manifests_text"]

PLAIN: Final = re.compile(r"[A-Za-z/.][A-Za-z0-9_./@+-]*(:[A-Za-z0-9_./@+-]+)*\Z")
UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", ".inf", ".nan"})
"""What is none of itself to YAML without quotes."""


class Quoted(str):
    """A text that stands in quotes, whatever it is: a reader need not know what YAML takes for a number."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Noted:
    """A value with a comment behind it."""

    value: Value
    note: str


Value: TypeAlias = "str | int | bool | Noted | Sequence[Value] | Mapping[str, Value] | None"
Yaml: TypeAlias = "Mapping[str, Value]"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One document, and the comment above it."""

    content: Yaml
    comment: str = ""


def manifests_text(manifests: Sequence[Manifest]) -> str:
    """The documents of one file."""
    return "---\n".join("".join(f"{line}\n" for line in _document(each)) for each in manifests)


def _document(manifest: Manifest) -> Iterator[str]:
    for line in manifest.comment.splitlines():
        yield f"# {line}".rstrip()
    yield from _mapping(manifest.content, "")


def _mapping(content: Mapping[str, Value], indent: str) -> Iterator[str]:
    for key, value in content.items():
        yield from _entry(f"{indent}{_scalar(key)}:", value, f"{indent}  ")


def _entry(head: str, value: Value, indent: str) -> Iterator[str]:
    """`head` with what stands behind it or, deeper, below it."""
    note, value = (f" # {value.note}", value.value) if isinstance(value, Noted) else ("", value)
    if isinstance(value, Mapping) and value:
        yield f"{head}{note}"
        yield from _mapping(value, indent)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        if all(isinstance(each, str | int) for each in value):
            yield f"{head} [{', '.join(_json(each) for each in value)}]{note}"
            return
        yield f"{head}{note}"
        for each in value:
            yield from _item(each, indent)
    else:
        yield f"{head} {_scalar(value)}{note}"


def _item(value: Value, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        lines = list(_mapping(value, f"{indent}  "))
        yield f"{indent}- {lines[0].lstrip()}"
        yield from lines[1:]
    else:
        yield from _entry(f"{indent}-", value, f"{indent}  ")


def _scalar(value: Value) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, str) and not isinstance(value, Quoted) and _is_plain(value):
        return value
    return _json(value)


def _json(value: Value) -> str:
    """As JSON, which is YAML but for a few characters that it does not escape."""
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _is_plain(text: str) -> bool:
    return bool(PLAIN.match(text)) and text.lower() not in WORDS
