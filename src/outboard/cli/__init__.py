"""The `outboard` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]

FAILURE = 1
USAGE = 2
STOPPED = 0
SERVING = frozenset({"dashboard", "run", "sidecar", "subscribe"})
"""Commands that run until they are asked to stop: that is their end, and no failure."""
FOLLOWING = frozenset({("trace", "--follow"), ("doctor", "--watch")})
"""With these options others do so, too."""
JOBS = frozenset({"--dry-run", "--wait"})
"""With these they have something to finish, as the other commands."""
SIDECAR = "sidecar"
HELP = frozenset({"-h", "-help", "--help"})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line `arguments` (this process's by default) and exit.

    Exit codes: 0 all is well (also when `run`, `sidecar`, `dashboard`, `subscribe`, `trace --follow` or
    `doctor --watch` was asked to stop), 1 failure, 2 wrong usage, 130 another command was interrupted. An
    error that a person can correct is one message on the standard error stream, never a traceback.
    """
    from outboard.host.signals import exit_on_stop_signals

    _open_missing_streams()
    given = sys.argv[1:] if arguments is None else list(arguments)
    with exit_on_stop_signals(_code_on_stop(given), to_the_end=arguments is None):
        _run(given)


def _open_missing_streams() -> None:
    """A stream that whoever started this process has closed (`>&-`) is None, and the next file or socket
    would get its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - as long as we run


def _code_on_stop(arguments: Sequence[str]) -> int | None:
    """The exit code when a signal ends the command before it has taken the signals itself."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    serves = SERVING.intersection(own[:1]) or FOLLOWING.intersection((own[0], each) for each in own[1:])
    return STOPPED if serves and not JOBS.intersection(own) else None


def _run(arguments: Sequence[str]) -> None:
    from outboard.cli.console import show_error, speak_utf8
    from outboard.errors import CommandError, OutboardError

    speak_utf8(sys.stdout, sys.stderr)
    try:
        _command(arguments)
    except OutboardError as error:
        show_error(error, sys.stderr, os.environ)
        sys.exit(USAGE if isinstance(error, CommandError) else FAILURE)
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILURE)
    except OSError as error:  # a file that cannot be read or written: the text names it
        show_error(error, sys.stderr, os.environ)
        sys.exit(FAILURE)


def _command(arguments: Sequence[str]) -> None:
    """A sidecar reads daprd's flags itself; typer, which is a fifth of its start, only writes its help."""
    if arguments[:1] == [SIDECAR] and HELP.isdisjoint(arguments):
        from outboard.cli.sidecar import serve

        sys.exit(serve(arguments[1:]))
    from outboard.cli.application import build

    if arguments[:1] == [SIDECAR]:
        arguments = [SIDECAR, "--help"]  # whatever stands beside it, and however it is written
    terminal = sys.stdout.isatty() and sys.stderr.isatty()
    build(arguments, os.environ, terminal=terminal)(list(arguments), prog_name="outboard")
