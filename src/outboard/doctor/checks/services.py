"""The Service that the address of a component names. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from outboard.doctor.cluster_commands import kubectl
from outboard.doctor.cluster_evidence import ClusterSeen, ServiceSeen
from outboard.doctor.results import CheckResult, Status

__all__ = ["service_endpoints", "service_port", "service_there"]


def service_there(seen: ClusterSeen) -> Iterator[CheckResult]:
    """There is a Service of that name in the namespace that the address means."""
    title = "the server of the component is there"
    for each in seen.services:
        command = kubectl(seen, f"get service {each.name} -n {each.namespace}")
        if each.exists:
            yield CheckResult("service-there", title, each.address, Status.PASSED, (), "", command)
        if each.exists is not False:
            continue  # `cluster-visible` tells of what could not be seen
        evidence = [f"'{each.component}' names {each.address}: {_what(each)}"]
        evidence += [f"there is one in namespace '{other}'" for other in each.elsewhere]
        port = each.address.rpartition(":")[2]
        fix = (
            f"Write the full name: {each.name}.{each.elsewhere[0]}.svc.cluster.local:{port}"
            if each.elsewhere
            else "Correct the address, or apply the Service"
        )
        yield CheckResult("service-there", title, each.address, Status.FAILED, tuple(evidence), fix, command)


def service_port(seen: ClusterSeen) -> Iterator[CheckResult]:
    """The port of the address is one of the Service."""
    title = "it has the port of the address"
    for each in seen.services:
        port = each.address.rpartition(":")[2]
        if not each.exists or not each.ports or not port.isdigit():
            continue
        right = int(port) in each.ports
        named = ", ".join(map(str, each.ports))
        evidence = () if right else (f"'{each.component}' names port {port}; the service has {named}",)
        fix = "" if right else "Correct the port of the address"
        status = Status.PASSED if right else Status.FAILED
        command = kubectl(seen, f"get service {each.name} -n {each.namespace}")
        yield CheckResult("service-port", title, each.address, status, evidence, fix, command)


def service_endpoints(seen: ClusterSeen) -> Iterator[CheckResult]:
    """A pod that is ready stands behind it."""
    title = "a server that is ready stands behind it"
    for each in seen.services:
        if not each.exists or each.endpoints is None:
            continue
        status = Status.PASSED if each.endpoints else Status.FAILED
        evidence = () if each.endpoints else (f"service {each.namespace}/{each.name} has no ready endpoint",)
        fix = (
            ""
            if each.endpoints
            else "See the pods that its selector chooses: none is ready, or none is chosen"
        )
        command = kubectl(
            seen, f"get endpointslices -n {each.namespace} -l kubernetes.io/service-name={each.name}"
        )
        yield CheckResult("service-endpoints", title, each.address, status, evidence, fix, command)


def _what(service: ServiceSeen) -> str:
    means = f", which {service.external} leads to" if service.external else ""
    return f"there is no service '{service.name}' in namespace '{service.namespace}'{means}"
