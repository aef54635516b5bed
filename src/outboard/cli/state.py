"""`outboard state`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat, content_of
from outboard.cli.places_options import AppId, Format, HttpPort, ResourcesPath, RunFile

if TYPE_CHECKING:
    from outboard.live.stores import OpenStore

__all__ = ["delete", "get", "list_keys", "set_value"]

Key: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="KEY", help="The key, with or without the app's prefix.", show_default=False),
]
Store: TypeAlias = Annotated[
    str,
    typer.Option(
        "--store",
        "-s",
        help="The state store (default: the only one that there is).",
        metavar="NAME",
        show_default=False,
    ),
]
Etag: TypeAlias = Annotated[
    str, typer.Option(help="Only if the key still has this ETag.", metavar="ETAG", show_default=False)
]
DEFAULT_LIMIT = 1_000


def get(
    key: Key,
    store: Store = "",
    app_id: AppId = "",
    dapr_http_port: HttpPort = 0,
    run_file: RunFile = None,
    resources_path: ResourcesPath = None,
    output: Format = OutputFormat.text,
) -> None:
    """Show the value that lies under a key.

    The value goes to standard output, the key as it is stored and the ETag beside it. Exit code 1 where
    nothing lies there.

    \b
    Examples:
      outboard state get 7
      outboard state get 7 --app-id notification -o json
    """
    import asyncio

    from outboard.cli.places_options import places
    from outboard.kit.state.store import StateEntry
    from outboard.live.stores import opened

    async def read() -> tuple[OpenStore, StateEntry[object]]:
        async with opened(places(app_id, dapr_http_port, run_file, resources_path), store) as found:
            return found, await found.state.entry(found.app_key(key))

    found, entry = asyncio.run(read())
    there = entry.etag is not None or entry.value is not None
    if output is OutputFormat.json:
        write_json({**_told(found, key), "value": entry.value, "etag": entry.etag})
    elif there:
        write_json(entry.value)
        typer.echo(f"{found.stored(key)} of {found.name}, ETag {entry.etag}", err=True)
    else:
        typer.echo(f"nothing lies under {found.stored(key)} of {found.name}", err=True)
    if not there:
        raise typer.Exit(1)


def set_value(
    key: Key,
    value: Annotated[
        str | None,
        typer.Argument(
            metavar="[VALUE]", help="JSON, else text; standard input, if not given.", show_default=False
        ),
    ] = None,
    value_file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="The value in a file.", metavar="FILE", show_default=False),
    ] = None,
    etag: Etag = "",
    first_write: Annotated[
        bool, typer.Option("--first-write", help="Only where nothing lies yet, in stores that can.")
    ] = False,
    ttl: Annotated[
        int,
        typer.Option(help="Seconds after which it is gone.", min=0, metavar="SECONDS", show_default=False),
    ] = 0,
    store: Store = "",
    app_id: AppId = "",
    dapr_http_port: HttpPort = 0,
    run_file: RunFile = None,
    resources_path: ResourcesPath = None,
    output: Format = OutputFormat.text,
) -> None:
    """Write a value under a key.

    \b
    Examples:
      outboard state set 7 '{"done": true}'
      outboard state set 7 '{"done": true}' --etag 3
      outboard state set 7 -f value.json --ttl 60
    """
    import asyncio

    from outboard.cli.places_options import places
    from outboard.live.stores import opened

    written = _value(value, value_file)

    async def write() -> OpenStore:
        async with opened(places(app_id, dapr_http_port, run_file, resources_path), store) as found:
            await found.state.save(
                found.app_key(key),
                written,
                etag=etag or None,
                ttl=ttl or None,
                concurrency="first-write" if first_write or etag else None,
            )
            return found

    _say("Wrote", asyncio.run(write()), key, output)


def delete(
    key: Key,
    etag: Etag = "",
    store: Store = "",
    app_id: AppId = "",
    dapr_http_port: HttpPort = 0,
    run_file: RunFile = None,
    resources_path: ResourcesPath = None,
    output: Format = OutputFormat.text,
) -> None:
    """Remove what lies under a key; also where nothing does.

    \b
    Examples:
      outboard state delete 7
      outboard state delete 7 --etag 3
    """
    import asyncio

    from outboard.cli.places_options import places
    from outboard.live.stores import opened

    async def remove() -> OpenStore:
        async with opened(places(app_id, dapr_http_port, run_file, resources_path), store) as found:
            await found.state.delete(found.app_key(key), etag=etag or None)
            return found

    _say("Deleted", asyncio.run(remove()), key, output)


def list_keys(
    prefix: Annotated[str, typer.Option(help="Keys that begin so.", metavar="TEXT", show_default=False)] = "",
    limit: Annotated[int, typer.Option(help="So many at most.", min=1, metavar="N")] = DEFAULT_LIMIT,
    store: Store = "",
    app_id: AppId = "",
    run_file: RunFile = None,
    resources_path: ResourcesPath = None,
    output: Format = OutputFormat.text,
) -> None:
    """List the keys of an app, as they are stored: with the app's prefix.

    Dapr has no API for that, so the command opens the store itself: state.sqlite, and state.redis unless it
    is a cluster. What lies in state.in-memory cannot be listed.

    \b
    Examples:
      outboard state list
      outboard state list --prefix task- --app-id notification
    """
    import asyncio

    from outboard.cli.places_options import places
    from outboard.live.stores import list_keys as listed

    found = asyncio.run(listed(places(app_id, 0, run_file, resources_path), store, prefix, limit))
    if output is OutputFormat.json:
        told = {"store": found.name, "app": found.app_id, "prefix": found.prefix}
        write_json({**told, "keys": list(found.keys), "more": found.more})
        return
    for key in found.keys:
        typer.echo(key)
    first = "the first " if found.more else ""
    word = "key" if len(found.keys) == 1 else "keys"
    typer.echo(f"{first}{len(found.keys)} {word} of {found.app_id} in {found.name}", err=True)


def _say(done: str, found: OpenStore, key: str, output: OutputFormat) -> None:

    if output is OutputFormat.json:
        write_json(_told(found, key))
    else:
        typer.echo(f"{done} {found.stored(key)} of {found.name}")


def _told(found: OpenStore, key: str) -> dict[str, object]:
    return {
        "store": found.name,
        "app": found.app_id,
        "key": found.app_key(key),
        "stored": found.stored(key) if found.prefix is not None else None,
    }


def _value(value: str | None, file: Path | None) -> object:
    """JSON, else the text. Raises CommandError where it is said twice or nowhere, cannot be read, or is
    nothing that a state store can hold.
    """
    import json
    import sys

    from outboard.errors import CommandError
    from outboard.live.events import as_utf8

    if value is not None and file is not None:
        raise CommandError("VALUE and --file are both given", "Give one of them.")
    if value is None and file is None and sys.stdin.isatty():
        raise CommandError("there is no value", "Give it as VALUE, with --file, or on standard input.")
    if value is not None:
        content = value.encode("utf-8", "surrogateescape")
    else:
        content = as_utf8(sys.stdin.buffer.read() if file is None else content_of(file, f"--file {file}"))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        told = f"the value is no text in UTF-8 (byte {error.start + 1}), and Dapr keeps JSON"
        raise CommandError(told, "Write it as text, such as base64.") from error
    try:
        return json.loads(text)
    except ValueError:
        return text
    except RecursionError:
        raise CommandError("the value is nested too deeply to be read", "Write less of it.") from None
