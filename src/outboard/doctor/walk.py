"""The walk along the way of an event: hop by hop, to the first that is broken. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from outboard.doctor.checks import (
    app,
    broker,
    canary,
    components,
    group,
    outcomes,
    progress,
    routes,
    sidecar,
    subscriptions,
)
from outboard.doctor.evidence import Evidence
from outboard.doctor.results import CategoryResult, CheckResult, Diagnosis, Status

__all__ = ["CATEGORIES", "Category", "diagnose"]

Check: TypeAlias = Callable[[Evidence], Iterable[CheckResult]]


@dataclass(frozen=True, slots=True)
class Category:
    """A hop, and what is asked of it. All its checks are made, also where one of them has failed."""

    name: str
    checks: tuple[Check, ...]


CATEGORIES: Final = (
    Category("the run", (app.run_alive,)),
    Category("the app", (app.app_process, app.app_port, app.app_listening, app.app_answers, app.app_healthy)),
    Category(
        "the sidecar",
        (
            sidecar.sidecar_answers, sidecar.sidecar_identity, sidecar.sidecar_token, sidecar.sidecar_version,
            sidecar.sidecar_ready, sidecar.sidecar_exposed,
        ),
    ),
    Category(
        "the components",
        (
            components.component_files, components.component_loaded, components.component_left_out,
            components.component_stale,
        ),
    ),
    Category(
        "the subscriptions",
        (
            subscriptions.subscribe_answers, subscriptions.subscription_component,
            subscriptions.subscription_allowed, subscriptions.subscription_registered,
            subscriptions.subscription_twice, subscriptions.topic_taken,
        ),
    ),
    Category("the routes", (routes.route_there, routes.route_answers, routes.route_matches)),
    Category("the broker", (broker.broker_reachable, broker.topic_there, broker.event_format)),
    Category(
        "the consumer group",
        (
            group.group_members, group.group_shared, group.group_partitions, group.group_size,
            group.group_offset, group.group_deleted, progress.group_moves,
        ),
    ),
    Category("a canary", (canary.canary_arrives,)),
    Category("what was not handled", (outcomes.dead_letters, outcomes.event_lost, outcomes.outbox_parked)),
)  # fmt: skip


def diagnose(seen: Evidence) -> Diagnosis:
    """What follows from what was `seen`. Behind the first hop that is broken nothing is looked into."""
    results: list[CategoryResult] = []
    broken = False
    for category in CATEGORIES:
        checks = () if broken else tuple(result for check in category.checks for result in check(seen))
        result = CategoryResult(category.name, checks, skipped=broken)
        broken = broken or result.status is Status.FAILED
        if checks or broken:
            results.append(result)
    return Diagnosis(seen.where, tuple(results))
