"""What the page *Apps* says of an app: whether it is well, what it takes, and whether it can be restarted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from outboard.dashboard.views.app_state import AppOfRun, AppState
from outboard.dashboard.views.apps_page import AppCard, app_cards, why_no_restart
from outboard.dashboard.views.feed import EventFeed
from outboard.dashboard.views.publish_form import publish_form
from outboard.dashboard.views.rows import RowState
from outboard.hops.record import HopKind
from outboard.live.wiring import AppWiring
from outboard.wire.subscriptions import Rule, Subscription
from support.dashboard import hop

APP = AppOfRun(
    "api", "1", "live", "outboard", datetime.now(UTC), app_port=8000, http_port=3500, grpc_port=50001, pid=7
)
RULES = (Rule("/created", 'event.type == "task.created"'), Rule("/any", ""))
WIRING = AppWiring(
    "api", {"pubsub": "pubsub.sqlite"}, (Subscription("pubsub", "orders", RULES, "dead"),), runs=True
)


def state(**changed: object) -> AppState:
    made = AppState(WIRING, "http://127.0.0.1:3500", "", APP, listening=True)
    return replace(made, **changed)  # type: ignore[arg-type]


def card(**changed: object) -> AppCard:
    (found,) = app_cards([state(**changed)])
    return found


def test_an_app_that_is_well_shows_its_ports_and_what_it_takes() -> None:
    found = card()
    assert (found.app_id, found.state, found.word, found.no_restart) == ("api", RowState.WELL, "well", "")
    assert found.ports == [("app (http)", "8000"), ("sidecar, HTTP", "3500"), ("sidecar, gRPC", "50001")]
    (row,) = found.subscriptions
    assert row.rules == [('event.type == "task.created"', "/created"), ("", "/any")]
    assert (row.topic, row.pubsub, row.dead_letters, row.problem) == ("orders", "pubsub", "dead", "")
    assert row.publish == "/apps/publish?app=api&pubsub=pubsub&topic=orders"


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"listening": False}, "app does not listen port 8000"),
        ({"unhealthy": "it answers HTTP 500"}, "sidecar not well it answers HTTP 500"),
        ({"app": replace(APP, pid=0, exit_code=3)}, "process ended exit code 3"),
    ],
)
def test_what_is_not_well_says_so(changed: dict[str, object], line: str) -> None:
    found = card(**changed)
    assert (found.state, found.word) == (RowState.FAILED, "not well")
    assert line in [f"{each.name} {each.word} {each.text}" for each in found.health]


def test_an_app_that_somebody_else_starts_is_waited_for() -> None:
    found = card(app=replace(APP, attached=True, pid=0), listening=False)
    assert (found.state, found.word) == (RowState.WAITING, "not ready")
    assert "Somebody else starts it" in found.no_restart


@pytest.mark.parametrize(
    ("code", "word"), [(None, "died"), (0, "ended with exit code 0"), (3, "ended with exit code 3")]
)
def test_an_app_of_a_past_run_says_how_it_ended(code: int | None, word: str) -> None:
    found = card(app=replace(APP, run_state="died", exit_code=code))
    assert (found.word, found.health, found.no_restart) == (word, [], "Its run is over.")
    assert (found.state is RowState.FAILED) is bool(code)


def test_a_subscription_without_its_component_says_what_is_missing() -> None:
    found = card(wiring=replace(WIRING, components={"other": "pubsub.redis"}))
    assert "no pub/sub component 'pubsub'" in found.subscriptions[0].problem


def test_a_sidecar_that_no_run_has_started_says_what_cannot_be_seen_of_it() -> None:
    found = card(app=None, listening=None)
    assert "was not started by `outboard run`" in found.no_restart
    assert ("started by", "somebody else") in found.facts
    assert found.ports == [("sidecar", "http://127.0.0.1:3500")]
    assert found.logs == ""
    assert len(found.blind) == 2


@pytest.mark.parametrize(
    ("app", "may"),
    [
        (APP, True),
        (replace(APP, pid=0), False),
        (replace(APP, pid=0, reload=True), True),  # it ended, and waits for a change of its files
        (replace(APP, attached=True), False),
    ],
)
def test_only_what_the_run_has_started_can_be_restarted(app: AppOfRun, may: bool) -> None:
    assert (why_no_restart(state(app=app)) == "") is may


def test_a_form_begins_with_the_last_data_and_the_types_of_the_rules() -> None:
    feed = EventFeed()
    feed.add([
        hop(HopKind.STORED, "e1", data='{"n": 1}', at=1.0),
        hop(HopKind.STORED, "e2", data='{"n": 2}', at=2.0),
        hop(HopKind.STORED, "e3", data='{"n": "cut off', at=3.0),
        hop(HopKind.STORED, "e4", data='{"n": 4}', topic="others", at=4.0),
    ])  # fmt: skip
    asked = {"app": "api", "pubsub": "pubsub", "topic": "orders"}
    form = publish_form(asked, [WIRING], feed)
    assert (form.data, form.is_last) == ('{\n  "n": 2\n}', True)
    assert form.types == ["task.created"]
    assert form.rules == [('event.type == "task.created"', "/created"), ("", "/any")]
    nothing = publish_form({**asked, "topic": "unknown"}, [WIRING], feed)
    assert (nothing.data, nothing.is_last, nothing.types, nothing.rules) == ("{}", False, [], [])
