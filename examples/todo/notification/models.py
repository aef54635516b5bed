"""The table of notifications."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from columns import NUMBER, UtcDateTime


class Base(DeclarativeBase):
    pass


class NotificationRow(Base):
    """`position` is never given twice: readers go on behind the last one that they have seen."""

    __tablename__ = "notifications"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it as it stands

    position: Mapped[int] = mapped_column(NUMBER, primary_key=True)
    event_id: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(20))
    task_id: Mapped[int] = mapped_column(NUMBER)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
