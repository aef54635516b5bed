"""Components, Subscriptions, Configurations and Resiliencies of the namespace. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from outboard.doctor.checks.hot_reload import loading, reloads
from outboard.doctor.checks.known_names import COMPONENT_TYPES, nearest
from outboard.doctor.cluster_commands import kubectl
from outboard.doctor.cluster_evidence import ClusterSeen, ResourceSeen, SecretSeen
from outboard.doctor.results import CheckResult, ManualCommand, Status

__all__ = [
    "resource_auth_type",
    "resource_configuration",
    "resource_group",
    "resource_namespace",
    "resource_scopes",
    "resource_secret",
    "resource_stale",
    "resource_subscription",
    "resource_type",
]

BUILT_IN_STORE: Final = "kubernetes"
NOT_LOADED: Final = "no sidecar looks for it again"
PLURALS: Final = {
    "Component": "components",
    "Subscription": "subscriptions",
    "Configuration": "configurations",
    "Resiliency": "resiliencies",
}


def resource_namespace(seen: ClusterSeen) -> Iterator[CheckResult]:
    """A resource serves the pods of its own namespace alone; elsewhere nobody sees it, and no log says so."""
    title = "its components are in the namespace of the pods"
    if seen.resources is None or not seen.dapr_pods:
        return
    app_ids = seen.app_ids
    own = {(each.kind, each.name) for each in seen.resources if each.namespace == seen.namespace}
    has_components = bool(seen.own("Component"))
    astray = [
        each
        for each in seen.resources
        if each.namespace != seen.namespace
        and (each.kind, each.name) not in own
        and (set(each.scopes) & app_ids or (each.kind == "Component" and not has_components))
    ]
    for each in astray:
        evidence = (
            f"{each.kind} '{each.name}' is in namespace '{each.namespace}', "
            f"the pods are in '{seen.namespace}'",
        )
        fix = f"Apply it with metadata.namespace: {seen.namespace}{loading(seen)}"
        yield CheckResult(
            "resource-namespace", title, each.name, Status.FAILED, evidence, fix, _all(seen, each)
        )
    if not has_components and not astray:
        evidence = (f"namespace '{seen.namespace}' has no components",)
        fix = "Apply them to the namespace of the pods"
        command = kubectl(seen, f"get components -n {seen.namespace}")
        if _may_list(seen, "components"):
            yield CheckResult("resource-namespace", title, "", Status.FAILED, evidence, fix, command)
    elif not astray:
        command = kubectl(seen, f"get components -n {seen.namespace}")
        yield CheckResult("resource-namespace", title, seen.namespace, Status.PASSED, (), "", command)


def resource_type(seen: ClusterSeen) -> Iterator[CheckResult]:
    """Its type is one that daprd has."""
    for each in seen.own("Component"):
        title = "the type of a component is known"
        if each.type in COMPONENT_TYPES:
            yield CheckResult("resource-type", title, each.name, Status.PASSED)
            continue
        near = nearest(each.type, COMPONENT_TYPES)
        evidence = (f"'{each.type}' is no type of daprd" + (f": did you mean '{near}'?" if near else ""),)
        fix = f"Write type: {near}" if near else "Correct the type; a pluggable component is right as it is"
        status = Status.FAILED if near else Status.WARNING
        yield CheckResult("resource-type", title, each.name, status, evidence, fix, _yaml(seen, each))


def resource_auth_type(seen: ClusterSeen) -> Iterator[CheckResult]:
    """`pubsub.kafka` without `authType` is not set up."""
    for each in seen.own("Component"):
        if each.type != "pubsub.kafka":
            continue
        title = "a component of Kafka says how it logs in"
        if {"authtype", "authrequired"} & {item.lower() for item in each.items}:
            yield CheckResult("resource-auth-type", title, each.name, Status.PASSED)
            continue
        evidence = (f"'{each.name}' has no item authType: its sidecars cannot set it up",)
        fix = f"Add authType, with the value none for a broker that asks for no login{loading(seen)}"
        yield CheckResult(
            "resource-auth-type", title, each.name, Status.FAILED, evidence, fix, _yaml(seen, each)
        )


def resource_scopes(seen: ClusterSeen) -> Iterator[CheckResult]:
    """Its scopes name apps that there are."""
    if seen.pods is None:
        return
    app_ids = seen.app_ids
    for each in seen.own("Component") + seen.own("Subscription"):
        title = "its scopes name apps of the namespace"
        absent = [scope for scope in each.scopes if scope not in app_ids]
        near = {scope: nearest(scope, app_ids - set(each.scopes)) for scope in absent}
        slips = {scope: app_id for scope, app_id in near.items() if app_id}
        nobody = bool(each.scopes) and len(absent) == len(each.scopes)
        if not slips and not nobody:
            yield CheckResult("resource-scopes", title, each.name, Status.PASSED)
            continue
        evidence = [f"scopes of '{each.name}': {', '.join(each.scopes)}; apps: {', '.join(sorted(app_ids))}"]
        evidence += [f"'{scope}' is no app: did you mean '{app_id}'?" for scope, app_id in slips.items()]
        status = Status.FAILED if slips else Status.WARNING
        fix = f"Correct `scopes`{loading(seen)}"
        yield CheckResult(
            "resource-scopes", title, each.name, status, tuple(evidence), fix, _yaml(seen, each)
        )


def resource_secret(seen: ClusterSeen) -> Iterator[CheckResult]:
    """Each Secret that it refers to is in its namespace, with the key. Without the Secret the sidecars that
    get the component end; without the key it is set up with an empty value, and they are ready all the same.
    """
    title = "the secrets of its components are there"
    secrets = {(each.name, each.namespace): each for each in seen.secrets}
    stores = {each.name for each in seen.own("Component") if each.type.startswith("secretstores.")}
    for component in seen.own("Component"):
        store = component.secret_store
        if component.secret_references and store not in {"", BUILT_IN_STORE, *stores}:
            evidence = (
                f"auth.secretStore of '{component.name}' is '{store}', and there is no such component",
            )
            fix = "Correct its name, or leave it out: then Kubernetes' own secrets are meant"
            yield CheckResult(
                "resource-secret", title, component.name, Status.FAILED, evidence, fix, _yaml(seen, component)
            )
            continue
        for reference in component.secret_references:
            secret = secrets.get((reference.name, component.namespace))
            if secret is None or secret.exists is None:
                continue  # of another store, or `cluster-visible` tells of it
            problem = _secret_problem(secret, reference.key)
            status = Status.FAILED if problem else Status.PASSED
            told = (f"'{reference.item}' of '{component.name}': {problem}",) if problem else ()
            make = f"Make it in namespace '{secret.namespace}', and restart the pods: {NOT_LOADED}"
            fix = make if problem else ""
            command = kubectl(seen, f"describe secret {secret.name} -n {secret.namespace}")
            yield CheckResult("resource-secret", title, component.name, status, told, fix, command)


def _secret_problem(secret: SecretSeen, key: str) -> str:
    if not secret.exists:
        return f"there is no secret '{secret.name}' in namespace '{secret.namespace}'"
    if key not in secret.keys:
        return f"secret '{secret.name}' has no key '{key}', its keys are: {', '.join(secret.keys) or 'none'}"
    return ""


def resource_subscription(seen: ClusterSeen) -> Iterator[CheckResult]:
    """A Subscription names a pub/sub component of the namespace that its apps may have."""
    title = "the component of a Subscription is there"
    components = {each.name: each for each in seen.own("Component") if each.type.startswith("pubsub.")}
    for each in seen.own("Subscription"):
        pubsub, topic = each.target
        if pubsub in components:
            yield CheckResult("resource-subscription", title, each.name, Status.PASSED)
            continue
        there = ", ".join(components) or "none"
        evidence = (f"it takes '{topic}' of '{pubsub}'; pub/sub components here are: {there}",)
        fix = f"Correct pubsubname, or apply the component to this namespace{loading(seen)}"
        yield CheckResult(
            "resource-subscription", title, each.name, Status.FAILED, evidence, fix, _yaml(seen, each)
        )


def resource_configuration(seen: ClusterSeen) -> Iterator[CheckResult]:
    """The Configuration that a pod names is in its namespace: without it its sidecar ends."""
    title = "the Configuration of a pod is there"
    names = {each.name for each in seen.own("Configuration")}
    for pod in seen.dapr_pods:
        wanted = pod.annotation("dapr.io/config")
        if not wanted or not _may_list(seen, "configurations"):
            continue
        status = Status.PASSED if wanted in names else Status.FAILED
        evidence = (
            () if wanted in names else (f"dapr.io/config is '{wanted}', and there is none of that name",)
        )
        fix = (
            "" if wanted in names else "Correct the annotation, or apply the Configuration to this namespace"
        )
        command = kubectl(seen, f"get configurations -n {seen.namespace}")
        yield CheckResult("resource-configuration", title, pod.app_id, status, evidence, fix, command)


def resource_stale(seen: ClusterSeen) -> Iterator[CheckResult]:
    """A sidecar reads its components when it starts, unless it loads those that are changed."""
    title = "its pods were started after its components were written"
    if not _may_list(seen, "components"):
        return
    for pod in seen.dapr_pods:
        loads = reloads(seen, pod)
        later = [
            each
            for each in seen.own("Component")
            if not loads
            and each.serves(pod.app_id)
            and each.changed
            and pod.created
            and each.changed > pod.created
        ]
        evidence = tuple(
            f"'{each.name}' was written at {each.changed:%H:%M:%S}, after the pod was made" for each in later
        )
        status = Status.WARNING if later else Status.PASSED
        unless = ", unless it is Dapr 1.18 or later" if loads is None else ""
        fix = f"kubectl rollout restart deployment -n {seen.namespace}{unless}" if later else ""
        command = kubectl(seen, f"get components -n {seen.namespace}")
        yield CheckResult("resource-stale", title, pod.app_id, status, evidence, fix, command)


def resource_group(seen: ClusterSeen) -> Iterator[CheckResult]:
    """Two components with one broker and one group, for different apps: each sees a part of the events."""
    title = "no two components share a consumer group"
    groups = [each for each in seen.own("Component") if each.type == "pubsub.kafka" and each.consumer_group]
    for one, other in combinations(groups, 2):
        if (one.consumer_group, one.addresses) != (other.consumer_group, other.addresses):
            continue
        evidence = (
            f"'{one.name}' and '{other.name}' have the group '{one.consumer_group}' on the same broker",
        )
        fix = "Give each its own consumerGroup, unless they are to share the events"
        yield CheckResult("resource-group", title, one.name, Status.WARNING, evidence, fix, _yaml(seen, one))


def _may_list(seen: ClusterSeen, resource: str) -> bool:
    return not any(each.resource == resource and each.namespace == seen.namespace for each in seen.unseen)


def _all(seen: ClusterSeen, resource: ResourceSeen) -> ManualCommand:
    return kubectl(seen, f"get {PLURALS[resource.kind]} -n {seen.namespace}")


def _yaml(seen: ClusterSeen, resource: ResourceSeen) -> ManualCommand:
    return kubectl(seen, f"get {resource.kind.lower()} {resource.name} -n {resource.namespace} -o yaml")
