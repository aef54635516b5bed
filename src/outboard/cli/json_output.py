"""What `--output json` writes: one line for each value, in every command alike."""

from __future__ import annotations

import typer

__all__ = ["json_line", "write_json"]


def json_line(value: object) -> str:
    """`value` as JSON in one line, with letters of every language as they are."""
    import json

    return json.dumps(value, ensure_ascii=False)


def write_json(value: object) -> None:
    """Write `value` to the standard output as one line."""
    typer.echo(json_line(value))
