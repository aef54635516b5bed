"""The table of tasks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from columns import NUMBER, UtcDateTime


class Base(DeclarativeBase):
    pass


class TaskRow(Base):
    """The id of a deleted task must not come back, since events are ordered by it: hence `autoincrement`."""

    __tablename__ = "tasks"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it as it stands

    id: Mapped[int] = mapped_column(NUMBER, primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    completed: Mapped[bool] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
