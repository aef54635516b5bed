"""What is masked before two answers are compared: ids, times, ports, versions and trace ids; nothing else.

What stands in the question's own requests is never masked. JSON is compared by value, with numbers as they
are written; everything else byte for byte.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Mask"]

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
OF_PLACE = re.compile(r"[0-9a-f]{32}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
TRACE = re.compile(r"(?<=00-)[0-9a-f]{32}-[0-9a-f]{16}(?=-[0-9a-f]{2})")
BASE64_OF_OBJECT = "eyJ"  # {"
UNORDERED = frozenset(["enabledFeatures"])  # daprd tells of them in random order
NO_TRACE = f"{'0' * 32}-{'0' * 16}"


@dataclass(frozen=True)
class Number:
    """A JSON number as it is written."""

    text: str


@dataclass(frozen=True)
class Mask:
    """Masks what one sidecar said. `asked` is all that its question sent."""

    asked: str
    ports: tuple[int, ...]
    folder: str
    versions: tuple[str, ...]

    def text(self, text: str) -> str:
        """`text` without what differs from run to run."""
        for pattern, name in ((UUID, "<id>"), (TIME, "<time>"), (TRACE, "<trace>")):
            text = pattern.sub(self._unless_asked(name), text)
        text = text.replace(self.folder, "<folder>").replace("proto:\xa0", "proto: ")  # by chance of a build
        text = self._words(text, (str(port) for port in self.ports), "<port>")
        return self._words(text, self.versions, "<version>")

    def body(self, body: bytes) -> object:
        """A body as a value: JSON where it is JSON (with the line end that may follow it), else text."""
        text = body.decode("utf-8", "backslashreplace")
        try:
            value = json.loads(text, parse_int=Number, parse_float=Number)
        except (ValueError, RecursionError):
            return self.text(text)
        return self._value(value)

    def _value(self, value: Any) -> object:
        if isinstance(value, str):
            return self._nested(value)
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if isinstance(value, dict):
            for name in UNORDERED.intersection(value):
                value[name] = sorted(value[name])
            return {self.text(name): self._member(name, value[name]) for name in sorted(value)}
        if isinstance(value, Number):
            return Number(self.text(value.text))
        return value

    def _member(self, name: str, value: Any) -> object:
        """What is made of a raw payload has an id that somebody has made: of its place, or by chance."""
        is_made = name == "id" and isinstance(value, str) and OF_PLACE.fullmatch(value)
        return self._unless_asked("<id>")(is_made) if is_made else self._value(value)

    def _nested(self, text: str) -> object:
        """A string; an event in base64 is masked inside."""
        if not text.startswith(BASE64_OF_OBJECT):
            return self.text(text)
        try:
            return ("base64", self.body(base64.b64decode(text, validate=True)))
        except (ValueError, RecursionError):
            return self.text(text)

    def _unless_asked(self, name: str) -> Callable[[re.Match[str]], str]:
        def masked(match: re.Match[str]) -> str:
            known = match[0] == NO_TRACE or match[0] in self.asked
            return match[0] if known else name

        return masked

    def _words(self, text: str, words: Iterable[str], name: str) -> str:
        for word in words:
            if word and word not in self.asked:
                text = re.sub(rf"(?<![\w.]){re.escape(word)}(?![\w])", name, text)
        return text
