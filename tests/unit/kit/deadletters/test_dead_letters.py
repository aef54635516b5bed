"""Dead letters are collected once, told in groups, and published again to whom they are for."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from outboard import DeliveryStatus, Event, InvalidEventData
from outboard.errors import DeadLettersUnavailable, DuplicateSubscription, InvalidName
from outboard.kit.deadletters.port import Letter, ReplayEnd
from outboard.kit.deadletters.sql.store import SqlLetterStore
from outboard.wire.http import ExchangeFailed, Response
from support.inbox import engines_of
from support.letters import Collecting, deliver, letter
from support.scripted import FakeClock, ScriptedExchange
from support.serving import Serving

pytestmark = pytest.mark.anyio

SUCCESS, RETRY = DeliveryStatus.SUCCESS, DeliveryStatus.RETRY
REFUSED = Response(403, {}, b'{"errorCode": "ERR_PUBSUB_FORBIDDEN", "message": "no"}')

GONE = Response(404, {}, b'{"errorCode": "ERR_PUBSUB_NOT_FOUND", "message": "pubsub is not found"}')


@pytest.fixture(params=["Engine", "AsyncEngine"])
async def services(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock
) -> AsyncIterator[tuple[Callable[..., Collecting], Engine]]:
    """Makes apps, whose table is there; and an engine to look at it."""
    plain, asynchronous = engines_of(f"sqlite:///{(tmp_path / 'app.db').as_posix()}", "sqlite+aiosqlite")

    def make(**options: Any) -> Collecting:
        made = Collecting(plain if request.param == "Engine" else asynchronous, clock, **options)
        made.prepare(plain)
        return made

    yield make, plain
    plain.dispose()
    await asynchronous.dispose()


@pytest.fixture
def engine(services: tuple[Callable[..., Collecting], Engine]) -> Engine:
    return services[1]


@pytest.fixture
def service(services: tuple[Callable[..., Collecting], Engine]) -> Collecting:
    return services[0]()


async def test_one_line_subscribes_to_the_dead_letter_topics_of_all_handlers(
    service: Collecting, serving: Serving
) -> None:
    service.board.topic("bills", dead_letter="bad-bills").subscribe("/bills")(_nothing)
    service.board.topic("ticks", dead_letter=None).subscribe("/ticks")(_nothing)
    async with serving(service.app, service.board) as client:
        told = (await client.get("/dapr/subscribe")).json()
    assert [each["topic"] for each in told] == ["orders", "orders-dead", "bills", "bad-bills", "ticks"]


async def _nothing(event: Event[object]) -> None: ...


async def test_other_topics_are_collected_too(
    services: tuple[Callable[..., Collecting], Engine], serving: Serving
) -> None:
    service = services[0](topics=["orders-dead", "a/b c", "äö"])
    async with serving(service.app, service.board) as client:
        told = (await client.get("/dapr/subscribe")).json()
        paths = [each["route"] if "route" in each else each["routes"]["default"] for each in told]
        for path in paths[:3]:
            assert await deliver(client, letter(1), path) == SUCCESS
    assert [each["topic"] for each in told] == ["orders-dead", "a/b c", "äö", "orders"]
    assert await service.letters.count() == 3


async def test_what_is_collected_tells_what_happened(service: Collecting, serving: Serving) -> None:
    async with serving(service.app, service.board) as client:
        assert await deliver(client, letter(1)) == SUCCESS
    (found,) = await service.letters.find()
    assert (found.handler, found.topic, found.dead_letter_topic) == ("shop/orders", "orders", "orders-dead")
    assert (found.event_id, found.source, found.key) == ("o-1", "web", "k-1")
    assert (found.error, found.attempts, found.failures) == ("Drop", 3, 1)
    assert found.dead_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.reason == "order 1 of *** is unknown"
    assert json.loads(found.data or "") == {"id": 1, "email": "***"}
    raw = json.loads(await service.letters.envelope(found.id) or b"")
    assert raw == letter(1)
    assert await service.letters.get("99") is None
    assert await service.letters.envelope("99") is None


async def test_a_letter_that_is_delivered_again_is_one(service: Collecting, serving: Serving) -> None:
    async with serving(service.app, service.board) as client:
        for _ in range(2):
            assert await deliver(client, letter(1)) == SUCCESS
        assert await deliver(client, letter(1, source="other")) == SUCCESS
        other = "//billing/pubsub/orders#/orders"
        assert await deliver(client, letter(1, deadletterorigin=other)) == SUCCESS
    assert [each.failures for each in await service.letters.find()] == [1, 1, 1]


async def test_a_letter_of_a_sidecar_has_no_reason(service: Collecting, serving: Serving) -> None:
    plain = {name: value for name, value in letter(1).items() if not name.startswith("dead")}
    async with serving(service.app, service.board) as client:
        assert await deliver(client, plain) == SUCCESS
    (found,) = await service.letters.find()
    assert (found.reason, found.handler, found.topic) == ("unknown (sidecar)", "unknown", "orders")
    assert json.loads(found.data or "") == {"id": 1, "email": "***"}


@pytest.mark.parametrize("body", [b"[1]", b"\x00", b'{"id": 7}', b'{"data": 1e400}', b"{" * 5_000])
async def test_whatever_lies_there_is_kept(service: Collecting, serving: Serving, body: bytes) -> None:
    async with serving(service.app, service.board) as client:
        path = "/dapr/outboard/dead-letters/pubsub/orders-dead"
        answer = await client.post(
            path, content=body, headers={"content-type": "application/cloudevents+json"}
        )
    assert answer.json() == {"status": "SUCCESS"}
    (found,) = await service.letters.find()
    assert found.reason == "unknown (sidecar)"
    assert await service.letters.envelope(found.id)


async def test_data_that_is_not_of_the_model_is_masked_by_name(service: Collecting, serving: Serving) -> None:
    misfit = {"id": "x", "email": "eve@example.org", "more": [{"email": 7}]}
    async with serving(service.app, service.board) as client:
        await deliver(
            client, letter(1, data=misfit, deadletterreason="data.id: not a number eve@example.org")
        )
        await deliver(client, letter(2, topic="x", deadletterorigin="//a/pubsub/x#/x"))
    first, second = await service.letters.find()
    assert json.loads(first.data or "") == {"id": "x", "email": "***", "more": [{"email": "***"}]}
    assert first.reason == "data.id: not a number ***"
    assert second.data is None, "nobody here knows what of it is sensitive"


async def test_nothing_is_acknowledged_that_is_not_kept(
    service: Collecting, engine: Engine, serving: Serving
) -> None:
    service.metadata.drop_all(engine)
    async with serving(service.app, service.board) as client:
        assert await deliver(client, letter(1)) == RETRY
        service.prepare(engine)
        assert await deliver(client, letter(1)) == SUCCESS
    assert await service.letters.count() == 1


async def test_groups_are_of_a_handler_an_error_and_a_message(service: Collecting, serving: Serving) -> None:
    async with serving(service.app, service.board) as client:
        for number in range(5):
            await deliver(client, letter(number))
        await deliver(client, letter(8, deadlettererror="OSError"))
        await deliver(client, letter(9, deadletterorigin="//billing/pubsub/orders#/orders"))
    groups = await service.letters.groups()
    assert (groups[0].count, groups[0].error, groups[0].app_id) == (5, "Drop", "shop")
    assert len(groups) == 3
    assert groups[0].pattern == "order <n> of *** is unknown"
    assert await service.letters.count(group=groups[0].group) == 5
    assert (groups[0].handler, groups[0].topic, groups[0].example) == ("shop/orders", "orders", "1")


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        ({}, [1, 2, 3]),
        ({"ids": ["2"]}, [2]),
        ({"ids": []}, []),
        ({"ids": ["p2"]}, []),
        ({"topic": "bills"}, [3]),
        ({"topic": "orders-dead"}, [1, 2, 3]),
        ({"app_id": "billing"}, [2]),
        ({"reason": "UNKNOWN"}, [1, 2]),
        ({"reason": "%"}, [3]),
        ({"text": "o-2"}, [2]),
        ({"text": "zoë"}, [3]),
        ({"text": "50%_\\"}, [3]),
        ({"text": "nowhere"}, []),
        ({"since": datetime(2026, 2, 1, tzinfo=UTC)}, [2]),
        ({"until": datetime(2026, 2, 1, tzinfo=UTC)}, [1, 3]),
        ({"state": "replayed"}, []),
        ({"state": None, "topic": "orders"}, [1, 2]),
    ],
)
async def test_letters_are_chosen(
    service: Collecting, serving: Serving, selection: dict[str, Any], found: list[int]
) -> None:
    async with serving(service.app, service.board) as client:
        await deliver(client, letter(1))
        await deliver(
            client,
            letter(2, deadletterorigin="//billing/pubsub/orders#/x", deadlettertime="2026-03-01T00:00:00Z"),
        )
        data = {"name": "Zoë", "said": "50%_\\ zoë"}
        third = letter(3, data=data, deadletterorigin="//shop/pubsub/bills#/b", deadletterreason="100% wrong")
        await deliver(client, third)
    got = await service.letters.find(**selection)
    assert [int(each.id) for each in got] == found
    assert await service.letters.count(**selection) == len(found)


async def test_pages_follow_each_other(service: Collecting, serving: Serving) -> None:
    async with serving(service.app, service.board) as client:
        for number in range(5):
            await deliver(client, letter(number))
    first = await service.letters.find(2)
    second = await service.letters.find(2, after=first[-1].id)
    assert [each.id for each in (*first, *second)] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    "selection",
    [
        {"ids": ["x"]},
        {"ids": ["-1"]},
        {"ids": ["9" * 30]},
        {"state": "lost"},
        {"since": datetime(2026, 1, 1)},
    ],
)
async def test_a_selection_that_is_none_is_refused(service: Collecting, selection: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no id|no state|no time zone"):
        await service.letters.find(**selection)


async def test_a_replay_is_the_event_for_the_app_that_failed(
    service: Collecting, serving: Serving, exchange: ScriptedExchange
) -> None:
    async with serving(service.app, service.board) as client:
        await deliver(client, letter(1, expiration="2026-01-02T03:04:06Z"))
        report = await service.letters.replay(ids=["1"])
    assert (report.found, report.replayed, list(report.refused)) == (1, 1, [])
    (event,) = exchange.events
    expected = {name: value for name, value in letter(1).items() if not name.startswith("deadletter")}
    assert event == {**expected, "replayto": "shop", "replayid": event["replayid"]}
    assert exchange.topics == ["orders"]
    assert exchange.query() == {"metadata.partitionKey": "k-1"}
    assert exchange.requests[0].headers["traceparent"] == letter(1)["traceparent"]
    (found,) = await service.letters.find(state="replayed")
    assert found.replayed_at is not None


async def test_a_second_run_does_nothing_twice(
    service: Collecting, serving: Serving, exchange: ScriptedExchange
) -> None:
    async with serving(service.app, service.board) as client:
        for number in range(5):
            await deliver(client, letter(number))
        one, other = await asyncio.gather(
            service.letters.replay(everything=True), service.letters.replay(everything=True)
        )
        third = await service.letters.replay(everything=True)
        assert (await deliver(client, letter(0))) == SUCCESS  # which came late
    assert one.replayed + other.replayed == 5
    assert third.replayed == third.found == 0
    assert sorted(event["id"] for event in exchange.events) == [f"o-{number}" for number in range(5)]
    assert await service.letters.count() == 0


async def test_what_fails_again_waits_again(
    service: Collecting, serving: Serving, exchange: ScriptedExchange
) -> None:
    async with serving(service.app, service.board) as client:
        await deliver(client, letter(1))
        await service.letters.replay(ids=["1"])
        (event,) = exchange.events
        await deliver(client, event, "/orders")  # to the handler, which drops it
        failed = exchange.events[-1]
        await deliver(client, failed)
        await deliver(client, letter(1))  # the first one again, late
    (found,) = await service.letters.find()
    assert failed["replayid"] == event["replayid"]
    assert (found.id, found.failures, found.state) == ("1", 2, "waiting")


async def test_a_letter_of_a_sidecar_that_fails_again_waits_again(
    service: Collecting, serving: Serving, exchange: ScriptedExchange
) -> None:
    plain = {name: value for name, value in letter(1).items() if not name.startswith("dead")}
    async with serving(service.app, service.board) as client:
        await deliver(client, plain)
        await service.letters.replay(ids=["1"], app="shop")
        (event,) = exchange.events
        await deliver(client, plain)
        assert await service.letters.count() == 0
        await deliver(client, event)
    (found,) = await service.letters.find()
    assert found.failures == 2


async def test_who_it_is_for_is_asked_where_nobody_knows(
    service: Collecting, serving: Serving, exchange: ScriptedExchange
) -> None:
    plain = {name: value for name, value in letter(1).items() if not name.startswith("dead")}
    nowhere = {name: value for name, value in plain.items() if name != "topic"}
    async with serving(service.app, service.board) as client:
        await deliver(client, plain)
        await deliver(client, {**nowhere, "id": "lost"})
        report = await service.letters.replay(everything=True)
        assert [each.reason.partition(":")[0] for each in report.refused] == [
            "its sidecar wrote it, and nobody knows which app has failed",
            "the topic that it came from is not known",
        ]
        planned = await service.letters.replay(everything=True, everybody=True, dry_run=True)
        assert (planned.replayed, len(planned.refused)) == (1, 1)
        assert exchange.events == []
        await service.letters.replay(ids=["1"], everybody=True)
        await service.letters.replay(ids=["2"], to="elsewhere")
    assert all("replayto" not in event for event in exchange.events)
    assert exchange.topics == ["orders", "elsewhere"]
    with pytest.raises(ValueError, match="one app, or for everybody"):
        await service.letters.replay(ids=["1"], everybody=True, app="shop")
    with pytest.raises(InvalidName):
        await service.letters.replay(ids=["1"], to="a||b")


async def test_other_data_stands_in_the_place_of_its_own(
    service: Collecting, serving: Serving, exchange: ScriptedExchange
) -> None:
    async with serving(service.app, service.board) as client:
        await deliver(client, letter(1))
        await deliver(client, letter(2, deadlettersize=2_000_000, data_base64="AA=="))
        with pytest.raises(InvalidEventData, match=r"data\.id"):
            await service.letters.replay(ids=["1"], data={"id": "x"})
        with pytest.raises(ValueError, match="for one letter, and 2 are meant"):
            await service.letters.replay(everything=True, data={"id": 8})
        await service.letters.replay(ids=["1"], data={"id": 8})
        report = await service.letters.replay(ids=["2"])
        assert "the rest of its data is gone" in report.refused[0].reason
        await service.letters.replay(ids=["2"], data={"id": 9})
    assert [event["data"] for event in exchange.events] == [{"id": 8}, {"id": 9}]
    assert all("data_base64" not in event for event in exchange.events)


async def test_other_data_for_a_letter_that_somebody_else_takes_just_then_says_so(
    service: Collecting, serving: Serving, exchange: ScriptedExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def taken(*_: object) -> list[Letter]:
        return []

    async with serving(service.app, service.board) as client:
        await deliver(client, letter(1))
        monkeypatch.setattr(SqlLetterStore, "find", taken)
        with pytest.raises(ValueError, match="for one letter, and 0 are meant"):
            await service.letters.replay(ids=["1"], data={"id": 8})
    assert exchange.events == []


async def test_all_have_to_be_named(service: Collecting) -> None:
    for call in (service.letters.replay, service.letters.drop):
        with pytest.raises(ValueError, match="everything=True"):
            await call()


async def test_progress_is_told_and_a_limit_kept(
    service: Collecting, serving: Serving, exchange: ScriptedExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outboard.kit.deadletters.replay.BATCH", 2)
    told: list[tuple[int, int]] = []
    async with serving(service.app, service.board) as client:
        for number in range(5):
            await deliver(client, letter(number))
        report = await service.letters.replay(
            topic="orders", limit=3, progress=lambda done, of: told.append((done, of))
        )
    assert (report.found, report.replayed) == (5, 3)
    assert told == [(2, 5), (3, 5)]
    assert [event["id"] for event in exchange.events] == ["o-0", "o-1", "o-2"]


async def test_what_the_sidecar_refuses_waits_and_says_why(
    service: Collecting, serving: Serving, exchange: ScriptedExchange
) -> None:
    async with serving(service.app, service.board) as client:
        await deliver(client, letter(1))
        exchange.answers.append(REFUSED)
        report = await service.letters.replay(ids=["1"])
    assert report.replayed == 0
    (found,) = await service.letters.find()
    assert found.replay_error == report.refused[0].reason != ""


async def test_a_letter_of_a_retired_topic_waits_until_it_is_sent_to_another_one(
    service: Collecting, serving: Serving, exchange: ScriptedExchange
) -> None:
    async with serving(service.app, service.board) as client:
        await deliver(client, letter(1))
        exchange.answers.append(GONE)
        report = await service.letters.replay(everything=True)
        assert (report.replayed, report.stopped) == (0, "")
        assert "has no pub/sub component" in report.refused[0].reason
        assert (await service.letters.replay(everything=True, to="orders-of-today")).replayed == 1
    assert exchange.topics[-1] == "orders-of-today"
    assert await service.letters.count() == 0


async def test_without_a_sidecar_it_stops_and_nothing_is_lost(
    service: Collecting, serving: Serving, exchange: ScriptedExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outboard.kit.deadletters.replay.BATCH", 2)
    async with serving(service.app, service.board) as client:
        for number in range(5):
            await deliver(client, letter(number))
        exchange.answers.extend([ExchangeFailed("refused", sent=False)] * 100)
        report = await service.letters.replay(everything=True, timeout=0.1)
        assert report.stopped and report.replayed == 0
        assert await service.letters.count() == 5
        exchange.answers.clear()
        assert (await service.letters.replay(everything=True)).replayed == 5


async def test_what_a_killed_run_had_taken_comes_again(
    service: Collecting, engine: Engine, serving: Serving, exchange: ScriptedExchange
) -> None:
    async with serving(service.app, service.board) as client:
        await deliver(client, letter(1))
        service.change(engine, state="replaying", replay_id="r", claimed_until=2**50)
        assert (await service.letters.replay(everything=True)).replayed == 0
        service.change(engine, claimed_until=1)
        assert (await service.letters.replay(everything=True)).replayed == 1


async def test_what_the_database_does_not_let_note_is_noted_soon(
    service: Collecting,
    serving: Serving,
    exchange: ScriptedExchange,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A minute later anybody could publish the letters once more."""
    finish, failures = SqlLetterStore.finish, [DeadLettersUnavailable("note", "locked") for _ in range(2)]

    async def busy(store: SqlLetterStore, replay_id: str, ends: Sequence[ReplayEnd]) -> None:
        if failures:
            raise failures.pop()
        await finish(store, replay_id, ends)

    monkeypatch.setattr(SqlLetterStore, "finish", busy)
    async with serving(service.app, service.board) as client:
        await deliver(client, letter(1))
        assert (await service.letters.replay(everything=True)).replayed == 1
        clock.seconds += 90
        assert (await service.letters.replay(everything=True)).replayed == 0
    assert len(exchange.events) == 1
    assert await service.letters.count(state="replayed") == 1
    assert 0 < sum(clock.slept) < 10


async def test_what_the_database_never_lets_note_is_told_of(
    service: Collecting, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(store: SqlLetterStore, replay_id: str, ends: Sequence[ReplayEnd]) -> None:
        raise DeadLettersUnavailable("note what was replayed", "locked")

    async with serving(service.app, service.board) as client:
        await deliver(client, letter(1))
        monkeypatch.setattr(SqlLetterStore, "finish", away)
        with pytest.raises(DeadLettersUnavailable, match="note what was replayed"):
            await service.letters.replay(everything=True)


async def test_a_run_that_is_cancelled_notes_what_it_knows(
    service: Collecting, serving: Serving, exchange: ScriptedExchange
) -> None:
    hangs = asyncio.Event()

    async def slow(request: Any, timeout: float | None) -> Response:
        hangs.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(service.app, service.board) as client:
        await deliver(client, letter(1))
    async with service.board.connected(exchange=slow):
        task = asyncio.create_task(service.letters.replay(everything=True))
        await hangs.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (found,) = await service.letters.find(state="replaying")
        assert found.event_id == "o-1"


async def test_a_letter_that_was_dropped_can_be_brought_back(
    service: Collecting, serving: Serving, exchange: ScriptedExchange
) -> None:
    async with serving(service.app, service.board) as client:
        for number in range(3):
            await deliver(client, letter(number))
        assert await service.letters.drop(ids=["1", "2"], dry_run=True) == 2
        assert await service.letters.drop(ids=["1", "2"]) == 2
        assert await service.letters.drop(ids=["1", "2"]) == 0
        await deliver(client, letter(0))
        assert await service.letters.count() == 1
        assert (await service.letters.replay(ids=["1"])).replayed == 0
        assert (await service.letters.replay(ids=["1"], state="dropped")).replayed == 1
        assert (await service.letters.replay(ids=["1"], state="replayed")).replayed == 1
    assert [event["id"] for event in exchange.events] == ["o-0", "o-0"]


async def test_what_is_old_goes(services: tuple[Callable[..., Collecting], Engine], serving: Serving) -> None:
    make, engine = services
    service = make(keep=timedelta(days=2), expire=timedelta(days=5))
    patient = make(keep=timedelta(days=2))
    async with serving(service.app, service.board) as client:
        await deliver(client, letter(1))
        await deliver(client, letter(2))
        await service.letters.drop(ids=["1"])
        assert await service.letters.expire() == 0
        service.change(engine, collected_at=1)
        assert await patient.letters.expire() == 0
        assert await service.letters.expire() == 1  # which waited
        service.change(engine, settled_at=1)
        assert await patient.letters.expire() == 1


async def test_old_letters_go_as_new_ones_come(
    services: tuple[Callable[..., Collecting], Engine], serving: Serving, clock: FakeClock
) -> None:
    service = services[0]()
    async with serving(service.app, service.board) as client:
        await deliver(client, letter(1))
        await service.letters.drop(ids=["1"])
        service.change(services[1], settled_at=1)
        await deliver(client, letter(2))
        assert await service.letters.count(state=None) == 2
        clock.seconds += 61
        await deliver(client, letter(3))
    assert [each.event_id for each in await service.letters.find(state=None)] == ["o-2", "o-3"]


async def test_a_database_that_is_away_is_told_of(service: Collecting, engine: Engine) -> None:
    service.metadata.drop_all(engine)
    with pytest.raises(DeadLettersUnavailable, match=r"letters\.create_tables"):
        await service.letters.find()


@pytest.mark.parametrize(
    "options", [{"keep": 5}, {"keep": timedelta(0)}, {"expire": "1d"}, {"topics": "orders-dead"}]
)
async def test_arguments_that_are_none_are_refused(
    services: tuple[Callable[..., Collecting], Engine], options: dict[str, Any]
) -> None:
    with pytest.raises(TypeError, match=next(iter(options))):
        services[0](**options)


async def test_two_who_collect_one_topic_are_refused(service: Collecting, serving: Serving) -> None:
    service.board.topic("orders-dead", dead_letter=None).subscribe("/mine")(_nothing)
    with pytest.raises(DuplicateSubscription, match=r"board\.dead_letters .*letters\.py"):
        async with serving(service.app, service.board):
            pass


async def test_what_is_collected_is_told_in_the_log(
    service: Collecting, serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "outboard.deadletters"):
        async with serving(service.app, service.board) as client:
            await deliver(client, letter(1))
            await deliver(client, letter(1))
    assert [record.message for record in caplog.records if record.name == "outboard.deadletters"] == [
        "event 'o-1' of topic 'orders' is a dead letter of shop: order 1 of *** is unknown"
    ]
