"""`outboard explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat, rules_beginning

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
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="For people, or for programs.")
    ] = OutputFormat.text,
) -> None:
    """Say what a rule of `check` is about.

    What is wrong, what happens at run time, and what to do.

    \b
    Examples:
      outboard explain OB101
      outboard explain missing-auth-type
      outboard explain
      outboard explain -o json              all rules, as objects
    """
    from outboard.check.explaining import as_object, explained, listed
    from outboard.check.registry import ALL_RULES, find_rule, near_rule
    from outboard.errors import CommandError

    found = find_rule(rule) if rule else None
    if rule and found is None:
        near = near_rule(rule)
        advice = f"Did you mean `{near}`?" if near else "`outboard explain` lists all rules."
        raise CommandError(f"there is no rule `{rule}`", advice)
    if output is OutputFormat.json:
        write_json([as_object(each) for each in ALL_RULES] if found is None else as_object(found))
        return
    for line in listed() if found is None else explained(found):
        typer.echo(line)
