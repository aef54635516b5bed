"""Each app as the page *Apps* shows it: whether it is well, its ports, and what it subscribes to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from outboard.dashboard.views.app_state import AppState
from outboard.dashboard.views.rows import RowState
from outboard.live.routing import RouteOutcome, answers
from outboard.live.wiring import AppWiring
from outboard.wire.subscriptions import Subscription

__all__ = ["AppCard", "HealthLine", "SubscriptionRow", "app_cards", "why_no_restart"]


class HealthLine(NamedTuple):
    """One thing that has to be so: `word` says whether it is, `text` what was seen."""

    name: str
    state: RowState
    word: str
    text: str


class SubscriptionRow(NamedTuple):
    """`rules` are pairs of a condition, empty for every other event, and the path that it leads to.

    `problem` says why nothing comes of it. `publish` is the address of the form, `events` that of its events.
    """

    topic: str
    pubsub: str
    rules: Sequence[tuple[str, str]]
    dead_letters: str
    problem: str
    publish: str
    events: str


@dataclass(frozen=True, slots=True)
class AppCard:
    """`ports` and `facts` are names with values; `no_restart` says why it cannot be started anew from here,
    empty where it can. `blind` are sentences on what cannot be seen of it.
    """

    app_id: str
    run_id: str
    state: RowState
    word: str
    health: Sequence[HealthLine]
    ports: Sequence[tuple[str, str]]
    facts: Sequence[tuple[str, str]]
    subscriptions: Sequence[SubscriptionRow]
    remark: str
    no_restart: str
    logs: str
    blind: Sequence[str]


def app_cards(states: Sequence[AppState]) -> list[AppCard]:
    """In the order of the runs."""
    return [_card(each) for each in states]


def why_no_restart(state: AppState) -> str:
    """A sentence; empty where its run can start it anew."""
    if state.app is None:
        return "It was not started by `outboard run`, so it can only be restarted where it was started."
    if state.app.is_past:
        return "Its run is over."
    if state.app.attached:
        return "Somebody else starts it (`--attach`), so it can only be restarted there."
    if not state.app.pid and not state.app.reload:
        return "Its run has no process of it."
    return ""


def _card(state: AppState) -> AppCard:
    app, wiring = state.app, state.wiring
    health = list(_health(state))
    row_state, word = _verdict(state, health)
    return AppCard(
        wiring.app_id,
        app.run_id if app else "",
        row_state,
        word,
        health,
        list(_ports(state)),
        list(_facts(state)),
        [_subscription(each, wiring) for each in wiring.subscriptions],
        "" if app is not None and app.is_past else wiring.remark,
        why_no_restart(state),
        f"/apps/logs?{urlencode({'app': app.app_id})}" if app else "",
        _blind(state),
    )


def _verdict(state: AppState, health: Sequence[HealthLine]) -> tuple[RowState, str]:
    app = state.app
    if app is not None and app.is_past:
        code = app.exit_code
        ended = app.run_state if code is None else f"ended with exit code {code}"
        return RowState.FAILED if code else RowState.WAITING, ended
    wrong = [line for line in health if line.state is RowState.FAILED]
    waits = [line for line in health if line.state is RowState.WAITING]
    if wrong:
        return RowState.FAILED, "not well"
    return (RowState.WAITING, "not ready") if waits else (RowState.WELL, "well")


def _health(state: AppState) -> Iterator[HealthLine]:
    app = state.app
    if app is not None and app.is_past:
        return
    if app is not None and (app.pid or app.exit_code is not None):
        if app.pid:
            yield HealthLine("process", RowState.WELL, "runs", f"process {app.pid}")
        else:
            failed = RowState.FAILED if app.exit_code else RowState.WAITING
            yield HealthLine("process", failed, "ended", f"exit code {app.exit_code}")
    if app is not None and state.listening is not None:
        where = f"port {app.app_port}"
        if state.listening:
            yield HealthLine("app", RowState.WELL, "listens", where)
        else:
            waits = RowState.WAITING if app.attached else RowState.FAILED
            yield HealthLine("app", waits, "does not listen", where)
    if state.unhealthy:
        yield HealthLine("sidecar", RowState.FAILED, "not well", state.unhealthy)
    else:
        yield HealthLine("sidecar", RowState.WELL, "well", state.endpoint)


def _ports(state: AppState) -> Iterator[tuple[str, str]]:
    app = state.app
    if app is None:
        yield "sidecar", state.endpoint
        return
    named = (
        (f"app ({app.protocol})", app.app_port),
        ("sidecar, HTTP", app.http_port),
        ("sidecar, gRPC", app.grpc_port),
        ("metrics", app.metrics_port),
    )
    yield from ((name, str(port)) for name, port in named if port)


def _facts(state: AppState) -> Iterator[tuple[str, str]]:
    app = state.app
    if app is None:
        yield "started by", "somebody else"
    else:
        yield "engine", app.engine
        yield "started", f"{app.started.astimezone():%Y-%m-%d %H:%M:%S}"
        yield "folder", app.directory
        how = [word for word, is_so in (("reload", app.reload), ("attached", app.attached)) if is_so]
        if how:
            yield "how", ", ".join(how)
    if state.wiring.components:
        yield "components", ", ".join(state.wiring.components)


def _subscription(each: Subscription, wiring: AppWiring) -> SubscriptionRow:
    found = answers([wiring], each.pubsub_name, each.topic)
    problem = next((answer.reason for answer in found if answer.outcome is RouteOutcome.NOT), "")
    where = {"app": wiring.app_id, "pubsub": each.pubsub_name, "topic": each.topic}
    return SubscriptionRow(
        each.topic,
        each.pubsub_name,
        [(rule.match.strip(), rule.path) for rule in each.rules],
        each.dead_letter_topic,
        problem,
        f"/apps/publish?{urlencode(where)}",
        f"/events?{urlencode({'topic': each.topic, 'app': wiring.app_id})}",
    )


def _blind(state: AppState) -> list[str]:
    """What only a run could tell of it."""
    if state.app is not None:
        return []
    return [
        "Its process, its port and its log are not known: only a run writes them down.",
        "Of its events only what is in the record shows: OUTBOARD_HOPS of an app with the kit, "
        "or of a sidecar of Outboard, names where; --record reads it.",
    ]
