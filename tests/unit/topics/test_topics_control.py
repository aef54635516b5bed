"""What holds a partition is seen and passed over, alone and while others have it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outboard.errors import CommandError, LogUnavailable, NotHeld
from outboard.host.processes import ProcessIdentity, process_identity
from outboard.sidecar.components.port import Message
from outboard.sidecar.components.sqlite.log import events, positions
from outboard.sidecar.components.sqlite.log.events import LogTopic
from outboard.sidecar.components.sqlite.log.file import connect, prepare
from outboard.sidecar.components.sqlite.log.position import Hold, Position
from outboard.sidecar.components.sqlite.log.positions import Claim
from outboard.topics.control import (
    DeadLetterTo,
    MeantEvent,
    choose,
    held_in,
    look,
    pass_over,
    summaries_of,
)
from outboard.topics.finding import FoundLogs, KafkaComponent, LogFile
from outboard.wire.deadletters import DeadLetterAttributes

TOPIC = LogTopic(1, 2)
NOW = datetime(2030, 1, 2, tzinfo=UTC)
EVENT = {"specversion": "1.0", "id": "e-1", "source": "shop", "type": "order", "data": {"n": 1}}
CLAIM = Claim("billing", 1, 0, 7)
HOLD = Hold(9, 1_700_000_000_000, "no database")


@pytest.fixture
def log(tmp_path: Path) -> LogFile:
    path = tmp_path / "events.db"
    prepare(path)
    return LogFile(path, "pubsub")


@pytest.fixture
def connection(log: LogFile) -> Iterator[sqlite3.Connection]:
    """With five events in partition 0 of two: 2 holds it for billing, 4 is settled behind it."""
    with closing(connect(log.path, 1)) as made:
        events.open_topic(made, "orders", 2)
        message = Message(json.dumps(EVENT).encode(), {"partitionKey": "k"}, "application/cloudevents+json")
        events.append(made, [events.row_of(TOPIC, 0, message, 0) for _ in range(5)])
        for group in ("billing", "audit"):
            positions.begin(made, group, TOPIC, "oldest")
        positions.claim(made, "billing", TOPIC, 7, [0])
        positions.commit(made, {CLAIM: Position(1, (2,), 4, HOLD)})
        yield made


def member(connection: sqlite3.Connection, identity: ProcessIdentity) -> None:
    """The owner of partition 0."""
    connection.execute(
        "INSERT INTO members (id, consumer_group, topic, port, host, process, process_started) "
        "VALUES (7, 'billing', 1, 0, ?, ?, ?)",
        (identity.host, identity.process, identity.started),
    )


def meant(
    offset: int = 2, *, partition: int = 0, group: str = "billing", topic: str = "orders"
) -> MeantEvent:
    return MeantEvent(topic, group, partition, offset)


def never(seconds: float) -> None:
    raise AssertionError("there is nobody to wait for")


def test_what_holds_a_partition_is_seen(log: LogFile, connection: sqlite3.Connection) -> None:
    (held,) = held_in(log)
    assert (held.topic, held.group, held.partition, held.event.offset) == ("orders", "billing", 0, 2)
    assert (held.hold, held.waiting, held.settled, held.owner) == (HOLD, 1, 2, None)
    (topic,) = summaries_of(log)
    assert (topic.name, topic.partitions, topic.events) == ("orders", 2, 5)
    assert [(each.name, each.unsettled, each.held) for each in topic.groups] == [
        ("audit", 5, 0),
        ("billing", 2, 1),
    ]


def test_where_nobody_has_the_partition_whoever_comes_goes_on_behind_it(
    log: LogFile, connection: sqlite3.Connection
) -> None:
    outcome = pass_over(log, meant(), None, sleep=never)
    assert (outcome.noticed, outcome.owner, outcome.letter) == (True, None, None)
    assert held_in(log) == []
    assert positions.claim(connection, "billing", TOPIC, 8, [0]) == {0: Position(4)}
    assert [group.unsettled for group in summaries_of(log)[0].groups] == [5, 1], "of others nothing changes"


def test_its_owner_is_waited_for(log: LogFile, connection: sqlite3.Connection) -> None:
    member(connection, process_identity())

    def go_on(seconds: float) -> None:
        assert positions.skips(connection, "billing", TOPIC) == {0: 2}
        positions.commit(connection, {CLAIM: Position(4)})

    outcome = pass_over(log, meant(), None, sleep=go_on)
    assert outcome.noticed
    assert outcome.owner == process_identity()


def test_an_owner_that_does_not_look_is_told_of(log: LogFile, connection: sqlite3.Connection) -> None:
    member(connection, process_identity())
    outcome = pass_over(log, meant(), None, sleep=lambda seconds: None)
    assert not outcome.noticed


def test_an_owner_that_is_dead_is_not_waited_for(log: LogFile, connection: sqlite3.Connection) -> None:
    here = process_identity()
    member(connection, ProcessIdentity(here.host, here.process, here.started - 100))
    assert pass_over(log, meant(), None, sleep=never).owner is None


def test_a_dead_letter_is_the_event_with_reason_and_origin(
    log: LogFile, connection: sqlite3.Connection
) -> None:
    outcome = pass_over(log, meant(), DeadLetterTo("orders-dead"), now=lambda: NOW, sleep=never)
    assert outcome.letter == 6
    stored = connection.execute("SELECT topic, metadata, content_type, data FROM events WHERE offset = 6")
    topic, metadata, content_type, data = stored.fetchone()
    letter = json.loads(data)
    assert {name: letter[name] for name in EVENT} == EVENT
    assert DeadLetterAttributes.read(letter) == DeadLetterAttributes(
        "no database", "//billing/pubsub/orders#", 9, "2030-01-02T00:00:00Z"
    )
    assert (json.loads(metadata), content_type) == ({"partitionKey": "k"}, "application/cloudevents+json")
    assert (topic, [each.name for each in summaries_of(log)]) == (2, ["orders", "orders-dead"])


def test_a_reason_may_be_given(log: LogFile, connection: sqlite3.Connection) -> None:
    pass_over(log, meant(), DeadLetterTo("bad", "by hand"), sleep=never)
    (data,) = connection.execute("SELECT data FROM events WHERE offset = 6").fetchone()
    assert json.loads(data)["deadletterreason"] == "by hand"


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (meant(3), "offset 2 does"),
        (meant(partition=1), "nothing does"),
        (meant(group="audit"), "nothing does"),
        (meant(group="biling"), "no such group consumes it, but audit, billing"),
    ],
)
def test_an_event_that_does_not_hold_is_left_alone(
    log: LogFile, connection: sqlite3.Connection, wrong: MeantEvent, found: str
) -> None:
    for letter in (None, DeadLetterTo("orders-dead")):
        with pytest.raises(NotHeld, match=f"{found}. Nothing was changed"):
            pass_over(log, wrong, letter, sleep=never)
    with pytest.raises(NotHeld):
        look(log, wrong)
    assert len(held_in(log)) == 1
    assert [each.name for each in summaries_of(log)] == ["orders"]


def test_what_was_settled_meanwhile_is_not_passed_over(log: LogFile, connection: sqlite3.Connection) -> None:
    assert look(log, meant()).event.offset == 2
    positions.commit(connection, {CLAIM: Position(3, (4,), 4, HOLD)})
    with pytest.raises(NotHeld, match="offset 4 does"):
        pass_over(log, meant(), DeadLetterTo("orders-dead"), sleep=never)


def test_an_event_that_has_grown_too_old_holds_nothing(log: LogFile, connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM events WHERE offset <= 2")
    assert held_in(log) == []


def test_the_log_with_the_topic_is_chosen(
    log: LogFile, connection: sqlite3.Connection, tmp_path: Path
) -> None:
    absent, kafka = LogFile(tmp_path / "absent.db", "other"), KafkaComponent("kafka", "broker:9092")
    assert choose(FoundLogs([absent, log], [], "components"), "orders") == log
    with pytest.raises(CommandError, match=r"has the topic 'order'.*Did you mean `orders`\?"):
        choose(FoundLogs([absent, log], [], "components"), "order")
    with pytest.raises(
        CommandError, match=r"--bootstrap-server broker:9092 .* --to-offset OFFSET\+1 --execute"
    ):
        choose(FoundLogs([], [kafka], "components"), "orders")
    with pytest.raises(CommandError, match=r"several logs have the topic 'orders'. Name one: --file"):
        choose(FoundLogs([log, LogFile(log.path, "twin")], [], "components"), "orders")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"garbage" * 100, "is not a SQLite file"),
        (None, "it is of version 1, and what holds a partition is known from version 2 on"),
    ],
)
def test_a_file_that_is_no_log_of_this_version_is_named(
    log: LogFile, content: bytes | None, problem: str
) -> None:
    if content is None:
        with closing(sqlite3.connect(log.path)) as connection:
            connection.execute("PRAGMA user_version = 1")
    else:
        log.path.write_bytes(content)
    with pytest.raises(LogUnavailable, match=f"^the log .*events.db cannot be looked at: {problem}"):
        held_in(log)
