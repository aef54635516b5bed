"""JSON text kept as it was written: checked once, then moved about without being decoded and encoded again.

daprd keeps numbers as they were written and escapes `<`, `>` and `&`. Moving the text itself keeps the
numbers, costs one pass, and differs from daprd only in what JSON does not count: white space, order, escapes.
"""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

from outboard.gojson.jsonsyntax import MAX_DEPTH, syntax_error

__all__ = ["JsonTextError", "members", "quote", "raw_value", "well_formed"]

SPACE: Final = " \t\n\r"
OBJECT: Final = "Go value of type map[string]interface {}"
PLAIN: Final = re.compile(r"[ !#-%'-;=?-\[\]-~]*\Z")
LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# Escapes two by two, so that of `\\\\ud800` the backslash is taken for what it is.
ESCAPES: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.S
)
HALF_A_NUMBER: Final = frozenset(".eE")
HTML: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


class JsonTextError(ValueError):
    """The text is not the JSON that is wanted; the message is worded as daprd's decoder words it."""


def _refuse(constant: str) -> NoReturn:
    raise JsonTextError(f"invalid character {constant[0]!r} looking for beginning of value")


# Numbers are never looked at here, and one of 5,000 digits must not be refused: take them as text.
DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)


def well_formed(text: str) -> str:
    """`text` with U+FFFD for each escape of half a surrogate pair, as Go's decoder reads it.

    No other reader of JSON would take it.
    """
    if "\\ud" not in text and "\\uD" not in text:
        return text
    return ESCAPES.sub(lambda match: "\\ufffd" if match[1] else match[0], text)


def raw_value(text: str) -> str:
    """The text of the first JSON value in `text`. What follows it is ignored, as daprd does.

    Raises JsonTextError.
    """
    text = well_formed(text)
    start = _skip(text, 0)
    end = _end_of_value(text, start)
    if text[end : end + 1] in HALF_A_NUMBER and syntax_error(text.encode("utf-8", "replace")):
        raise _wrong(text)  # of `1e` Python reads the 1
    return text[start:end]


def members(text: str) -> dict[str, str]:
    """The members of the JSON object in `text`, each value as it is written; of equal names the last counts.

    Raises JsonTextError.
    """
    text = well_formed(text)
    index = _skip(text, 0)
    if text[index : index + 1] != "{":
        raise JsonTextError(_not_an_object(text, index))
    found: dict[str, str] = {}
    index = _skip(text, index + 1)
    while text[index : index + 1] != "}":
        if found:
            index = _skip(text, _expect(text, index, ","))
        name, index = _name(text, index)
        start = _skip(text, _expect(text, index, ":"))
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
        raise _wrong(text)
    name, end = _decode(text, index)
    return str(name), _skip(text, end)


def _end_of_value(text: str, start: int) -> int:
    return _decode(text, start)[1]


def _decode(text: str, start: int) -> tuple[object, int]:
    try:
        return DECODER.raw_decode(text, start)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _wrong(text) from error


def _skip(text: str, index: int) -> int:
    while text[index : index + 1] and text[index] in SPACE:
        index += 1
    return index


def _expect(text: str, index: int, character: str) -> int:
    if text[index : index + 1] != character:
        raise _wrong(text)
    return index + 1


def _wrong(text: str) -> JsonTextError:
    # Where Go finds nothing wrong it is the depth, of which Python takes less.
    return JsonTextError(syntax_error(text.encode("utf-8", "replace")) or MAX_DEPTH)


def _not_an_object(text: str, index: int) -> str:
    _end_of_value(text, index)
    kinds = {"[": "array", '"': "string", "t": "bool", "f": "bool", "n": "null"}
    return f"json: cannot unmarshal {kinds.get(text[index], 'number')} into {OBJECT}"
