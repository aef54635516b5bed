"""The `outboard` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]

FAILURE = 1
USAGE = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line `arguments` (this process's by default) and exit.

    Exit codes: 0 all is well (also Ctrl-C after everything was ready), 1 failure, 2 wrong usage. An error
    that a person can correct is one message on the standard error stream, never a traceback.
    """
    from outboard.cli.application import build, prepare
    from outboard.cli.console import show_error, speak_utf8
    from outboard.errors import CommandError, OutboardError

    speak_utf8(sys.stdout, sys.stderr)
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        build(terminal=sys.stdout.isatty() and sys.stderr.isatty())(prepare(given), prog_name="outboard")
    except OutboardError as error:
        show_error(error, sys.stderr, os.environ)
        sys.exit(USAGE if isinstance(error, CommandError) else FAILURE)
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILURE)
    except OSError as error:  # a file that cannot be read or written: the text names it
        show_error(error, sys.stderr, os.environ)
        sys.exit(FAILURE)
