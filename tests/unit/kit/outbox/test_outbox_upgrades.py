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

from outboard import Outboard, Outbox
from outboard.kit.outbox.sql.tables import Tables
from support.outbox import OutboxBench

pytestmark = pytest.mark.anyio


def make_as_before(engine: Engine, prefix: str = "outboard_") -> Table:
    """The tables with the constraint that they once had."""
    table = Tables.in_metadata(MetaData(), prefix).outbox
    table.append_constraint(UniqueConstraint("event_id", "pubsub", "topic", name=f"uq_{prefix}outbox_event"))
    table.metadata.create_all(engine)
    return table


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
    assert len([each for each in written if "CREATE TABLE" in each]) == 2
