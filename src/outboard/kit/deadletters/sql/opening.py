"""The letters in a database, opened from outside of their app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from sqlalchemy import Connection, MetaData, inspect
from sqlalchemy.exc import SQLAlchemyError

from outboard.errors import DeadLettersUnavailable
from outboard.kit.deadletters.parked import ParkedLetters
from outboard.kit.deadletters.port import LetterStore
from outboard.kit.deadletters.sql.store import SqlLetterStore
from outboard.kit.deadletters.sql.table import OURS, letters_table
from outboard.kit.outbox.sql.engine import LazyEngine, reason_of
from outboard.kit.outbox.sql.looking import outbox_tables
from outboard.kit.outbox.sql.opening import opened_engine
from outboard.kit.outbox.sql.store import SqlOutboxStore
from outboard.kit.outbox.sql.tables import Tables

__all__ = ["LetterTables", "opened_tables"]

OPEN: Final = "be opened"
LETTERS: Final = "dead_letters"
OUTBOX: Final = "outbox"


class LetterTables(NamedTuple):
    """What is there, in tables that begin with `prefix`; `others` are the prefixes of other tables."""

    prefix: str
    others: Sequence[str]
    collected: LetterStore | None
    parked: ParkedLetters | None


@asynccontextmanager
async def opened_tables(url: str, prefix: str | None, *, writes: bool) -> AsyncIterator[LetterTables]:
    """The letters of the database at `url`, one of SQLAlchemy; those of the first prefix if it is None.

    Nothing is written unless it `writes`, and no table or file is made. Raises DeadLettersUnavailable.
    """
    try:
        async with opened_engine(url, writes=writes) as engine:
            lazy = LazyEngine(engine, "letters", DeadLettersUnavailable)
            letters, outboxes = await lazy.run(OPEN, _prefixes, read_only=True)
            known = sorted({*letters, *outboxes}, key=lambda each: (each not in letters, each))
            if not known or (prefix is not None and prefix not in known):
                raise DeadLettersUnavailable(OPEN, _nothing(prefix, known))
            chosen = known[0] if prefix is None else prefix
            others = [each for each in known if each != chosen]
            yield LetterTables(
                chosen,
                others,
                _collected(chosen, lazy) if chosen in letters else None,
                _parked(chosen, lazy) if chosen in outboxes else None,
            )
    except (SQLAlchemyError, ImportError) as error:
        raise DeadLettersUnavailable(OPEN, reason_of(error, "letters")) from error


def _collected(prefix: str, engine: LazyEngine) -> LetterStore:
    return SqlLetterStore(letters_table(MetaData(), prefix + LETTERS), engine)


def _parked(prefix: str, engine: LazyEngine) -> ParkedLetters:
    return ParkedLetters(SqlOutboxStore(Tables.in_metadata(MetaData(), prefix), engine), "")


def _nothing(prefix: str | None, known: Sequence[str]) -> str:
    if prefix is None:
        return "no table of dead letters is there, and none of an outbox"
    told = ", ".join(f"'{each}'" for each in known) or "none"
    return f"no table begins with '{prefix}'; there are: {told}"


def _prefixes(connection: Connection) -> tuple[list[str], list[str]]:
    """Of the tables of letters, and of those of outboxes."""
    looked = inspect(connection)
    letters = [
        name.removesuffix(LETTERS)
        for name in looked.get_table_names()
        if name.endswith(LETTERS) and {column["name"] for column in looked.get_columns(name)} >= OURS
    ]
    return letters, [name.removesuffix(OUTBOX) for name in outbox_tables(connection)]
