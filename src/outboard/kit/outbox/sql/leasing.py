"""Who publishes which partitions: the leases, and the relays that are there to share them.

A relay that has no partition would be known to nobody. So each one has a row of its own, too, for as long as
a lease: from those rows all of them reckon the same shares.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, delete, func, not_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from outboard.kit.outbox.partitions import PARTITIONS, share_of
from outboard.kit.outbox.port import Share
from outboard.kit.outbox.sql.tables import Tables

__all__ = ["Leasing"]

CLAIM_WAITS: Final = 5_000
"""Milliseconds that a claim may wait for others, and reckon with an older time than they did."""


class Leasing:
    """The rows of leases and relays. Each call is within a transaction; `now` is its time.

    `is_abandoned` says of a token whether its relay is certainly gone.
    """

    def __init__(self, tables: Tables, is_abandoned: Callable[[str], bool]) -> None:
        self._lease = tables.lease
        self._relay = tables.relay
        self._is_abandoned = is_abandoned

    def prepare(self, connection: Connection) -> None:
        """Make a row for each partition."""
        rows = [{"partition": number, "token": "", "lease_until": 0} for number in range(PARTITIONS)]
        connection.execute(_insert(connection, self._lease).on_conflict_do_nothing(), rows)

    def own(self, token: str, now: int) -> Select[int]:
        """The partitions that `token` still has."""
        lease = self._lease.c
        return select(lease.partition).where(lease.token == token, lease.lease_until > now)

    def share(self, connection: Connection, token: str, seconds: float, now: int) -> Share:
        """How much is for `token`, and how much of all is for the taking; nothing is written."""
        members, gone = self._members(connection, token, seconds, now)
        return Share(share_of(token, members), len(self._free(connection, gone, seconds, now)))

    def claim(self, connection: Connection, token: str, seconds: float, now: int) -> frozenset[int]:
        """Be known, renew what `token` has, and take of what is free as much as is its share."""
        lease, until = self._lease, now + round(seconds * 1000)
        known = _insert(connection, self._relay).values(token=token, lease_until=until)
        renewed = known.on_conflict_do_update(index_elements=["token"], set_={"lease_until": until})
        connection.execute(renewed)
        members, gone = self._members(connection, token, seconds, now)
        ended = or_(self._relay.c.token.in_(gone), not_(_lasts(self._relay, seconds, now)))
        connection.execute(delete(self._relay).where(ended))
        mine = lease.c.token == token
        connection.execute(update(lease).where(mine).values(lease_until=until))
        owned = frozenset(connection.scalars(select(lease.c.partition).where(mine)))
        wanted = share_of(token, members) - len(owned)
        if wanted > 0:
            free = sorted(self._free(connection, gone, seconds, now) - owned)[:wanted]
            # Asked once more of each: whoever was first has it.
            taken = update(lease).where(lease.c.partition.in_(free), self._is_free(gone, seconds, now))
            connection.execute(taken.values(token=token, lease_until=until))
        return frozenset(connection.scalars(select(lease.c.partition).where(mine)))

    def release(self, connection: Connection, token: str, partitions: Collection[int] | None) -> None:
        """Give some partitions back, or all, and be known no more."""
        given = self._lease.c.token == token
        if partitions is None:
            connection.execute(delete(self._relay).where(self._relay.c.token == token))
        else:
            given = and_(given, self._lease.c.partition.in_(partitions))
        connection.execute(update(self._lease).where(given).values(token="", lease_until=0))

    def all(self, connection: Connection, now: int) -> Mapping[str, int]:
        """How many partitions each live relay has, by its token."""
        lease, relay = self._lease.c, self._relay.c
        found = dict.fromkeys(connection.scalars(select(relay.token).where(relay.lease_until > now)), 0)
        held = select(lease.token, func.count()).where(lease.token != "", lease.lease_until > now)
        for row in connection.execute(held.group_by(lease.token)):
            found[str(row[0])] = int(row[1])
        return found

    def _members(
        self, connection: Connection, token: str, seconds: float, now: int
    ) -> tuple[set[str], set[str]]:
        """The live relays, and those that are certainly gone before their time.

        Those are known, or have a lease, as those of an older version.
        """
        known = select(self._relay.c.token).where(_lasts(self._relay, seconds, now))
        having = select(self._lease.c.token).where(
            self._lease.c.token != "", _lasts(self._lease, seconds, now)
        )
        found = {str(each) for query in (known, having) for each in connection.scalars(query)} - {token}
        gone = {each for each in found if self._is_abandoned(each)}
        return (found - gone) | {token}, gone

    def _free(
        self, connection: Connection, gone: Collection[str], seconds: float, now: int
    ) -> frozenset[int]:
        free = select(self._lease.c.partition).where(self._is_free(gone, seconds, now))
        return frozenset(connection.scalars(free))

    def _is_free(self, gone: Collection[str], seconds: float, now: int) -> ColumnElement[bool]:
        return or_(self._lease.c.token.in_(["", *gone]), not_(_lasts(self._lease, seconds, now)))


def _lasts(table: Table, seconds: float, now: int) -> ColumnElement[bool]:
    """A lease that ends later than any could was made before the clock went back; or by whoever claimed while
    this statement waited for the rows.
    """
    return table.c.lease_until.between(now, now + round(seconds * 1000) + CLAIM_WAITS)


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
