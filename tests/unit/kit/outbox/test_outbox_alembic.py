"""Alembic finds the tables in the app's metadata, makes them, and brings earlier ones up to date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.operations.base import AbstractOperations
from alembic.operations.ops import MigrateOperation, ModifyTableOps
from sqlalchemy import Engine, MetaData, UniqueConstraint, create_engine, inspect
from sqlalchemy.schema import DropIndex

from outboard import Outboard, Outbox
from outboard.kit.outbox.sql.schema import differences
from outboard.kit.outbox.sql.tables import Tables

KEPT = {"sequence", "event_id", "body"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{(tmp_path / 'app.db').as_posix()}")
    yield made
    made.dispose()


def metadata_of_an_app(engine: Engine) -> MetaData:
    """All that an app of the kit can declare."""
    metadata = MetaData()
    outbox = Outbox(engine, metadata=metadata, keep="archive")
    board = Outboard(environ={}, outbox=outbox)
    board.inbox(engine, metadata=metadata)
    board.dead_letters(engine, metadata=metadata)
    return metadata


def migrate(engine: Engine, metadata: MetaData) -> list[str]:
    """Do what `alembic revision --autogenerate` and `alembic upgrade` do; the names of what was done."""
    done: list[str] = []
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": metadata})
        script = produce_migrations(context, metadata)
        assert script.upgrade_ops is not None
        operations = Operations(context)

        def invoke(each: MigrateOperation, on: AbstractOperations) -> None:
            done.append(type(each).__name__)
            on.invoke(each)

        for found in script.upgrade_ops.ops:
            if isinstance(found, ModifyTableOps):
                with operations.batch_alter_table(found.table_name) as batch:
                    for each in found.ops:
                        each.table_name = found.table_name  # type: ignore[attr-defined]
                        invoke(each, batch)
            else:
                invoke(found, operations)
    return done


def test_it_makes_the_tables_and_finds_nothing_more_to_do(engine: Engine) -> None:
    metadata = metadata_of_an_app(engine)
    assert migrate(engine, metadata).count("CreateTableOp") == 6
    assert sorted(inspect(engine).get_table_names()) == sorted(metadata.tables)
    assert migrate(engine, metadata) == []
    with engine.connect() as connection:
        assert differences(connection, "outboard_") == []


def test_it_brings_tables_of_an_earlier_version_up_to_date(engine: Engine) -> None:
    old = Tables.in_metadata(MetaData(), "outboard_").outbox
    old.append_constraint(UniqueConstraint("event_id", "pubsub", "topic", name="uq_outboard_outbox_event"))
    old.create(engine)
    with engine.begin() as connection:
        for index in old.indexes:
            connection.execute(DropIndex(index))
        for name in ("due_at", "expires_at", "dedupe_key"):
            connection.exec_driver_sql(f"ALTER TABLE outboard_outbox DROP COLUMN {name}")
    done = migrate(engine, metadata_of_an_app(engine))
    assert (done.count("AddColumnOp"), done.count("CreateTableOp")) == (3, 5)
    assert "DropConstraintOp" in done
    with engine.connect() as connection:
        assert differences(connection, "outboard_") == []
