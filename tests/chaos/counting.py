"""How far a run has come, and what it leaves in the databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from chaos.business import engine_of
from chaos.databases import Database
from chaos.evidence import Applied, Committed
from outboard.kit.outbox.sql.durability import READ_ONLY

__all__ = ["Counted", "Counting"]


class Counted(NamedTuple):
    """Events by what became of them: `applied` by ids, `dead` as collected, `waiting` in the outbox."""

    committed: int
    applied: int
    dead: int
    waiting: int

    @property
    def handled(self) -> int:
        """What has come to its end."""
        return self.applied + self.dead

    @property
    def backlog(self) -> int:
        """What is on its way."""
        return self.committed - self.handled

    @property
    def is_drained(self) -> bool:
        """Whether nothing is on its way any more."""
        return self.waiting == 0 and self.backlog <= 0


class Counting:
    """Reads the databases of a run."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._orders = engine_of(database.orders_url)
        self._ledger = engine_of(database.ledger_url)

    def close(self) -> None:
        """Give the connections back."""
        self._orders.dispose()
        self._ledger.dispose()

    def count(self) -> Counted | None:
        """None where a database does not answer just now."""
        try:
            ((committed, waiting),) = _rows(
                self._orders,
                "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM outboard_outbox)",
            )
            ((applied, dead),) = _rows(
                self._ledger,
                "SELECT (SELECT count(DISTINCT event_id) FROM applied),"
                " (SELECT count(*) FROM outboard_dead_letters WHERE state = 'waiting')",
            )
        except (SQLAlchemyError, OSError):
            return None
        return Counted(committed, applied, dead, waiting)

    def committed(self) -> list[Committed]:
        """In the order of commits."""
        order = self._database.commit_order("orders")
        query = f"SELECT event_id, key, amount, poison, payload FROM orders ORDER BY {order}"
        rows = _rows(self._orders, query)
        return [
            Committed(row[0], row[1], row[2], bool(row[3]), row[4], place) for place, row in enumerate(rows)
        ]

    def applied(self) -> list[Applied]:
        """In the order of commits."""
        order = self._database.commit_order("applied")
        rows = _rows(self._ledger, f"SELECT event_id, key, amount, payload FROM applied ORDER BY {order}")
        return [Applied(row[0], row[1], row[2], row[3], place) for place, row in enumerate(rows)]

    def letters(self) -> list[str]:
        """The ids of the dead letters that were collected."""
        return [row[0] for row in _rows(self._ledger, "SELECT event_id FROM outboard_dead_letters")]

    def balances(self) -> dict[str, int]:
        """The sum of each key."""
        return {row[0]: row[1] for row in _rows(self._ledger, "SELECT key, total FROM balance")}


def _rows(engine: Engine, query: str) -> Sequence[Any]:
    with engine.connect().execution_options(**READ_ONLY) as connection:
        return connection.execute(text(query)).all()
