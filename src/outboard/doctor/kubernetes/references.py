"""What components refer to: Secrets, of which only the names of the keys are kept, and Services."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, Final

from outboard.doctor.cluster_evidence import ResourceSeen, SecretSeen, ServiceSeen
from outboard.doctor.kubernetes.api import NOT_FOUND, Access, ApiRefused

__all__ = ["seen_secrets", "seen_services", "service_of"]

LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
SLICES: Final = "discovery.k8s.io/v1"


async def seen_secrets(access: Access, own: Iterable[ResourceSeen]) -> tuple[SecretSeen, ...]:
    """Each Secret that is referred to, once."""
    wanted = dict.fromkeys(
        (reference.name, each.namespace)
        for each in own
        if each.secret_store in {"", "kubernetes"}
        for reference in each.secret_references
        if reference.name
    )
    return tuple([await _secret(access, name, namespace) for name, namespace in wanted])


async def _secret(access: Access, name: str, namespace: str) -> SecretSeen:
    try:
        found = await access.get(f"secrets/{name}", namespace=namespace)
    except ApiRefused as refused:
        if refused.status == NOT_FOUND:
            return SecretSeen(name, namespace, exists=False)
        access.miss(f"the secret '{name}'", refused, "get", f"secrets/{name}", namespace)
        return SecretSeen(name, namespace, exists=None)
    data: dict[str, str] = found.get("data") or {}
    access.secrets += [base64.b64decode(value).decode("utf-8", "replace") for value in data.values()]
    return SecretSeen(name, namespace, exists=True, keys=tuple(sorted(data)))


def service_of(host: str, namespace: str) -> tuple[str, str] | None:
    """Name and namespace of the Service of a DNS name of the cluster; None of a name of another kind.

    `broker`, `broker.kafka`, `broker.kafka.svc`, and a pod of a headless one: `broker-0.broker.kafka.svc`.
    """
    labels = host.lower().removesuffix(".").removesuffix(".cluster.local").split(".")
    if host in LOCAL or all(each.isdigit() for each in labels):
        return None
    if len(labels) == 1:
        return labels[0], namespace
    if labels[-1] == "svc" and len(labels) > 2:
        return labels[-3], labels[-2]
    return (labels[0], labels[1]) if len(labels) == 2 else None


async def seen_services(access: Access, own: Iterable[ResourceSeen]) -> tuple[ServiceSeen, ...]:
    """The Service of each address of a component that is one."""
    seen: list[ServiceSeen] = []
    for component in own:
        for address in (part.strip() for _, value in component.addresses for part in value.split(",")):
            found = service_of(address.rpartition(":")[0] or address, component.namespace)
            if found is not None:
                seen.append(await _service(access, component.name, address, *found))
    return tuple(seen)


async def _service(access: Access, component: str, address: str, name: str, namespace: str) -> ServiceSeen:
    try:
        found = await access.get(f"services/{name}", namespace=namespace)
    except ApiRefused as refused:
        if refused.status != NOT_FOUND:
            access.miss(f"the service '{name}'", refused, "get", f"services/{name}", namespace)
            return ServiceSeen(component, address, name, namespace, exists=None)
        elsewhere = await _elsewhere(access, name)
        return ServiceSeen(component, address, name, namespace, exists=False, elsewhere=elsewhere)
    external = found["spec"].get("externalName", "")
    target = service_of(external, namespace) if external else None
    if target is not None and external.endswith(".cluster.local"):
        behind = await _service(access, component, address, *target)
        # an ExternalName hands the port on as it is
        return ServiceSeen(
            component, address, *target, exists=behind.exists, ports=behind.ports,
            endpoints=behind.endpoints, external=f"{name}.{namespace}",
        )  # fmt: skip
    ports = tuple(each["port"] for each in found["spec"].get("ports") or ())
    endpoints = None if external else await _ready_endpoints(access, name, namespace)
    return ServiceSeen(
        component, address, name, namespace, exists=True, ports=ports, endpoints=endpoints, external=external
    )


async def _ready_endpoints(access: Access, name: str, namespace: str) -> int | None:
    try:
        found = await access.get(
            "endpointslices",
            version=SLICES,
            namespace=namespace,
            labelSelector=f"kubernetes.io/service-name={name}",
        )
    except ApiRefused as refused:
        access.miss(f"the endpoints of the service '{name}'", refused, "list", "endpointslices", namespace)
        return None
    return sum(_is_ready(each) for item in found["items"] for each in item.get("endpoints") or ())


def _is_ready(endpoint: dict[str, Any]) -> bool:
    """Unknown counts as ready, as the API has it."""
    return (endpoint.get("conditions") or {}).get("ready") is not False


async def _elsewhere(access: Access, name: str) -> tuple[str, ...]:
    """The namespaces with a Service of this name; none where they may not be seen."""
    try:
        found = await access.get("services", fieldSelector=f"metadata.name={name}")
    except ApiRefused:  # a hint only: that the Service is not there is known without it
        return ()
    return tuple(each["metadata"]["namespace"] for each in found["items"])
