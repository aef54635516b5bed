"""What is written to a terminal, and what to a pipe."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.cli.console import line_writer, show_error, speak_utf8, text_writer, wants_colour
from outboard.errors import CommandError

ERROR = CommandError("[bold]it[/bold] is wrong", "Correct it.")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def colour_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}])
def test_the_prefix_is_coloured_on_a_terminal_only_if_wanted(environment: Mapping[str, str]) -> None:
    stream = Terminal()
    text_writer(stream, environment)("api | [red] line", 6, "cyan")
    assert ("\x1b[" in stream.getvalue()) == (not environment)
    assert stream.getvalue().endswith("[red] line\n")


def test_long_lines_stay_whole_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    text_writer(stream, {})("api | " + "word " * 50, 6, "cyan")
    assert stream.getvalue().count("\n") == 1


def test_a_pipe_gets_no_colour() -> None:
    stream = io.StringIO()
    text_writer(stream, {})("api | line", 6, "cyan")
    assert stream.getvalue() == "api | line\n"


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()], ids=["terminal", "pipe"])
def test_an_error_is_shown_as_it_is(stream: io.StringIO) -> None:
    show_error(ERROR, stream, {})
    assert stream.getvalue().endswith("[bold]it[/bold] is wrong. Correct it.\n")
    assert "Error: " in stream.getvalue()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(28, "No space left on device", "orders/api.py"), "orders/api.py: No space left on device"),
        (OSError("no number"), "no number"),
    ],
)
def test_an_error_of_the_system_is_its_file_and_its_text(error: OSError, said: str) -> None:
    stream = io.StringIO()
    show_error(error, stream, {})
    assert stream.getvalue() == f"Error: {said}\n"


def test_a_pipe_gets_utf8_whatever_the_locale_says() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    speak_utf8(stream)
    stream.write("grüezi \udcff")
    stream.flush()
    assert raw.getvalue() == "grüezi ?".encode()


@pytest.mark.parametrize(
    ("terminal", "environment", "expected"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": ""}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    terminal: bool, environment: dict[str, str], expected: bool
) -> None:
    assert wants_colour(terminal=terminal, environment=environment) is expected


class WrappedTerminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@given(st.text(st.characters()), st.sampled_from(["ascii", "latin-1", "cp1252", "utf-8"]), st.booleans())
def test_no_text_is_too_strange_to_be_written(text: str, encoding: str, terminal: bool) -> None:
    raw = io.BytesIO()
    stream = (WrappedTerminal if terminal else io.TextIOWrapper)(raw, encoding=encoding)
    speak_utf8(stream)
    line_writer(stream)(text)
    text_writer(stream, {})(text, len(text) // 2, "cyan")
    show_error(CommandError(text, "Correct it."), stream, {})
    stream.flush()
    raw.getvalue().decode(encoding if terminal else "utf-8")
