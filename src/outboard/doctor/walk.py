"""The walk along the way of an event: hop by hop, to the first that is broken. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from outboard.doctor.checks import (
    app,
    broker,
    canary,
    cluster,
    components,
    group,
    injection,
    outcomes,
    pods,
    progress,
    resources,
    routes,
    services,
    sidecar,
    sidecar_logs,
    subscriptions,
)
from outboard.doctor.evidence import Evidence
from outboard.doctor.results import CategoryResult, CheckResult, Diagnosis, Status

__all__ = ["CATEGORIES", "CLUSTER_CATEGORIES", "Category", "diagnose"]

SeenT = TypeVar("SeenT")


@dataclass(frozen=True, slots=True)
class Category(Generic[SeenT]):
    """A hop, and what is asked of it. All its checks are made, also where one of them has failed."""

    name: str
    checks: tuple[Callable[[SeenT], Iterable[CheckResult]], ...]


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


CLUSTER_CATEGORIES: Final = (
    Category(
        "the cluster",
        (
            cluster.cluster_reachable, cluster.cluster_namespace, cluster.cluster_visible,
            cluster.cluster_deployable,
        ),
    ),
    Category(
        "Dapr's control plane",
        (cluster.control_definitions, cluster.control_ready, cluster.control_version),
    ),
    Category(
        "the pods",
        (
            injection.injection_place, injection.injection_annotations, injection.injection_sidecar,
            injection.injection_port, pods.pod_there, pods.pod_image, pods.pod_crashes, pods.pod_runs,
            pods.pod_ready,
        ),
    ),
    Category(
        "the components",
        (
            resources.resource_namespace, resources.resource_type, resources.resource_auth_type,
            resources.resource_scopes, resources.resource_secret, resources.resource_configuration,
            resources.resource_stale, resources.resource_group,
        ),
    ),
    Category("the subscriptions", (resources.resource_subscription,)),
    Category(
        "the broker",
        (services.service_there, services.service_port, services.service_endpoints),
    ),
    Category(
        "what its sidecar has loaded",
        (sidecar_logs.log_error, sidecar_logs.log_wait, sidecar_logs.log_component),
    ),
    Category("what its sidecar has subscribed to", (sidecar_logs.log_subscribed,)),
    Category(
        "the event",
        (services.event_published, services.event_stored, services.event_received),
    ),
)  # fmt: skip
PRE_CATEGORIES: Final = CLUSTER_CATEGORIES[:2]


def diagnose(seen: Evidence) -> Diagnosis:
    """What follows from what was `seen`. Behind the first hop that is broken nothing is looked into."""
    if seen.cluster is None:
        return _walked(seen.where, CATEGORIES, seen)
    categories = PRE_CATEGORIES if seen.cluster.pre else CLUSTER_CATEGORIES
    return _walked(seen.where, categories, seen.cluster)


def _walked(where: str, categories: Iterable[Category[SeenT]], seen: SeenT) -> Diagnosis:
    results: list[CategoryResult] = []
    broken = False
    for category in categories:
        checks = () if broken else tuple(result for check in category.checks for result in check(seen))
        result = CategoryResult(category.name, checks, skipped=broken)
        broken = broken or result.status is Status.FAILED
        if checks or broken:
            results.append(result)
    return Diagnosis(where, tuple(results))
