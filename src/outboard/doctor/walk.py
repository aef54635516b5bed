"""The walk along the way of an event: hop by hop, to the first that is broken. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from outboard.doctor.checks import (
    app,
    broker,
    canary,
    cluster,
    components,
    event_logs,
    group,
    injection,
    outcomes,
    pod_tokens,
    pods,
    progress,
    resources,
    routes,
    services,
    sidecar,
    sidecar_logs,
    subscriptions,
    unreadable,
)
from outboard.doctor.checks.in_pods import of_cluster, of_pods
from outboard.doctor.checks.sharing import group_shared_by_apps
from outboard.doctor.evidence import Evidence
from outboard.doctor.results import CategoryResult, CheckResult, Diagnosis, Status

__all__ = ["CATEGORIES", "CLUSTER_CATEGORIES", "Category", "diagnose"]


@dataclass(frozen=True, slots=True)
class Category:
    """A hop, and what is asked of it. All its checks are made, also where one of them has failed."""

    name: str
    checks: tuple[Callable[[Evidence], Iterable[CheckResult]], ...]


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
    Category(
        "what was not handled",
        (outcomes.dead_letters, outcomes.event_lost, outcomes.outbox_parked, outcomes.outbox_backlog),
    ),
)  # fmt: skip


CLUSTER_CATEGORIES: Final = (
    Category(
        "the cluster",
        (
            of_cluster(cluster.cluster_reachable), of_cluster(cluster.cluster_namespace),
            of_cluster(cluster.cluster_visible), of_cluster(cluster.cluster_deployable),
        ),
    ),
    Category(
        "Dapr's control plane",
        (
            of_cluster(cluster.control_definitions), of_cluster(cluster.control_ready),
            of_cluster(cluster.control_version),
        ),
    ),
    Category(
        "the pods",
        (
            of_cluster(injection.injection_place), of_cluster(injection.injection_annotations),
            of_cluster(injection.injection_sidecar), of_cluster(injection.injection_port),
            of_cluster(injection.injection_exposed), of_cluster(pod_tokens.injection_account),
            of_cluster(pod_tokens.injection_tokens), of_cluster(pods.pod_there), of_cluster(pods.pod_image),
            of_cluster(pods.pod_crashes), of_cluster(pods.pod_runs), of_cluster(sidecar_logs.log_wait),
            of_cluster(pods.pod_ready),
        ),
    ),
    Category("the app", (of_pods(app.app_listening), of_pods(app.app_answers))),
    Category(
        "the components",
        (
            of_cluster(resources.resource_namespace), of_cluster(resources.resource_type),
            of_cluster(resources.resource_auth_type), of_cluster(resources.resource_scopes),
            of_cluster(resources.resource_secret), of_cluster(resources.resource_configuration),
            of_cluster(resources.resource_stale), of_cluster(resources.resource_group),
        ),
    ),
    Category(
        "the subscriptions",
        (
            of_cluster(resources.resource_subscription), of_pods(subscriptions.subscribe_answers),
            of_pods(subscriptions.subscription_twice), group_shared_by_apps,
        ),
    ),
    Category(
        "the broker",
        (
            of_cluster(services.service_there), of_cluster(services.service_port),
            of_cluster(services.service_endpoints),
        ),
    ),
    Category(
        "what its sidecar has loaded",
        (of_cluster(sidecar_logs.log_error), sidecar_logs.log_component),
    ),
    Category(
        "what its sidecar has subscribed to",
        (
            sidecar_logs.log_subscribed, of_pods(subscriptions.subscription_component),
            of_pods(subscriptions.subscription_registered, by_itself=True),
        ),
    ),
    Category(
        "the routes",
        (of_pods(routes.route_there), of_pods(routes.route_answers), of_pods(routes.route_matches)),
    ),
    Category(
        "the event",
        (
            event_logs.event_published, event_logs.event_stored, unreadable.log_unreadable,
            event_logs.event_received,
        ),
    ),
)  # fmt: skip
PRE_CATEGORIES: Final = (
    *CLUSTER_CATEGORIES[:2],
    Category("the secrets", (of_cluster(resources.resource_secret),)),
)


def diagnose(seen: Evidence) -> Diagnosis:
    """What follows from what was `seen`. Behind the first hop that is broken nothing is looked into."""
    if seen.cluster is None:
        return _walked(CATEGORIES, seen)
    return _walked(PRE_CATEGORIES if seen.cluster.pre else CLUSTER_CATEGORIES, seen)


def _walked(categories: Iterable[Category], seen: Evidence) -> Diagnosis:
    results: list[CategoryResult] = []
    broken = False
    for category in categories:
        checks = () if broken else tuple(result for check in category.checks for result in check(seen))
        result = CategoryResult(category.name, checks, skipped=broken)
        broken = broken or result.status is Status.FAILED
        if checks or broken:
            results.append(result)
    return Diagnosis(seen.where, tuple(results))
