"""How the command writes to the terminal, or to whatever stands in its place."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO

from outboard.errors import OutboardError

if TYPE_CHECKING:
    from outboard.run.output.formats import LineWriter

__all__ = ["line_writer", "show_error", "speak_utf8", "text_writer", "wants_colour"]


def speak_utf8(*streams: TextIO) -> None:
    """Write UTF-8 to a file or a pipe whatever the locale says, and never fail at a character."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")


def wants_colour(*, terminal: bool, environment: Mapping[str, str]) -> bool:
    """Whether to colour: on a terminal that can, unless NO_COLOR is set to anything (no-color.org)."""
    return terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def show_error(error: OutboardError | OSError, stream: TextIO, environment: Mapping[str, str]) -> None:
    """One message for the person at the keyboard."""
    if wants_colour(terminal=stream.isatty(), environment=environment):
        from rich.console import Console
        from rich.text import Text

        Console(file=stream).print(Text.assemble(("Error: ", "bold red"), str(error)), soft_wrap=True)
    else:
        stream.write(f"Error: {error}\n")
        stream.flush()


def line_writer(stream: TextIO) -> Callable[[str], None]:
    """Writes each line at once, so that a reader of the pipe sees it."""

    def write(line: str) -> None:
        stream.write(line + "\n")
        stream.flush()

    return write


def text_writer(stream: TextIO, environment: Mapping[str, str]) -> LineWriter:
    """Writes lines, with coloured prefixes where that is wanted."""
    if not wants_colour(terminal=stream.isatty(), environment=environment):
        plain = line_writer(stream)
        return lambda line, styled, style: plain(line)
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, markup=False, emoji=False)

    def write(line: str, styled: int, style: str) -> None:
        text = Text(line)
        if style:
            text.stylize(style, 0, styled)
        console.print(text, soft_wrap=True)

    return write
