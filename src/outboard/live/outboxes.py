"""The outboxes of a database by hand: what they hold, whether their schema is right, and a relay alone."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from outboard.clock import SystemClock
from outboard.errors import ExtraMissing, OutboxUnavailable
from outboard.kit.board import Outboard
from outboard.kit.outbox.port import Depth

if TYPE_CHECKING:
    from outboard.kit.outbox.sql.tables import TableMaker

__all__ = [
    "OutboxChecked",
    "OutboxStatus",
    "check_outbox",
    "outbox_statements",
    "outbox_statuses",
    "relaying",
]

ARCHIVE: Final = "archive"
INBOX: Final = "inbox"
LETTERS: Final = "dead-letters"
TIMEOUT: Final = 5.0


class OutboxStatus(NamedTuple):
    """What one outbox holds. `relays` are the live ones, by their tokens: how many partitions each has."""

    table: str
    depth: Depth
    held_lanes: int
    relays: Mapping[str, int]


class OutboxChecked(NamedTuple):
    """What is wrong with the tables of a prefix: each problem with the statement that mends it, or none."""

    prefix: str
    problems: Sequence[tuple[str, str]]


async def outbox_statuses(url: str) -> list[OutboxStatus]:
    """Of each outbox in the database. Raises OutboxUnavailable, ExtraMissing."""
    _demand_sql()
    from outboard.kit.outbox.sql.looking import opened_outboxes

    async with opened_outboxes(url) as outboxes:
        return [
            OutboxStatus(name, await store.depth(), await store.held_lanes(), await store.leases())
            for name, store in outboxes
        ]


async def check_outbox(url: str, prefix: str) -> OutboxChecked:
    """Compare the tables of `prefix` with what they have to be. Raises OutboxUnavailable, ExtraMissing."""
    _demand_sql()
    from outboard.kit.outbox.sql.looking import compared

    others = dict(_others(prefix).values())
    found = await compared(url, prefix, others)
    return OutboxChecked(prefix, [(each.problem, each.statement) for each in found])


def outbox_statements(dialect: str, prefix: str, schema: str, others: Collection[str] = ()) -> list[str]:
    """The statements that make the tables; `others` are ARCHIVE, INBOX and LETTERS.

    Raises ExtraMissing.
    """
    _demand_sql()
    from outboard.kit.outbox.sql.schema import statements

    more = dict(table for name, table in _others(prefix).items() if name in others)
    return statements(dialect, prefix, schema or None, archives=ARCHIVE in others, others=more)


def _others(prefix: str) -> dict[str, tuple[str, TableMaker]]:
    """Tables that the kit can have beside those of the outbox: their names, and what declares them."""
    from outboard.kit.deadletters.sql.table import letters_table
    from outboard.kit.inbox.sql.table import inbox_table

    return {
        INBOX: (f"{prefix}inbox", inbox_table),
        LETTERS: (f"{prefix}dead_letters", letters_table),
    }


@asynccontextmanager
async def relaying(url: str, prefix: str, environment: Mapping[str, str]) -> AsyncIterator[None]:
    """Publish what an app has staged in the database, through the sidecar that `environment` names.

    Raises OutboxUnavailable where there is no such outbox, ExtraMissing, SettingInvalid.
    """
    _demand_sql()
    from outboard.kit.outbox.sql.looking import compared, has_archive
    from outboard.kit.outbox.sql.opening import opened_engine
    from outboard.kit.outbox.sql.outbox import Outbox

    if problems := [problem for problem, _ in await compared(url, prefix)]:
        raise OutboxUnavailable("be relayed", "; ".join(problems))
    archives = await has_archive(url, prefix)
    async with opened_engine(url, writes=True) as engine:
        outbox = Outbox(engine, prefix=prefix, keep="archive" if archives else "delete")
        board = Outboard(environ=environment, outbox=outbox)
        publisher = board.topic("-").publisher
        async with (
            board.connected(),
            outbox.relaying(
                publisher.relay,
                SystemClock(),
                TIMEOUT,
                random.random,
                publisher.hops.journal,
                publisher.telemetry,
            ),
        ):
            yield


def _demand_sql() -> None:
    try:
        import outboard.kit.outbox.sql.looking  # noqa: F401 - whether it can be
    except ImportError as error:
        raise ExtraMissing("an outbox", "SQLAlchemy", "sql") from error
