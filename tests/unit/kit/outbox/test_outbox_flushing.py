"""How staged events get into the database: by one statement of a flush, and all of them or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, event
from sqlalchemy.exc import IntegrityError, PendingRollbackError
from sqlalchemy.orm import Session, registry

from outboard import Outboard, Outbox, Topic

REFUSES_THE_SECOND = (
    "CREATE TRIGGER refusing BEFORE INSERT ON outboard_outbox WHEN NEW.key = '2' "
    "BEGIN SELECT RAISE(ABORT, 'not the second one'); END"
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'app.db'}")
    Outbox.make_durable(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def topic(engine: Engine) -> Topic[object]:
    outbox = Outbox(engine)
    outbox.create_tables(engine)
    return Outboard(app_id="todo", environ={}, outbox=outbox).topic("tasks", object)


def keys(engine: Engine) -> list[str]:
    with engine.connect().execution_options(outboard_begin="BEGIN") as connection:
        query = "SELECT key FROM outboard_outbox ORDER BY sequence"
        return [str(key) for key in connection.exec_driver_sql(query).scalars()]


def test_all_events_of_a_flush_are_one_statement_in_their_order(engine: Engine, topic: Topic[object]) -> None:
    inserted: list[bool] = []

    def executing(_: object, __: object, statement: str, ___: object, ____: object, many: bool) -> None:
        if statement.startswith("INSERT"):
            inserted.append(many)

    event.listen(engine, "before_cursor_execute", executing)
    with Session(engine) as session, session.begin():
        for number in range(30):
            topic.stage(session, number, key=str(number))
    assert inserted == [True]
    assert keys(engine) == [str(number) for number in range(30)]


def test_a_flush_that_failed_in_the_middle_stores_nothing_whoever_swallows_the_error(
    engine: Engine, topic: Topic[object]
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(REFUSES_THE_SECOND)
    with Session(engine) as session:
        for number in range(1, 4):
            topic.stage(session, number, key=str(number))
        with pytest.raises(IntegrityError, match="not the second one"):
            session.flush()
        with pytest.raises(PendingRollbackError, match="rollback"):
            session.commit()
        session.rollback()
        topic.stage(session, 4, key="4")
        session.commit()
    assert keys(engine) == ["4"]


def test_after_a_savepoint_that_failed_its_transaction_goes_on(engine: Engine, topic: Topic[object]) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(REFUSES_THE_SECOND)
    with Session(engine) as session, session.begin():
        topic.stage(session, 1, key="1")
        with pytest.raises(IntegrityError), session.begin_nested():
            topic.stage(session, 3, key="3")
            topic.stage(session, 2, key="2")
        topic.stage(session, 4, key="4")
    assert keys(engine) == ["1", "4"]


def test_what_a_hook_stages_while_a_flush_has_begun_is_stored_too(
    engine: Engine, topic: Topic[object]
) -> None:
    """Hooks of the app's may come before and behind the one that stores events."""
    orders = Table("orders", MetaData(), Column("id", Integer, primary_key=True))
    orders.create(engine)

    class Order:
        pass

    registry().map_imperatively(Order, orders)

    def staging(session: Session, *_: object) -> None:
        if any(isinstance(each, Order) for each in session.new):
            topic.stage(session, "behind", key="behind")

    with Session(engine) as session, session.begin():
        topic.stage(session, "before", key="before")
        event.listen(session, "before_flush", staging)
        session.add(Order())
        session.flush()
        assert not session.new
    assert keys(engine) == ["before", "behind"]
