"""How the command writes to the terminal, or to whatever stands in its place."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from outboard.errors import OutboardError

if TYPE_CHECKING:
    from outboard.run.output.formats import LineWriter

__all__ = [
    "line_writer",
    "progress",
    "show_error",
    "speak_utf8",
    "styled_writer",
    "text_writer",
    "wants_colour",
]

PATIENCE: Final = 1.0
"""Seconds after which a person is told that something goes on."""


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

        Console(file=stream).print(Text.assemble(("Error: ", "bold red"), _said(error)), soft_wrap=True)
    else:
        stream.write(f"Error: {_said(error)}\n")
        stream.flush()


def _said(error: OutboardError | OSError) -> str:
    """Of the system's errors the file and what is wrong, without their number and quotes."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror


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


def styled_writer(
    stream: TextIO, environment: Mapping[str, str]
) -> Callable[[str, Iterable[tuple[int, int, str]]], None]:
    """Writes a line with styles for parts of it, (from, to, style), where colour is wanted."""
    if not wants_colour(terminal=stream.isatty(), environment=environment):
        plain = line_writer(stream)
        return lambda line, styles: plain(line)
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, markup=False, emoji=False)

    def write(line: str, styles: Iterable[tuple[int, int, str]]) -> None:
        text = Text(line)
        for start, end, style in styles:
            text.stylize(style, start, end)
        console.print(text, soft_wrap=True)

    return write


@contextmanager
def progress(stream: TextIO) -> Iterator[Callable[[str], None]]:
    """What takes more than a second is told on a terminal while it lasts; gives how to say what it is."""
    if not stream.isatty():
        yield lambda doing: None
        return
    from threading import Event, Thread
    from time import monotonic

    done, said, began = Event(), [""], monotonic()

    def tell() -> None:
        while not done.wait(PATIENCE):
            if not said[0]:
                continue
            stream.write(f"\r\x1b[K{said[0]}: {monotonic() - began:.0f} s")
            stream.flush()

    teller = Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield lambda doing: said.__setitem__(0, doing)
    finally:
        done.set()
        teller.join()
        if monotonic() - began >= PATIENCE:
            stream.write("\r\x1b[K")
            stream.flush()
