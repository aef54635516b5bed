"""The Services that addresses of components name, and the pods behind them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from outboard.doctor.cluster_evidence import BrokerPod, ResourceSeen, ServiceSeen
from outboard.doctor.kubernetes.api import NOT_FOUND, Access, ApiRefused
from outboard.doctor.kubernetes.parsing import Object
from outboard.doctor.kubernetes.together import together

__all__ = ["seen_services", "service_of"]

LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
SLICES: Final = "discovery.k8s.io/v1"
KAFKA_PORT: Final = 9092
MOST_NAMES: Final = 3
"""So many ExternalNames are followed, one behind the other."""


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
    wanted = [
        (component, address, found)
        for component in own
        for address in (part.strip() for _, value in component.addresses for part in value.split(","))
        if (found := service_of(address.rpartition(":")[0] or address, component.namespace)) is not None
    ]
    return tuple(
        await together(
            *(_service(access, component, address, *found) for component, address, found in wanted)
        )
    )


async def _service(
    access: Access, component: ResourceSeen, address: str, name: str, namespace: str, left: int = MOST_NAMES
) -> ServiceSeen:
    try:
        found = await access.get(f"services/{name}", namespace=namespace)
    except ApiRefused as refused:
        if refused.status != NOT_FOUND:
            access.miss(f"the service '{name}'", refused, "get", f"services/{name}", namespace)
            return ServiceSeen(component.name, address, name, namespace, exists=None)
        elsewhere = await _elsewhere(access, name)
        return ServiceSeen(component.name, address, name, namespace, exists=False, elsewhere=elsewhere)
    external = found["spec"].get("externalName", "")
    target = service_of(external, namespace) if external else None
    if target is not None and external.endswith(".cluster.local") and left:
        behind = await _service(access, component, address, *target, left - 1)
        # an ExternalName hands the port on as it is
        return replace(behind, external=f"{name}.{namespace}")
    ports = tuple(each["port"] for each in found["spec"].get("ports") or ())
    ready = None if external else await _ready_endpoints(access, name, namespace)
    return ServiceSeen(
        component.name, address, name, namespace, exists=True, ports=ports,
        endpoints=None if ready is None else len(ready), external=external,
        pod=None if external else await _broker_pod(access, component, name, namespace, ports, ready or []),
    )  # fmt: skip


async def _broker_pod(
    access: Access,
    component: ResourceSeen,
    name: str,
    namespace: str,
    ports: tuple[int, ...],
    endpoints: list[Object],
) -> BrokerPod:
    """One that is ready; where none may be seen, that which a StatefulSet of the Service's name has first."""
    targets = (each.get("targetRef") or {} for each in endpoints)
    named = sorted(each["name"] for each in targets if each.get("kind") == "Pod")
    port = ports[0] if ports else KAFKA_PORT
    guessed = BrokerPod(named[0] if named else f"{name}-0", namespace, component.type, port)
    try:
        found = await access.get(f"pods/{guessed.name}", namespace=namespace)
    except ApiRefused:  # its image is only a hint at where its tools are
        return guessed
    return _with_container(guessed, found["spec"].get("containers") or [])


def _with_container(pod: BrokerPod, containers: list[Object]) -> BrokerPod:
    """The container that serves the port, else the first."""
    for each in containers:
        offered = [port["containerPort"] for port in each.get("ports") or ()]
        if pod.port in offered:
            break
    else:
        each = containers[0]
    container = each["name"] if len(containers) > 1 else ""
    return replace(pod, container=container, image=each.get("image", ""))


async def _ready_endpoints(access: Access, name: str, namespace: str) -> list[Object] | None:
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
    return [each for item in found["items"] for each in item.get("endpoints") or () if _is_ready(each)]


def _is_ready(endpoint: Object) -> bool:
    """Unknown counts as ready, as the API has it."""
    return (endpoint.get("conditions") or {}).get("ready") is not False


async def _elsewhere(access: Access, name: str) -> tuple[str, ...]:
    """The namespaces with a Service of this name; none where they may not be seen."""
    try:
        found = await access.get("services", fieldSelector=f"metadata.name={name}")
    except ApiRefused:  # a hint only: that the Service is not there is known without it
        return ()
    return tuple(each["metadata"]["namespace"] for each in found["items"])
