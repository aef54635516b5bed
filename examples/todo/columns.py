"""What the tables of both services are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import BigInteger, DateTime, Dialect, Integer
from sqlalchemy.types import TypeDecorator, TypeEngine

NUMBER: Final[TypeEngine[int]] = BigInteger().with_variant(Integer, "sqlite")
"""What a primary key counts with: SQLite counts in an INTEGER only."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware point in time, stored in UTC because SQLite keeps no offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)
