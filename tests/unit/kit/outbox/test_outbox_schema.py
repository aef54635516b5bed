"""The statements make what the check calls right, and each difference is named with what mends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from outboard import Outbox
from outboard.kit.outbox.sql.schema import differences, statements
from outboard.live.outboxes import check_outbox, outbox_statements

pytestmark = pytest.mark.anyio


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return create_engine(f"sqlite:///{(tmp_path / 'app.db').as_posix()}")


def found(engine: Engine, prefix: str = "outboard_") -> list[str]:
    with engine.connect() as connection:
        return [each.problem for each in differences(connection, prefix)]


def mend(engine: Engine, prefix: str = "outboard_") -> None:
    with engine.begin() as connection:
        for each in differences(connection, prefix):
            for statement in each.statement.split(";\n"):
                connection.execute(text(statement))


def test_what_create_tables_makes_is_right(engine: Engine) -> None:
    Outbox(engine, prefix="a_").create_tables(engine)
    assert found(engine, "a_") == []


def test_the_statements_make_what_is_right(engine: Engine) -> None:
    with engine.begin() as connection:
        for statement in statements("sqlite", "b_"):
            connection.execute(text(statement))
    assert found(engine, "b_") == []
    assert sorted(inspect(engine).get_table_names()) == ["b_outbox", "b_outbox_lease", "b_outbox_relay"]


def test_those_of_postgresql_are_in_their_schema() -> None:
    made = "\n".join(statements("postgresql", "outboard_", "events"))
    assert "CREATE TABLE events.outboard_outbox (" in made
    assert "BIGSERIAL NOT NULL" in made
    assert "WHERE parked_at IS NULL" in made
    assert made.count("CREATE TABLE") == 3
    assert made.count("INDEX") == 5


def test_what_is_missing_is_made_by_the_statement(engine: Engine) -> None:
    assert found(engine) == [f"table outboard_outbox{name} is missing" for name in ("", "_lease", "_relay")]
    mend(engine)
    assert found(engine) == []
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_outboard_outbox_ready"))
        connection.execute(text("ALTER TABLE outboard_outbox DROP COLUMN last_error"))
    assert found(engine) == [
        "column outboard_outbox.last_error is missing",
        "index ix_outboard_outbox_ready of outboard_outbox is missing",
    ]
    mend(engine)
    assert found(engine) == []


def test_what_is_of_another_type_is_named(engine: Engine) -> None:
    with engine.begin() as connection:
        for statement in statements("sqlite", "outboard_"):
            changed = statement.replace("body BLOB NOT NULL", "body TEXT")
            changed = changed.replace("hold BOOLEAN NOT NULL", "hold BOOLEAN")
            connection.execute(text(changed))
    assert found(engine) == [
        "column outboard_outbox.body is TEXT, not BLOB",
        "column outboard_outbox.hold is not NOT NULL",
    ]


def test_a_constraint_of_an_earlier_version_is_named(engine: Engine) -> None:
    with engine.begin() as connection:
        for statement in statements("sqlite", "outboard_"):
            old = statement.replace(
                "dedupe_key TEXT", "dedupe_key TEXT, CONSTRAINT uq_outboard_outbox_event UNIQUE (event_id)"
            )
            connection.execute(text(old))
    (problem,) = found(engine)
    assert "uq_outboard_outbox_event of an earlier version" in problem


async def test_the_tables_beside_it_are_known_to_the_commands(engine: Engine) -> None:
    url = engine.url.render_as_string()
    made = outbox_statements("sqlite", "outboard_", "", ["archive", "inbox", "dead-letters"])
    with engine.begin() as connection:
        for statement in made:
            connection.execute(text(statement))
    assert sorted(inspect(engine).get_table_names()) == [
        f"outboard_{name}"
        for name in ("dead_letters", "inbox", "outbox", "outbox_archive", "outbox_lease", "outbox_relay")
    ]
    assert not (await check_outbox(url, "outboard_")).problems
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE outboard_outbox_archive DROP COLUMN attempts"))
        connection.execute(text("ALTER TABLE outboard_inbox ADD COLUMN another TEXT"))
        (index,) = [each["name"] for each in inspect(connection).get_indexes("outboard_inbox")][:1]
        connection.execute(text(f"DROP INDEX {index}"))
    assert [problem for problem, _ in (await check_outbox(url, "outboard_")).problems] == [
        "column outboard_outbox_archive.attempts is missing",
        f"index {index} of outboard_inbox is missing",
    ]
