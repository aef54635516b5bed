from __future__ import annotations

import pytest

from outboard.gojson.jsonsyntax import MAX_DEPTH, syntax_error


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":[1,-2.5e+3,{"b":null}],"c":"\\u00fc\\n"}', b" [] ", b"0",
        b"01", b"1 x", b'"\xff"', b"true", b"{}x",
        b"[" * 10_000 + b"]" * 10_000,
    ],
)  # fmt: skip
def test_nothing_is_wrong(text: bytes) -> None:
    assert syntax_error(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "EOF"),
        (b" \n", "EOF"),
        (b"[", "unexpected EOF"),
        (b"nul", "unexpected EOF"),
        (b"1e", "unexpected EOF"),
        (b'"a', "unexpected EOF"),
        (b"x", "invalid character 'x' looking for beginning of value"),
        (b"[1,]", "invalid character ']' looking for beginning of value"),
        (b"\xff", "invalid character 'ÿ' looking for beginning of value"),
        (b"\x80", "invalid character '\\u0080' looking for beginning of value"),
        (b"\x01", "invalid character '\\x01' looking for beginning of value"),
        (b"'", "invalid character '\\'' looking for beginning of value"),
        (b"{a", "invalid character 'a' looking for beginning of object key string"),
        (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b"}', "invalid character '\"' after object key:value pair"),
        (b"[01]", "invalid character '1' after array element"),
        (b"trux", "invalid character 'x' in literal true (expecting 'e')"),
        (b"-x", "invalid character 'x' in numeric literal"),
        (b"1.}", "invalid character '}' after decimal point in numeric literal"),
        (b"1e+x", "invalid character 'x' in exponent of numeric literal"),
        (b'"\n"', "invalid character '\\n' in string literal"),
        (b'"\\x"', "invalid character 'x' in string escape code"),
        (b'"\\u00g"', "invalid character 'g' in \\u hexadecimal character escape"),
        (b"[" * 10_001, f"invalid character '[' {MAX_DEPTH}"),
    ],
)
def test_what_is_wrong_in_the_words_of_go(text: bytes, problem: str) -> None:
    assert syntax_error(text) == problem
