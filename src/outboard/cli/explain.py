"""`outboard explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from outboard.cli.parameters import rules_beginning

__all__ = ["explain"]


def explain(
    rule: Annotated[
        str,
        typer.Argument(
            help="Code or name of a rule (default: list all).",
            metavar="RULE",
            show_default=False,
            autocompletion=rules_beginning,
        ),
    ] = "",
) -> None:
    """Say what a rule of `check` is about.

    What is wrong, what happens at run time, and what to do.

    \b
    Examples:
      outboard explain OB101
      outboard explain missing-auth-type
      outboard explain
    """
    from outboard.check.explaining import explained, listed
    from outboard.check.registry import find_rule, near_rule
    from outboard.errors import CommandError

    if not rule:
        for line in listed():
            typer.echo(line)
        return
    found = find_rule(rule)
    if found is None:
        near = near_rule(rule)
        advice = f"Did you mean `{near}`?" if near else "`outboard explain` lists all rules."
        raise CommandError(f"there is no rule `{rule}`", advice)
    for line in explained(found):
        typer.echo(line)
