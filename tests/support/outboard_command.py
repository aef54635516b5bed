"""The `outboard` command in this process, as one calls it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from outboard.cli import main

__all__ = ["calling"]


def calling(*command: str) -> Callable[..., int]:
    """A function that calls `outboard` with `command` and its own arguments, and returns the exit code."""

    def called(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main([*command, *arguments])
        return int(ended.value.code or 0)

    return called
