"""Whole lines out of whatever pieces a program writes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outboard.run.processes.line_splitter import LineSplitter


@given(st.lists(st.text().map(lambda text: text.replace("\n", "").removesuffix("\r")), min_size=1), st.data())
def test_any_cut_of_the_stream_gives_the_same_lines(lines: list[str], data: st.DataObject) -> None:
    whole = "\n".join(lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    splitter = LineSplitter()
    got = [
        line
        for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)
        for line in splitter.feed(whole[start:end])
    ]
    got += splitter.end()
    expected = lines if lines[-1] else lines[:-1]
    assert got == expected


def test_windows_line_ends_are_taken_off() -> None:
    assert LineSplitter().feed(b"one\r\ntwo\n") == ["one", "two"]


def test_what_is_not_utf8_is_replaced() -> None:
    assert LineSplitter().feed(b"caf\xe9!\n") == ["caf\ufffd!"]


def test_a_line_without_end_comes_in_pieces() -> None:
    splitter = LineSplitter(longest=4)
    assert splitter.feed(b"abcdefghij") == ["abcd", "efgh"]
    assert splitter.end() == ["ij"]


def test_the_end_gives_nothing_twice() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"x") == []
    assert splitter.end() == ["x"]
    assert splitter.end() == []
