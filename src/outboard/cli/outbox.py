"""`outboard outbox`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat
from outboard.cli.places_options import Format

if TYPE_CHECKING:
    pass

__all__ = ["check", "sql", "status"]

PREFIX = "outboard_"


class Others(StrEnum):
    """Tables that an app may have beside those of the outbox."""

    archive = "archive"
    inbox = "inbox"
    dead_letters = "dead-letters"


class Dialect(StrEnum):
    """Of SQL."""

    postgresql = "postgresql"
    sqlite = "sqlite"


Database: TypeAlias = Annotated[
    str,
    typer.Option(
        "--database",
        "-d",
        help="The database of the outbox, as a URL of SQLAlchemy: `sqlite:///shop.db`.",
        envvar="OUTBOARD_DATABASE_URL",
        metavar="URL",
        show_default=False,
        show_envvar=True,
    ),
]
Prefix: TypeAlias = Annotated[
    str, typer.Option(help="What the names of the tables begin with.", metavar="TEXT")
]


def status(database: Database = "", output: Format = OutputFormat.text) -> None:
    """Show what the outboxes of a database hold: what waits and since when, what is parked, who relays.

    \b
    Examples:
      outboard outbox status -d sqlite:///shop.db
      outboard outbox status -o json
    """
    import asyncio

    from outboard.kit.outbox.lease import holder_of
    from outboard.live.outboxes import outbox_statuses

    found = asyncio.run(outbox_statuses(_named(database)))
    if output is OutputFormat.json:
        write_json(
            [
                {
                    "table": each.table,
                    "waiting": each.depth.waiting,
                    "delayed": each.depth.delayed,
                    "oldestAgeSeconds": round(each.depth.oldest_age, 3),
                    "parked": each.depth.parked,
                    "heldLanes": each.held_lanes,
                    "relays": list(each.relays.values()),
                }
                for each in found
            ]
        )
        return
    for each in found:
        age = f", the first for {each.depth.oldest_age:.0f} s" if each.depth.waiting else ""
        later = f"; {each.depth.delayed} are not due yet" if each.depth.delayed else ""
        typer.echo(f"{each.table}: {each.depth.waiting} wait{age}{later}; {each.depth.parked} parked")
        typer.echo(f"  keys that wait for an event that failed: {each.held_lanes}")
        for token, partitions in each.relays.items():
            holder = holder_of(token)
            typer.echo(f"  relayed by process {holder.process if holder else '?'}: {partitions} partitions")
        if not each.relays:
            typer.echo("  nobody relays it")


def check(prefix: Prefix = PREFIX, database: Database = "", output: Format = OutputFormat.text) -> None:
    """Compare the tables of an outbox in a database with what they have to be; exit code 1 where they differ.

    For each difference it shows the statement that mends it. An archive, an inbox and dead letters of the
    same prefix are compared, too, where they are.

    \b
    Examples:
      outboard outbox check -d postgresql+psycopg://app@db/shop
    """
    import asyncio

    from outboard.live.outboxes import check_outbox

    found = asyncio.run(check_outbox(_named(database), prefix))
    if output is OutputFormat.json:
        write_json([{"problem": problem, "statement": statement} for problem, statement in found.problems])
    for problem, statement in found.problems if output is OutputFormat.text else ():
        typer.echo(problem)
        if statement:
            typer.echo("\n".join(f"    {line}" for line in f"{statement};".splitlines()))
    if found.problems:
        raise typer.Exit(1)
    if output is OutputFormat.text:
        typer.echo(f"the tables of {prefix}outbox are as they have to be")


def sql(
    dialect: Annotated[Dialect, typer.Option(help="For which database.")] = Dialect.postgresql,
    prefix: Prefix = PREFIX,
    schema: Annotated[
        str, typer.Option(help="The schema of the tables.", metavar="NAME", show_default=False)
    ] = "",
    with_: Annotated[
        list[Others] | None,
        typer.Option(
            "--with", help="A table beside those of the outbox. May be repeated.", show_default=False
        ),
    ] = None,
) -> None:
    """Show the statements that make the tables of an outbox.

    \b
    Examples:
      outboard outbox sql > outbox.sql
      outboard outbox sql --dialect sqlite --prefix shop_ --with inbox
    """
    from outboard.live.outboxes import outbox_statements

    for statement in outbox_statements(dialect.value, prefix, schema, {each.value for each in with_ or ()}):
        typer.echo(f"{statement};\n")


def _named(database: str) -> str:
    """Raises CommandError."""
    from outboard.errors import CommandError

    if not database:
        advice = "Give its URL with --database, such as sqlite:///shop.db, or in OUTBOARD_DATABASE_URL."
        raise CommandError("no database is named", advice)
    return database
