"""The databases in which apps keep dead letters and outboxes: those that apps tell, and a person names."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from outboard.dashboard.watching import Watch
from outboard.errors import OutboardError
from outboard.hops.files.databases import AppDatabase, Holding, databases_told
from outboard.live.letters import letter_prefixes

__all__ = ["KnownDatabase", "known_databases", "shown_url"]

ID_LENGTH: Final = 12
EITHER: Final[frozenset[Holding]] = frozenset({"letters", "outbox"})


@dataclass(frozen=True, slots=True)
class KnownDatabase:
    """`id` names it in addresses. `url` is SQLAlchemy's, perhaps with a password; `shown` never has one.

    `prefix` is None where a person named it: then all tables in it are meant. `app_ids` are those that told
    it, and empty where none did, when it may hold either.
    """

    id: str
    url: str = field(repr=False)
    shown: str
    prefix: str | None
    app_ids: tuple[str, ...]
    holds: frozenset[Holding] = EITHER


async def known_databases(watch: Watch) -> Sequence[KnownDatabase]:
    """Those with letters before those with outboxes, the told ones first.

    A record that was named by its folder may be from anywhere: what it tells of databases is not followed.
    Raises OSError.
    """
    folders = [] if watch.watched.record else watch.watched.folders(watch.runs)
    told = await asyncio.to_thread(lambda: [each for folder in folders for each in databases_told(folder)])
    known: dict[tuple[str, str], list[AppDatabase]] = {}
    for each in sorted(told, key=lambda each: each.holds):
        known.setdefault((each.url, each.prefix), []).append(each)
    named = {_place(url): url for url in watch.watched.databases}
    found = [_told(url, prefix, same, named) for (url, prefix), same in known.items()]
    places = {_place(each.url) for each in told}
    others = [url for place, url in named.items() if place not in places]
    for url in others:
        found += await _named(url)
    return found


def _told(url: str, prefix: str, same: Sequence[AppDatabase], named: dict[str, str]) -> KnownDatabase:
    """A URL that a person named for the same database may have the password that is not told."""
    app_ids = tuple(dict.fromkeys(each.app_id for each in same))
    holds: frozenset[Holding] = frozenset(each.holds for each in same)
    return KnownDatabase(
        _id(url, prefix), named.get(_place(url), url), shown_url(url), prefix, app_ids, holds
    )


async def _named(url: str) -> list[KnownDatabase]:
    """One for each service that has tables there. Where it cannot be opened, who does it is told why."""
    try:
        prefixes: Sequence[str | None] = await letter_prefixes(url)
    except OutboardError:
        prefixes = [None]
    return [
        KnownDatabase(_id(_place(url), prefix or ""), url, shown_url(url), prefix, ()) for prefix in prefixes
    ]


def _id(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:ID_LENGTH]


def shown_url(url: str) -> str:
    """For a person: without a name and a password; of a file its name alone."""
    parts = _parts(url)
    backend = parts.scheme.partition("+")[0]
    if not backend:
        return "no URL"
    if backend == "sqlite":
        return Path(parts.path.lstrip("/") or ":memory:").name
    return f"{backend}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _place(url: str) -> str:
    """What two URLs of one database have in common."""
    parts = _parts(url)
    backend = parts.scheme.partition("+")[0]
    if backend == "sqlite":
        return f"sqlite:{Path(parts.path[1:]).absolute()}"
    return f"{backend}:{parts.netloc.rpartition('@')[2]}{parts.path}"


def _parts(url: str) -> SplitResult:
    """Of what is no URL at all nothing is shown: it may have a password anywhere."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")
