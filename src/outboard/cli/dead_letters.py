"""`outboard dead-letters`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

import typer

from outboard.cli.json_output import write_json
from outboard.cli.letter_options import letter_selection
from outboard.cli.parameters import Given, OutputFormat, given_data
from outboard.cli.places_options import AppId, Format, HttpPort, RunFile

if TYPE_CHECKING:
    from outboard.gojson.values import Json
    from outboard.live.letters import LettersByHand
    from outboard.live.places import SearchPlaces

__all__ = ["drop", "list_letters", "replay", "show"]

T = TypeVar("T")

Database: TypeAlias = Annotated[
    str,
    typer.Option(
        "--database",
        "-d",
        help="The database with the letters, as a URL of SQLAlchemy: `sqlite:///shop.db`.",
        envvar="OUTBOARD_DATABASE_URL",
        metavar="URL",
        show_default=False,
        show_envvar=True,
    ),
]
Prefix: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="What the names of the tables begin with, where there are several.",
        metavar="TEXT",
        show_default=False,
    ),
]
Ids: TypeAlias = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="Letters by their ids.", show_default=False)
]
All: TypeAlias = Annotated[bool, typer.Option("--all", help="All that wait.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do it, instead of showing it.")]
Limit: TypeAlias = Annotated[int, typer.Option(help="So many at most.", min=1, metavar="N")]


def list_letters(
    ids: Ids = None,
    each: Annotated[bool, typer.Option("--each", help="The letters themselves, not in groups.")] = False,
    limit: Limit = 100,
    database: Database = "",
    prefix: Prefix = None,
    output: Format = OutputFormat.text,
    **chosen: Given,
) -> None:
    """Show the dead letters that an app has collected, and the events that its outbox has parked.

    They are counted by handler, type of error and message; with ids, a group or --each, each is shown. What
    is sensitive is masked.

    \b
    Examples:
      outboard dead-letters list -d sqlite:///shop.db
      outboard dead-letters list --group 5c1d20f4
      outboard dead-letters list --each --topic orders --since 2h --text ann@example.org
    """
    import asyncio

    from outboard.live.letters_output import group_lines, group_objects, letter_object, list_lines

    selection = letter_selection(ids, chosen)

    async def look() -> None:
        async with _opened(database, prefix) as found:
            if each or ids or chosen["group"]:
                letters = await found.letters.find(limit, **selection)
                _write([letter_object(one) for one in letters], list_lines(letters), output)
            else:
                groups = await found.letters.groups(limit, **selection)
                waiting = await found.letters.count(**selection)
                _write(group_objects(groups), group_lines(groups, waiting), output)

    asyncio.run(_checked(look()))


def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="The letter.", show_default=False)],
    raw: Annotated[
        bool, typer.Option("--raw", help="The whole CloudEvent as it is, with what is sensitive.")
    ] = False,
    database: Database = "",
    prefix: Prefix = None,
    output: Format = OutputFormat.text,
) -> None:
    """Show one dead letter. Exit code 1 where there is none of this id.

    \b
    Examples:
      outboard dead-letters show 17
      outboard dead-letters show 17 --raw > letter.json
    """
    import asyncio

    from outboard.live.letters_output import letter_lines, letter_object

    async def look() -> bool:
        async with _opened(database, prefix) as found:
            letter = await found.letters.get(id)
            if letter is None:
                typer.echo(f"there is no dead letter {id}", err=True)
            elif raw:
                typer.echo(await found.letters.envelope(id) or b"")
            else:
                _write(letter_object(letter), letter_lines(letter), output)
            return letter is not None

    if not asyncio.run(_checked(look())):
        raise typer.Exit(1)


def replay(
    ids: Ids = None,
    everything: All = False,
    limit: Annotated[
        int | None, typer.Option(help="So many at most.", min=1, metavar="N", show_default=False)
    ] = None,
    to: Annotated[
        str,
        typer.Option(
            help="To this topic, whoever subscribes to it (default: where they came from).",
            metavar="TOPIC",
            show_default=False,
        ),
    ] = "",
    for_app: Annotated[
        str,
        typer.Option(
            "--for", help="For this app (default: the one that failed).", metavar="APP", show_default=False
        ),
    ] = "",
    everybody: Annotated[bool, typer.Option("--for-everybody", help="For all that subscribe.")] = False,
    data: Annotated[
        str | None,
        typer.Option(help="Other data, JSON, for one letter.", metavar="JSON", show_default=False),
    ] = None,
    data_file: Annotated[
        Path | None,
        typer.Option(
            help="The data in a file, or in the CloudEvent that it is; - is standard input.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    database: Database = "",
    prefix: Prefix = None,
    app_id: AppId = "",
    dapr_http_port: HttpPort = 0,
    run_file: RunFile = None,
    output: Format = OutputFormat.text,
    **chosen: Given,
) -> None:
    """Publish dead letters again, for the app that failed. Shows what it would do; --yes does it.

    They go through the sidecar of a run. A second run does nothing twice. Exit code 1 where one was not
    published.

    \b
    Examples:
      outboard dead-letters replay 17 18 --yes
      outboard dead-letters replay --group 5c1d20f4
      outboard dead-letters replay 17 --data-file letter.json --yes
      outboard dead-letters replay --all --topic orders-dead --for billing --yes
    """
    import asyncio

    from outboard.cli.places_options import places
    from outboard.live.letters import ByHand, ReplayedByHand
    from outboard.live.letters_output import report_lines, report_object

    selection = letter_selection(ids, chosen)
    how = ByHand(to, for_app, everybody, _data(data, data_file), limit, everything)
    where = places(app_id, dapr_http_port, run_file)

    async def do() -> ReplayedByHand:
        async with _opened(database, prefix, where, writes=yes) as found:
            if not yes:
                return ReplayedByHand(await found.plan(how, selection))
            return await found.replay(how, selection, _progress)

    done = asyncio.run(_checked(do()))
    _write(report_object(done.report, done.app_id), report_lines(done.report, done.app_id), output)
    if done.report.refused or done.report.stopped:
        raise typer.Exit(1)


def drop(
    ids: Ids = None,
    everything: All = False,
    yes: Yes = False,
    database: Database = "",
    prefix: Prefix = None,
    output: Format = OutputFormat.text,
    **chosen: Given,
) -> None:
    """Give up dead letters that wait. Shows how many; --yes does it.

    They are kept until they expire: `replay ID --state dropped` brings one back. Parked events are gone.

    \b
    Examples:
      outboard dead-letters drop 17
      outboard dead-letters drop --group 5c1d20f4 --yes
    """
    import asyncio

    selection = letter_selection(ids, chosen)

    async def do() -> int:
        async with _opened(database, prefix, writes=yes) as found:
            return await found.letters.drop(everything=everything, dry_run=not yes, **selection)

    dropped = asyncio.run(_checked(do()))
    told = f"{dropped} dropped" if yes else f"{dropped} would be dropped"
    advice = "" if yes or not dropped else "\nNothing was done; --yes does it."
    _write({"dropped": dropped, "dryRun": not yes}, [told + advice], output)


@asynccontextmanager
async def _opened(
    database: str, prefix: str | None, where: SearchPlaces | None = None, *, writes: bool = False
) -> AsyncIterator[LettersByHand]:
    from outboard.cli.places_options import places
    from outboard.errors import CommandError
    from outboard.live.letters import opened_letters

    if not database:
        raise CommandError(
            "no database is named",
            "Give its URL with --database, such as sqlite:///shop.db, or in OUTBOARD_DATABASE_URL.",
        )
    async with opened_letters(database, prefix, where or places(), writes=writes) as found:
        yield found


async def _checked(work: Coroutine[None, None, T]) -> T:
    """What `work` returns; what was asked for wrongly is wrong usage."""
    from outboard.errors import CommandError, InvalidName

    try:
        return await work
    except InvalidName as error:
        raise CommandError(str(error), "Correct the name.") from error
    except ValueError as error:
        advice = "Name letters by their ids or by options; --all means all that wait."
        raise CommandError(str(error).partition(": say which")[0], advice) from error


def _data(data: str | None, file: Path | None) -> object:
    """The data that is given: JSON. Raises CommandError, OSError."""
    from outboard.errors import CommandError
    from outboard.kit.deadletters.replaying import AS_IT_IS
    from outboard.live.events import as_json, is_cloud_event

    if data is None and file is None:
        return AS_IT_IS
    content = given_data(data, file)
    try:
        value = as_json(content)
    except ValueError as error:
        raise CommandError(f"the data is no JSON: {error}", "Give JSON, or a CloudEvent with it.") from error
    return value["data"] if is_cloud_event(value) and isinstance(value, dict) and "data" in value else value


def _progress(done: int, of: int) -> None:
    typer.echo(f"{done} of {of}", err=True)


def _write(value: Json | list[Json], lines: Iterable[str], output: OutputFormat) -> None:
    if output is OutputFormat.json:
        write_json(value)
        return
    for line in lines:
        typer.echo(line)
