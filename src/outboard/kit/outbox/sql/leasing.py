"""Who publishes which partitions: the leases, and the relays that are there to share them.

A relay that has no partition would be known to nobody. So each one has a row of its own, too, for as long as
a lease: from those rows all of them reckon the same shares.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    String,
    Table,
    and_,
    bindparam,
    delete,
    func,
    not_,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from outboard.kit.outbox.partitions import PARTITIONS, share_of
from outboard.kit.outbox.port import Share
from outboard.kit.outbox.sql.tables import Tables

__all__ = ["Leasing"]

CLAIM_WAITS: Final = 5_000
"""Milliseconds that a claim may wait for others, and reckon with an older time than they did."""
NOW: Final = bindparam("now", type_=BigInteger)
LATEST: Final = bindparam("latest", type_=BigInteger)
UNTIL: Final = bindparam("until", type_=BigInteger)
TOKEN: Final = bindparam("by", type_=String)
GONE: Final[BindParameter[Any]] = bindparam("gone", expanding=True)


class Leasing:
    """The rows of leases and relays. Each call is within a transaction; `now` is its time.

    `is_abandoned` says of a token whether its relay is certainly gone.
    """

    def __init__(self, tables: Tables, is_abandoned: Callable[[str], bool]) -> None:
        self._lease = tables.lease
        self._relay = tables.relay
        self._is_abandoned = is_abandoned
        lease, relay = tables.lease.c, tables.relay.c
        is_free = or_(lease.token.in_(GONE), not_(_lasts(tables.lease)))
        self._is_mine = lease.token == TOKEN
        # Put together once: to do that takes longer than to run them, and all of it is asked at each poll.
        self._owned = self.own()
        # Those of an older version are not known, and have leases.
        self._members = union(
            select(relay.token).where(_lasts(tables.relay)),
            select(lease.token).where(lease.token != "", _lasts(tables.lease)),
        )
        self._free = select(lease.partition).where(is_free)
        self._mine = select(lease.partition).where(self._is_mine)
        self._renew = update(tables.lease).where(self._is_mine).values(lease_until=UNTIL)
        self._forget = delete(tables.relay).where(or_(relay.token.in_(GONE), not_(_lasts(tables.relay))))
        # Asked once more of each: whoever was first has it.
        self._take = (
            update(tables.lease)
            .where(lease.partition.in_(bindparam("wanted", expanding=True)), is_free)
            .values(token=TOKEN, lease_until=UNTIL)
        )

    def prepare(self, connection: Connection) -> None:
        """Make a row for each partition."""
        rows = [{"partition": number, "token": "", "lease_until": 0} for number in range(PARTITIONS)]
        connection.execute(_insert(connection, self._lease).on_conflict_do_nothing(), rows)

    def own(self) -> Select[int]:
        """The partitions that `by` still has at `now`: its parameters."""
        lease = self._lease.c
        return select(lease.partition).where(self._is_mine, lease.lease_until > NOW)

    def owned(self, connection: Connection, token: str, now: int) -> frozenset[int]:
        """The partitions that `token` still has."""
        return frozenset(connection.scalars(self._owned, {"by": token, "now": now}))

    def share(self, connection: Connection, token: str, seconds: float, now: int) -> Share:
        """How much is for `token`, and how much of all is for the taking; nothing is written."""
        times = _times(seconds, now)
        members, gone = self._living(connection, token, times)
        return Share(share_of(token, members), len(self._taken_by_none(connection, gone, times)))

    def claim(self, connection: Connection, token: str, seconds: float, now: int) -> frozenset[int]:
        """Be known, renew what `token` has, and take of what is free as much as is its share."""
        times, until = _times(seconds, now), now + round(seconds * 1000)
        known = _insert(connection, self._relay).values(token=token, lease_until=until)
        renewed = known.on_conflict_do_update(index_elements=["token"], set_={"lease_until": until})
        connection.execute(renewed)
        members, gone = self._living(connection, token, times)
        connection.execute(self._forget, {**times, "gone": [*gone]})
        connection.execute(self._renew, {"by": token, "until": until})
        owned = frozenset(connection.scalars(self._mine, {"by": token}))
        wanted = share_of(token, members) - len(owned)
        if wanted > 0:
            free = sorted(self._taken_by_none(connection, gone, times) - owned)[:wanted]
            taken = {**times, "gone": ["", *gone], "wanted": free, "by": token, "until": until}
            connection.execute(self._take, taken)
        return frozenset(connection.scalars(self._mine, {"by": token}))

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

    def _living(
        self, connection: Connection, token: str, times: Mapping[str, int]
    ) -> tuple[set[str], set[str]]:
        """The live relays, and those that are certainly gone before their time."""
        found = {str(each) for each in connection.scalars(self._members, times)} - {token}
        gone = {each for each in found if self._is_abandoned(each)}
        return (found - gone) | {token}, gone

    def _taken_by_none(
        self, connection: Connection, gone: Collection[str], times: Mapping[str, int]
    ) -> frozenset[int]:
        return frozenset(connection.scalars(self._free, {**times, "gone": ["", *gone]}))


def _lasts(table: Table) -> ColumnElement[bool]:
    """A lease that ends later than any could was made before the clock went back; or by whoever claimed while
    this statement waited for the rows.
    """
    return table.c.lease_until.between(NOW, LATEST)


def _times(seconds: float, now: int) -> dict[str, int]:
    """The values of what `_lasts` asks, for leases of so many seconds."""
    return {"now": now, "latest": now + round(seconds * 1000) + CLAIM_WAITS}


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
