"""The subscriptions: what the app answers at `/dapr/subscribe` now, and what its sidecar has of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from difflib import SequenceMatcher
from typing import Final

from outboard.doctor import commands
from outboard.doctor.checks.broker import taken_topics
from outboard.doctor.checks.components import told_of
from outboard.doctor.evidence import AppSeen, Evidence, PublishedSeen, SubscriptionSeen
from outboard.doctor.results import CheckResult, ManualCommand, Status
from outboard.hops.takers import Taker, nearest

__all__ = [
    "subscribe_answers",
    "subscription_allowed",
    "subscription_component",
    "subscription_registered",
    "subscription_twice",
    "topic_taken",
]

NOT_FOUND: Final = 404
SLIP: Final = 0.85
"""How alike two names of topics are of which one is meant, and the other was written."""
REFUSED: Final = frozenset({401, 403})


def subscribe_answers(seen: Evidence) -> Iterator[CheckResult]:
    """The app is asked as its sidecar asks it, once, at the start."""
    title = "the app says what it subscribes to"
    for app in seen.apps:
        if not app.app_port or (not app.subscribe.status and not app.unasked):
            continue
        if app.unasked:
            yield CheckResult("subscribe-answers", title, app.app_id, Status.UNKNOWN, (app.unasked,))
            continue
        answer = app.subscribe
        evidence: tuple[str, ...] = ()
        fix, status = "", Status.PASSED
        if answer.status == NOT_FOUND:
            answered = f"does not implement {app.subscriptions_at}" if app.over_grpc else "answers 404"
            evidence = (f"it {answered}: it subscribes to nothing by itself",)
            if not app.in_files and not _anybody(seen):
                status = Status.WARNING
                fix = f"If it should take events: {_way_to_subscribe(app)}"
        elif not answer.ok:
            told = answer.body if app.over_grpc else answer
            status, evidence = Status.FAILED, (f"at {app.subscriptions_at} it answers {told}",)
            fix = "See its log" if app.over_grpc else _advice(answer.status)
        elif app.subscribe_problem:
            status = Status.FAILED
            evidence = (f"its answer cannot be used, so that none of it counts: {app.subscribe_problem}",)
            fix = "Answer a JSON array of objects with `pubsubname`, `topic` and `route` (or `routes`)"
        yield CheckResult("subscribe-answers", title, app.app_id, status, evidence, fix, _command(app))


def subscription_component(seen: Evidence) -> Iterator[CheckResult]:
    """The component of each subscription is one that the sidecar has."""
    for app in seen.apps:
        metadata = app.sidecar.metadata
        if metadata is None or not app.wanted:
            continue
        title = "the component of each subscription is loaded"
        wrong = [each for each in app.wanted if each.pubsub not in metadata.loaded]
        if not wrong:
            yield CheckResult("subscription-component", title, app.app_id, Status.PASSED)
        for each in wrong:
            loaded = ", ".join(sorted(metadata.loaded)) or "none"
            reasons = [f"it is left out: {m.reason}" for m in app.missing if m.name == each.pubsub]
            evidence = (
                f"it subscribes to '{each.topic}' of '{each.pubsub}'; loaded are: {loaded}",
                *reasons,
                *(problem for problem, _ in app.file_problems),
                *told_of(app, each.pubsub),
            )
            fix = (
                "Correct the name (DAPR_PUBSUB_NAME, `pubsub=`, `pubsubname`), or the component's `scopes` "
                "and namespace, or put its file into the folder of resources"
            )
            yield CheckResult(
                "subscription-component",
                title,
                app.app_id,
                Status.FAILED,
                evidence,
                fix,
                commands.ask(f"{app.sidecar_address}/v1.0/metadata"),
            )


def subscription_allowed(seen: Evidence) -> Iterator[CheckResult]:
    """The scopes of the component let the app subscribe."""
    title = "the component's scopes let it subscribe"
    for app in seen.apps:
        refused = [(each.name, topic) for each in app.declared for topic in each.refused]
        if app.wanted and not refused:
            yield CheckResult("subscription-allowed", title, app.app_id, Status.PASSED)
        for name, topic in refused:
            evidence = (f"'{name}' does not let it subscribe to '{topic}'", *told_of(app, topic))
            fix = "Correct `subscriptionScopes`, `allowedTopics` or `protectedTopics` of the component"
            yield CheckResult("subscription-allowed", title, app.app_id, Status.FAILED, evidence, fix)


def subscription_registered(seen: Evidence) -> Iterator[CheckResult]:
    """What the app wants now is what its sidecar has: it was asked once."""
    title = "its sidecar knows the subscriptions that it has now"
    for app in seen.apps:
        metadata = app.sidecar.metadata
        if metadata is None or not app.wanted:
            continue
        known = {each.target: each for each in metadata.subscriptions}
        refused = {(each.name, topic) for each in app.declared for topic in each.refused}
        possible = [
            each for each in app.wanted if each.pubsub in metadata.loaded and each.target not in refused
        ]
        wrong = [text for each in possible if (text := _difference(each, known.get(each.target)))]
        if not wrong:
            yield CheckResult("subscription-registered", title, app.app_id, Status.PASSED)
            continue
        yield CheckResult(
            "subscription-registered",
            title,
            app.app_id,
            Status.FAILED,
            tuple(wrong),
            "Start the sidecar anew: it asks an app for its subscriptions only at its own start",
            _command(app),
        )


def subscription_twice(seen: Evidence) -> Iterator[CheckResult]:
    """A topic that both a file and the app name: only one counts."""
    title = "no topic is subscribed to in a file and in code"
    for app in seen.apps:
        own = {each.target for each in app.subscribed}
        twice = [each for each in app.in_files if each.target in own]
        evidence = tuple(
            f"'{each.topic}' of '{each.pubsub}' is subscribed to in {each.source} and by the app itself: "
            "only the latter counts"
            for each in twice
        )
        fix = "Remove one of the two" if twice else ""
        status = Status.WARNING if twice else Status.PASSED
        if app.wanted:
            yield CheckResult("subscription-twice", title, app.app_id, status, evidence, fix)


def topic_taken(seen: Evidence) -> Iterator[CheckResult]:
    """Somebody takes each topic that is published to, as far as the record of hops goes."""
    title = "somebody takes what is published"
    takers = [Taker(app.app_id, each.pubsub, each.topic) for app in seen.apps for each in app.wanted]
    started = {app.app_id: app.process.started for app in seen.apps}
    taken = taken_topics(seen)
    untaken = [
        each
        for each in seen.published
        if each.topic not in taken
        and not _is_of_before(each, started.get(each.app_id))
        and not _is_of_outbox(each)
    ]
    if seen.published and not untaken:
        yield CheckResult("topic-taken", title, "", Status.PASSED)
    for each in untaken:
        near = any(
            SequenceMatcher(None, each.topic, taker.topic).ratio() >= SLIP
            for taker in takers
            if taker.pubsub == each.pubsub
        )
        hint = nearest(each.pubsub, each.topic, takers)
        evidence = f"no app here takes '{each.topic}' of '{each.pubsub}', to which it has published. {hint}"
        fix = "Write the topic alike where it is published and where it is taken"
        status = Status.FAILED if near else Status.WARNING
        yield CheckResult("topic-taken", title, each.app_id, status, (evidence.rstrip(),), fix)


def _is_of_before(published: PublishedSeen, started: datetime | None) -> bool:
    """Whether the app has been started anew since: it may have been mended."""
    return started is not None and published.at < started


def _is_of_outbox(published: PublishedSeen) -> bool:
    """Whether it is the topic by which a sidecar tells itself of a transaction: its name ends so."""
    return published.topic.endswith("outbox") and published.app_id in published.topic


def _difference(wanted: SubscriptionSeen, known: SubscriptionSeen | None) -> str:
    what = f"'{wanted.topic}' of '{wanted.pubsub}'"
    if known is None:
        return f"the app subscribes to {what}, which its sidecar does not know"
    if {path for _, path in wanted.rules} != {path for _, path in known.rules}:
        return f"events of {what} go to {_paths(known)}, and the app takes them at {_paths(wanted)}"
    return ""


def _paths(subscription: SubscriptionSeen) -> str:
    return ", ".join(path for _, path in subscription.rules) or "no route"


def _anybody(seen: Evidence) -> bool:
    return any(app.wanted for app in seen.apps)


def _advice(status: int) -> str:
    if status in REFUSED:
        return "The app asks for another APP_API_TOKEN than its sidecar sends: set the same for both"
    return "Answer GET /dapr/subscribe with 200 and a JSON array; redirects are not followed"


def _way_to_subscribe(app: AppSeen) -> str:
    return "implement it" if app.over_grpc else "`board.mount(app)`, or a route GET /dapr/subscribe"


def _command(app: AppSeen) -> ManualCommand | None:
    """No program that everybody has asks over gRPC."""
    if app.over_grpc:
        return None
    return commands.ask(f"{app.app_address}/dapr/subscribe", "APP_API_TOKEN" if app.needs_app_token else "")
