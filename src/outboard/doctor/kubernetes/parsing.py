"""Objects of the Kubernetes API, read as what was seen. Pure.

Values of a component's metadata are left out, but for those that name a server or a consumer group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from outboard.doctor.cluster_evidence import (
    ContainerSeen,
    PodSeen,
    ResourceSeen,
    SecretReference,
    WorkloadSeen,
)

__all__ = ["ADDRESS_ITEMS", "Object", "pod", "resource", "workload"]

Object: TypeAlias = "dict[str, Any]"

ADDRESS_ITEMS: Final = ("brokers", "redisHost")
"""Items that name servers as host and port, a comma between them."""
MET_BY_DEFAULT: Final = frozenset({"Ready", "ContainersReady", "PodScheduled", "Initialized"})


def pod(found: Object) -> PodSeen:
    """A pod with its containers."""
    metadata, spec, status = _parts(found)
    states = {
        each["name"]: each
        for each in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    }
    containers = [(each, True) for each in spec.get("initContainers", ())]
    containers += [(each, False) for each in spec.get("containers", ())]
    conditions = status.get("conditions", ())
    return PodSeen(
        name=metadata["name"],
        namespace=metadata["namespace"],
        phase=status.get("phase", "Unknown"),
        ready=any(each["type"] == "Ready" and each["status"] == "True" for each in conditions),
        created=_time(metadata.get("creationTimestamp")),
        labels=_pairs(metadata.get("labels")),
        annotations=_pairs(metadata.get("annotations")),
        containers=tuple(
            _container(each, states.get(each["name"], {}), _of_volumes(spec), init=init)
            for each, init in containers
        ),
        conditions=_unmet(conditions),
        finished=status.get("phase") in {"Succeeded", "Failed"} or "deletionTimestamp" in metadata,
        secrets=tuple(dict.fromkeys(filter(None, _secrets(spec)))),
    )


def _secrets(spec: Object) -> Iterator[str]:
    """The names of the Secrets of its environment and its volumes."""
    for container in (*spec.get("initContainers", ()), *spec.get("containers", ())):
        yield from _of_environment(container)
    yield from _of_volumes(spec).values()


def _of_environment(container: Object) -> Iterator[str]:
    for variable in container.get("env", ()):
        yield ((variable.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name", "")
    for source in container.get("envFrom", ()):
        yield (source.get("secretRef") or {}).get("name", "")


def _of_volumes(spec: Object) -> dict[str, str]:
    """Secrets by the names of the volumes that they are in."""
    found = {
        each["name"]: (each.get("secret") or {}).get("secretName", "") for each in spec.get("volumes", ())
    }
    return {name: secret for name, secret in found.items() if secret}


def workload(kind: str, found: Object) -> WorkloadSeen:
    """A Deployment, StatefulSet or DaemonSet."""
    metadata, spec, status = _parts(found)
    template = spec.get("template", {}).get("metadata", {})
    failures = [
        f"{each.get('reason', '')}: {each.get('message', '')}"
        for each in status.get("conditions", ())
        if each["type"] == "ReplicaFailure" and each["status"] == "True"
    ]
    return WorkloadSeen(
        kind=kind,
        name=metadata["name"],
        replicas=spec.get("replicas", 1),
        annotations=_pairs(metadata.get("annotations")),
        template_annotations=_pairs(template.get("annotations")),
        selector=_pairs(spec.get("selector", {}).get("matchLabels")),
        conditions=tuple(failures),
    )


def resource(kind: str, found: Object) -> ResourceSeen:
    """One of Dapr's own."""
    metadata, spec, _ = _parts(found)
    items = [each for each in spec.get("metadata") or () if isinstance(each, Mapping)]
    plain = {each["name"].lower(): str(each.get("value", "")) for each in items if "name" in each}
    references = [each for each in items if isinstance(each.get("secretKeyRef"), Mapping)]
    return ResourceSeen(
        kind=kind,
        name=metadata["name"],
        namespace=metadata["namespace"],
        created=_time(metadata.get("creationTimestamp")),
        changed=_changed(metadata),
        type=spec.get("type", "") if kind == "Component" else "",
        scopes=tuple(found.get("scopes") or ()),
        items=tuple(each.get("name", "") for each in items),
        addresses=tuple((name, plain[name.lower()]) for name in ADDRESS_ITEMS if plain.get(name.lower())),
        auth_type=plain.get("authtype", ""),
        consumer_group=plain.get("consumergroup") or plain.get("consumerid", ""),
        secret_store=(found.get("auth") or {}).get("secretStore", ""),
        secret_references=tuple(_reference(each) for each in references),
        target=(spec.get("pubsubname", ""), spec.get("topic", "")),
        rules=_rules(spec),
        dead_letter_topic=spec.get("deadLetterTopic", ""),
    )


def _rules(spec: Object) -> tuple[tuple[str, str], ...]:
    """Those of a Subscription, of either version; the default comes last."""
    routes = spec.get("routes") or {}
    rules = [(each.get("match", ""), each["path"]) for each in routes.get("rules") or () if "path" in each]
    default = routes.get("default") or spec.get("route")
    return (*rules, *([("", default)] if default else []))


def _reference(item: Mapping[str, Any]) -> SecretReference:
    wanted = item["secretKeyRef"]
    name = wanted.get("name", "")
    return SecretReference(item.get("name", ""), name, wanted.get("key") or name)


def _container(spec: Object, status: Object, volumes: Mapping[str, str], *, init: bool) -> ContainerSeen:
    mounts = spec.get("volumeMounts", ())
    state = status.get("state", {})
    waiting = state.get("waiting", {})
    ended = status.get("lastState", {}).get("terminated") or state.get("terminated") or {}
    return ContainerSeen(
        name=spec["name"],
        image=spec.get("image", ""),
        ports=tuple(each["containerPort"] for each in spec.get("ports", ())),
        init=init,
        ready=bool(status.get("ready")),
        running="running" in state,
        restarts=status.get("restartCount", 0),
        waiting=waiting.get("reason", ""),
        message=waiting.get("message", ""),
        last_end=f"{ended.get('reason', 'ended')}, exit code {ended.get('exitCode')}" if ended else "",
        variables=tuple(each["name"] for each in spec.get("env", ())),
        secrets=tuple(
            dict.fromkeys(
                filter(None, (*_of_environment(spec), *(volumes.get(each["name"], "") for each in mounts)))
            )
        ),
        mounts=tuple(each["mountPath"] for each in mounts),
    )


def _changed(metadata: Object) -> datetime | None:
    """When a field of the spec was written last; what only the status was written by does not count."""
    times = [
        _time(each.get("time"))
        for each in metadata.get("managedFields", ())
        if "f:spec" in each.get("fieldsV1", {})
    ]
    return max((each for each in times if each), default=_time(metadata.get("creationTimestamp")))


def _unmet(conditions: Any) -> tuple[str, ...]:
    return tuple(
        f"{each['type']}: {each.get('reason', '')} {each.get('message', '')}".strip()
        for each in conditions
        if each["type"] in MET_BY_DEFAULT
        and each["status"] != "True"
        and (each.get("reason") or each.get("message"))
    )


def _parts(found: Object) -> tuple[Object, Object, Object]:
    return found["metadata"], found.get("spec") or {}, found.get("status") or {}


def _pairs(mapping: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((mapping or {}).items()))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
