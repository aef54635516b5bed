"""Tables that an earlier version made: what is in them stays, what was wrong with them goes."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import (
    Connection,
    Engine,
    MetaData,
    Table,
    UniqueConstraint,
    create_engine,
    create_mock_engine,
    event,
    inspect,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.schema import DropIndex

from outboard import Outboard, Outbox
from outboard.kit.outbox.port import FetchRequest
from outboard.kit.outbox.sql.schema import differences
from outboard.kit.outbox.sql.tables import Tables
from support.outbox import OutboxBench

pytestmark = pytest.mark.anyio


def make_as_before(engine: Engine, prefix: str = "outboard_") -> Table:
    """The tables with the constraint that they once had."""
    table = Tables.in_metadata(MetaData(), prefix).outbox
    table.append_constraint(UniqueConstraint("event_id", "pubsub", "topic", name=f"uq_{prefix}outbox_event"))
    table.metadata.create_all(engine)
    return table


def make_without_times(engine: Engine) -> None:
    """The table as it was before events could wait for a time, with the indexes that it had."""
    table = Tables.in_metadata(MetaData(), "outboard_").outbox
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        for index in table.indexes:
            connection.execute(DropIndex(index))
        for name in ("due_at", "expires_at", "dedupe_key"):
            connection.exec_driver_sql(f"ALTER TABLE outboard_outbox DROP COLUMN {name}")
        connection.exec_driver_sql(
            "CREATE INDEX ix_outboard_outbox_due ON outboard_outbox (sequence) WHERE parked_at IS NULL"
        )
        connection.exec_driver_sql(
            "INSERT INTO outboard_outbox (event_id, pubsub, topic, lane, partition, body, details, hold,"
            " staged_at, available_at, attempts) VALUES ('old', 'p', 't', 1, 1, x'7b7d',"
            """ '{"metadata": {}, "headers": {}, "traceid": ""}', 0, 1, 0, 0)"""
        )


def columns(engine: Engine) -> list[str]:
    return sorted(column["name"] for column in inspect(engine).get_columns("outboard_outbox"))


async def test_columns_and_indexes_of_today_are_added(engine: Engine) -> None:
    make_without_times(engine)
    Outbox(engine).create_tables(engine)
    new = create_engine("sqlite://")
    Outbox(new).create_tables(new)
    assert columns(engine) == columns(new)
    found, wanted = (
        {each["name"] for each in inspect(each).get_indexes("outboard_outbox")} for each in (engine, new)
    )
    assert found == wanted
    new.dispose()
    stage(engine, 1)
    bench = OutboxBench(engine)
    await bench.store.prepare()
    await bench.store.claim("r", 30.0)
    assert [each.event_id for each in await bench.store.fetch("r", FetchRequest(10))] == ["old", "mine"]


async def test_what_the_check_shows_does_the_same(engine: Engine) -> None:
    make_without_times(engine)
    with engine.begin() as connection:
        found = differences(connection, "outboard_")
        assert [each.problem for each in found] == [
            "column outboard_outbox.due_at is missing",
            "column outboard_outbox.expires_at is missing",
            "column outboard_outbox.dedupe_key is missing",
            "index ix_outboard_outbox_delayed of outboard_outbox is missing",
            "index ix_outboard_outbox_expiring of outboard_outbox is missing",
            "index ix_outboard_outbox_holding of outboard_outbox is missing",
            "index ix_outboard_outbox_ready of outboard_outbox is missing",
            "index uq_outboard_outbox_dedupe of outboard_outbox is missing",
        ]
        for each in found:
            connection.exec_driver_sql(each.statement)
        assert differences(connection, "outboard_") == []
    stage(engine, 1)
    assert sequences(engine) == [1, 2]


async def test_a_relay_says_which_columns_are_missing(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    make_without_times(engine)
    with caplog.at_level(logging.WARNING, "outboard.outbox"):
        await OutboxBench(engine).store.prepare()
    assert "lacks due_at, expires_at, dedupe_key" in caplog.text
    assert "outboard outbox check" in caplog.text


def stage(engine: Engine, *numbers: int) -> None:
    """In one transaction, all with one id."""
    topic = Outboard(environ={}, outbox=Outbox(engine)).topic("tasks")
    with Session(engine) as session:
        for number in numbers:
            topic.stage(session, number, id="mine", key="k")
        session.commit()


def schema(engine: Engine) -> list[str]:
    """What SQLite says of all that there is."""
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master WHERE name != 'other'")
        return sorted(" ".join(map(str, row)).replace('"', "") for row in found)


def sequences(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(
            connection.exec_driver_sql("SELECT sequence FROM outboard_outbox ORDER BY sequence").scalars()
        )


@pytest.mark.parametrize("durable", [True, False], ids=["durable", "as the driver has it"])
async def test_a_table_made_before_takes_an_id_again(engine: Engine, durable: bool, tmp_path: object) -> None:
    make_as_before(engine)
    stage(engine, 1)
    with pytest.raises(IntegrityError):
        stage(engine, 2)
    owner = engine if durable else create_engine(engine.url)
    Outbox(engine).create_tables(owner)
    stage(engine, 2, 3)
    assert sequences(engine) == [1, 2, 3]
    new = create_engine(f"sqlite:///{tmp_path}/new.db")
    Outbox(new).create_tables(new)
    assert schema(engine) == schema(new), "as a table that is made today"
    owner.dispose()
    new.dispose()


async def test_a_number_that_was_given_is_not_given_again(engine: Engine) -> None:
    """A late relay deletes by it what it has published."""
    make_as_before(engine)
    stage(engine, 1)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM outboard_outbox")
    Outbox(engine).create_tables(engine)
    stage(engine, 2)
    assert sequences(engine) == [2]


async def test_it_is_upgraded_with_the_tables_of_the_app(engine: Engine) -> None:
    make_as_before(engine, "todo_")
    metadata = MetaData()
    Outbox(engine, metadata=metadata, prefix="todo_")
    metadata.create_all(engine)
    assert not inspect(engine).get_unique_constraints("todo_outbox")


async def test_an_async_engine_upgrades_as_well(engine: Engine) -> None:
    make_as_before(engine)
    stage(engine, 1)
    asynchronous = create_async_engine(f"sqlite+aiosqlite:///{engine.url.database}")
    async with asynchronous.begin() as connection:
        await connection.run_sync(Outbox(engine).create_tables)
    await asynchronous.dispose()
    stage(engine, 2)
    assert sequences(engine) == [1, 2]


async def test_an_upgrade_that_fails_leaves_all_as_it_was(engine: Engine) -> None:
    make_as_before(engine)
    stage(engine, 1)
    before = schema(engine)
    owner = create_engine(engine.url)  # whose driver begins transactions as late as it can

    @event.listens_for(owner, "before_cursor_execute")
    def refuse(_: Connection, __: object, statement: str, *___: object) -> None:
        if statement.startswith("DROP TABLE"):
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        Outbox(engine).create_tables(owner)
    owner.dispose()
    assert (schema(engine), sequences(engine)) == (before, [1])
    Outbox(engine).create_tables(engine)
    stage(engine, 2)


async def test_a_relay_says_that_a_table_is_outdated(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    make_as_before(engine)
    bench = OutboxBench(engine)
    with caplog.at_level(logging.WARNING, "outboard.outbox"):
        await bench.store.prepare()
        (record,) = caplog.records
        assert "still has the constraint 'uq_outboard_outbox_event'" in record.getMessage()
        caplog.clear()
        Outbox(engine).create_tables(engine)
        await bench.store.prepare()
    assert not caplog.records


async def test_statements_that_are_only_written_down_ask_nothing(engine: Engine) -> None:
    written: list[str] = []
    mock = create_mock_engine("postgresql://", lambda statement, *_, **__: written.append(str(statement)))
    outbox = Outbox(engine)
    outbox.metadata.create_all(mock, checkfirst=False)
    assert len([each for each in written if "CREATE TABLE" in each]) == 3
