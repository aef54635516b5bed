"""The path of a call, as daprd makes it plain and as Go escapes it again."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.sidecar.invocation.paths import cleaned, decoded, go_quoted, normalised, request_target
from outboard.sidecar.invocation.values import InvocationFailed

BASE = "http://127.0.0.1:80"


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("", ""),
        (".", ""),
        ("/", "/"),
        ("//a", "/a"),
        ("a//b/./c/../d/", "a/b/d"),
        ("../a", "../a"),
        ("/../a", "/a"),
    ],
)
def test_a_path_is_cleaned(path: str, clean: str) -> None:
    assert cleaned(path) == clean


@pytest.mark.parametrize(
    ("method", "plain"),
    [
        ("x", "x"),
        ("../../x", "x"),
        ("..", ""),
        ("a/..", ""),
        ("/x", "/x"),
        ("100%", "100%"),
        ('"\\*', '"\\*'),
    ],
)
def test_no_path_leads_above_its_beginning(method: str, plain: str) -> None:
    assert normalised(method) == plain


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        ("a?b", 'method contains forbidden character: "a?b"'),
        ("a#b", 'method contains forbidden character: "a#b"'),
        ("a\0", 'method contains forbidden character: "a\\x00"'),
        ("é\n", 'method contains control character at position 2: "é\\n"'),
        ("\x7f", 'method contains control character at position 0: "\\x7f"'),
    ],
)
def test_some_characters_make_no_path(method: str, problem: str) -> None:
    with pytest.raises(InvocationFailed) as caught:
        normalised(method)
    assert str(caught.value) == f"rpc error: code = InvalidArgument desc = invalid method: {problem}"


@pytest.mark.parametrize(
    ("method", "query", "target"),
    [
        ("a b", "", "/a%20b"),
        ("a%41b", "", "/a%41b"),
        ("a%41 b", "", "/aA%20b"),
        ("a+b!$&'()*,;=:@~-_.", "", "/a+b!$&'()*,;=:@~-_."),
        ("a!'()*[]<", "q=%zz", "/a%21%27%28%29%2A%5B%5D%3C?q=%zz"),
        ("é", "", "/%C3%A9"),
        ("", "x=1", "/?x=1"),
    ],
)
def test_a_path_is_escaped_as_go_does(method: str, query: str, target: str) -> None:
    assert request_target(BASE, method, query) == target


def test_a_percent_sign_that_escapes_nothing() -> None:
    with pytest.raises(InvocationFailed) as caught:
        request_target(BASE, "a%b", "x")
    assert str(caught.value) == f'parse "{BASE}/a%b?x": invalid URL escape "%b"'


def test_three_bytes_are_told_of_a_bad_escape() -> None:
    with pytest.raises(InvocationFailed) as caught:
        request_target(BASE, "a%/é", "")
    assert str(caught.value).endswith('invalid URL escape "%/\\xc3"')


@given(st.binary())
def test_what_is_no_utf8_comes_through(raw: bytes) -> None:
    path = "/" + "".join(f"%{byte:02X}" for byte in raw)
    text = decoded(path)
    assert text.encode("utf-8", "surrogateescape") == b"/" + raw
    if b"%" not in raw:
        assert unquote_to_bytes(request_target(BASE, text, "")) == b"/" + raw


@given(st.text())
def test_a_normal_path_is_normal_already(text: str) -> None:
    try:
        once = normalised(text)
    except InvocationFailed:
        return
    assert normalised(once) == once
    assert not once.startswith("../")
    assert ".." not in once.split("/")


def test_text_between_quotes() -> None:
    assert go_quoted('a"\\\t\x01é\U000e0001\udcff') == '"a\\"\\\\\\t\\x01é\\U000e0001\\xff"'
