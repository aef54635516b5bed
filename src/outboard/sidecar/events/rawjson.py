"""JSON text kept as it was written: checked once, then moved about without being decoded and encoded again.

daprd keeps numbers as they were written and escapes `<`, `>` and `&`. Moving the text itself keeps the
numbers, costs one pass, and differs from daprd only in what JSON does not count: white space, order, escapes.
"""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

__all__ = ["JsonTextError", "members", "quote", "raw_value"]

SPACE: Final = " \t\n\r"
MAX_DEPTH_MESSAGE: Final = "exceeded max depth"
OBJECT: Final = "Go value of type map[string]interface {}"
PLAIN: Final = re.compile(r"[ !#-%'-;=?-\[\]-~]*\Z")
LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
HTML: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


class JsonTextError(ValueError):
    """The text is not the JSON that is wanted; the message is worded as daprd's decoder words it."""


def _refuse(constant: str) -> NoReturn:
    raise JsonTextError(f"invalid character {constant[0]!r} looking for beginning of value")


# Numbers are never looked at here, and one of 5,000 digits must not be refused: take them as text.
DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)


def raw_value(text: str) -> str:
    """The text of the first JSON value in `text`. What follows it is ignored, as daprd does.

    Raises JsonTextError.
    """
    start = _skip(text, 0)
    return text[start : _end_of_value(text, start)]


def members(text: str) -> dict[str, str]:
    """The members of the JSON object in `text`, each value as it is written; of equal names the last counts.

    Raises JsonTextError.
    """
    index = _skip(text, 0)
    if text[index : index + 1] != "{":
        raise JsonTextError(_not_an_object(text, index))
    found: dict[str, str] = {}
    index = _skip(text, index + 1)
    while text[index : index + 1] != "}":
        if found:
            index = _skip(text, _expect(text, index, ",", "after object key:value pair"))
        name, index = _name(text, index)
        start = _skip(text, _expect(text, index, ":", "after object key"))
        end = _end_of_value(text, start)
        found[name] = text[start:end]
        index = _skip(text, end)
    return found


def quote(text: str) -> str:
    """`text` as a JSON string, escaped as Go does: `<`, `>`, `&` too; what is not Unicode becomes U+FFFD."""
    if PLAIN.match(text):
        return f'"{text}"'
    if LONE_SURROGATE.search(text):
        text = LONE_SURROGATE.sub("\ufffd", text)
    return json.dumps(text, ensure_ascii=False).translate(HTML)


def _name(text: str, index: int) -> tuple[str, int]:
    if text[index : index + 1] != '"':
        _fail(text, index, "looking for beginning of object key string")
    name, end = _decode(text, index)
    return str(name), _skip(text, end)


def _end_of_value(text: str, start: int) -> int:
    if start >= len(text):
        _fail(text, start, "")
    return _decode(text, start)[1]


def _decode(text: str, start: int) -> tuple[object, int]:
    try:
        value, end = DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise JsonTextError(_worded(text, error)) from error
    except RecursionError as error:
        raise JsonTextError(MAX_DEPTH_MESSAGE) from error
    return value, end


def _skip(text: str, index: int) -> int:
    while text[index : index + 1] and text[index] in SPACE:
        index += 1
    return index


def _expect(text: str, index: int, character: str, place: str) -> int:
    if text[index : index + 1] != character:
        _fail(text, index, place)
    return index + 1


def _fail(text: str, index: int, place: str) -> NoReturn:
    if index < len(text):
        raise JsonTextError(f"invalid character {text[index]!r} {place}")
    raise JsonTextError("unexpected EOF" if text.strip(SPACE) else "EOF")


def _worded(text: str, error: json.JSONDecodeError) -> str:
    at = error.pos
    if at >= len(text) or error.msg.startswith("Unterminated"):
        return "unexpected EOF"
    place = "looking for beginning of value" if error.msg.startswith("Expecting value") else f"({error.msg})"
    return f"invalid character {text[at]!r} {place}"


def _not_an_object(text: str, index: int) -> str:
    _end_of_value(text, index)
    kinds = {"[": "array", '"': "string", "t": "bool", "f": "bool", "n": "null"}
    return f"json: cannot unmarshal {kinds.get(text[index], 'number')} into {OBJECT}"
